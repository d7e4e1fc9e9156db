"""The command line of training: what it prints, writes and refuses."""

from __future__ import annotations

import json

import convscope as cs


def test_train_says_how_well_it_learned_and_how_to_open_it(convscope, tmp_path):
    ran = convscope("train", "mnist", "--steps", 4, "-o", tmp_path / "out")
    assert ran.code == 0, ran.err
    first, right, watch, saved = ran.out.splitlines()
    assert first == "mnist · scikit-learn's digits · 4 steps"
    assert "of 180 pictures held out" in right
    assert watch == f"watch it: convscope watch {tmp_path / 'out'}"
    assert saved.endswith(f"convscope explore {tmp_path / 'out' / 'network.py'}:net")
    assert cs.open_record(tmp_path / "out" / "record").steps == 4


def test_train_as_json_and_its_refusals(convscope, tmp_path):
    ran = convscope("train", "cifar10", "--steps", 1, "-o", tmp_path / "out", "--json")
    assert json.loads(ran.out)["steps"] == 1
    ran = convscope("train", "cifar10", "--source", tmp_path / "none", "-o", tmp_path / "other")
    assert ran.code == 2
    assert "There is no folder" in ran.err
    assert not (tmp_path / "other").exists()
    assert convscope("train", "imagenet").code == 2
