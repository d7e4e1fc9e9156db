"""The loop learns, is recorded, ends early with what there is, and leaves a network that other commands open."""

from __future__ import annotations

import pytest
import torch

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.training.convnetjs.train import train


def test_it_learns_and_leaves_a_network_that_can_be_opened(tmp_path):
    before = torch.get_rng_state()
    told = train("mnist", None, tmp_path, steps=150)
    assert told["accuracy"] > 0.5
    assert (told["steps"], told["of"]) == (150, 180)
    assert torch.equal(before, torch.get_rng_state())
    net = cs.load(f"{tmp_path / 'network.py'}:net", device="cpu")
    assert net.preprocessing.size == (24, 24)
    record = cs.open_record(tmp_path / "record")
    assert record.steps == 150
    assert {"loss", "accuracy"} <= set(record.table("steps").column_names)
    probe, module = record.answers(150), net.module
    assert not record.table("events").to_pylist()
    assert probe.shape == (180, 10)
    assert not module.training


def test_interrupted_it_keeps_what_there_is(tmp_path):
    def stop(step, total, preview):
        if step == 3:
            raise cs.Cancelled

    with cs.listening(stop):
        told = train("cifar10", None, tmp_path, steps=50)
    assert "3 of 50" in told["partial"]
    assert cs.open_record(tmp_path / "record").steps == 3
    assert cs.load(f"{tmp_path / 'network.py'}:net", device="cpu").labels[:2] == ("0", "1")


def test_the_same_seed_gives_the_same_weights_and_the_record_goes_on(tmp_path):
    for folder in ("a", "b"):
        train("mnist", None, tmp_path / folder, steps=3, seed=1)
    assert (tmp_path / "a" / "weights.safetensors").read_bytes() == (
        tmp_path / "b" / "weights.safetensors"
    ).read_bytes()
    train("mnist", None, tmp_path / "a", steps=2, seed=2)
    assert cs.open_record(tmp_path / "a" / "record").steps == 5


def test_other_names_and_knobs_are_refused(tmp_path):
    with pytest.raises(BadKnob, match="mnist or cifar10"):
        train("imagenet", None, tmp_path)
    with pytest.raises(BadKnob, match="steps"):
        train("mnist", None, tmp_path, steps=0)
