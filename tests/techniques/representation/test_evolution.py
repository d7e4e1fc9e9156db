"""Maps over training: what is learned moves, what is not stays, and the control says which is which."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.base.progress import Cancelled, listening
from convscope.representation.embedding.quality import neighborhood_hit
from convscope.techniques.representation.embed import embed
from convscope.techniques.representation.evolution import evolution

QUICK = {"iterations": 60, "continued": 40}


@pytest.fixture(scope="module")
def pictures() -> list[tuple[np.ndarray, str]]:
    """Eighty pictures of stripes, down or across."""
    rng = np.random.default_rng(1)
    wave = np.sin(np.arange(16) * 2.2)[None, :, None] * 12 + 128
    stripes = {"down": wave.repeat(16, 0), "across": wave.repeat(16, 0).transpose(1, 0, 2)}
    names = ["down" if i % 2 else "across" for i in range(80)]
    return [(np.clip(stripes[name] + rng.normal(0, 50, (16, 16, 3)), 0, 255).astype(np.uint8), name) for name in names]


@pytest.fixture(scope="module")
def nets(pictures) -> list[cs.Network]:
    """Before and after a few steps of training."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 12, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(12, 2))
        before = copy.deepcopy(module)
        net = cs.Network(module, size=16, name="stripes")
        x = torch.cat([net.prepare(picture) for picture, _ in pictures])
        y = torch.tensor([name == "down" for _, name in pictures]).long()
        step = torch.optim.Adam(module.parameters(), 0.02)
        for _ in range(120):
            step.zero_grad()
            nn.functional.cross_entropy(module(x), y).backward()
            step.step()
    return [cs.Network(one.eval(), size=16, name="stripes") for one in (before, module)]


@pytest.fixture(scope="module")
def found(nets, pictures):
    return evolution(nets, pictures, "3", **QUICK)


def test_training_tells_classes_apart_on_one_scale(found, pictures):
    assert found.values.shape == (2, 80, 2) and found.names == ("stripes 0", "stripes 1")
    labels = [name for _, name in pictures]
    assert found.hits.tolist() == [neighborhood_hit(points, labels) for points in found.maps]
    assert found.hits[1] > found.hits[0] and found.code_hits[1] > found.code_hits[0] + 0.1


def test_the_control_tells_learning_from_chance(found, nets, pictures):
    control = found.control
    assert control["null_motion"] < 0.2 * control["median_motion"][0]
    assert 0 < control["neighbour_change"][0] <= 1 and len(control["procrustes"]) == 1
    same = evolution([nets[1], nets[1]], pictures, "3", **QUICK)
    assert same.control["neighbour_change"] == [0.0] and same.control["rank_correlation"] == [None]
    assert same.control["median_motion"][0] < 0.2 * control["median_motion"][0]
    assert found.learned.mean() > 0.5


def test_embed_of_a_list_is_the_same(found, nets, pictures):
    again = embed(nets, pictures, "3", **QUICK)
    assert np.array_equal(again.values, found.values) and again.control == found.control
    assert embed(tuple(nets), pictures, "3", **QUICK).summary() == found.summary()


def test_cancelled_it_has_the_last_maps(nets, pictures):
    def stop(step, total, _preview):
        if total > 300 and step == 300:
            raise Cancelled

    with listening(stop):
        part = evolution(nets, pictures, "3", **QUICK)
    assert "cancelled after 300" in part.evidence["partial"] and part.control["null_motion"] is None
    assert len(part.maps) == 1 and part.learned.shape == (0, 80)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda nets: nets[:1], "at least two networks"),
        (lambda nets: [nets[0], "lite0"], "net must be Networks, not str"),
        (lambda nets: [nets[0], _wider()], "must be of one architecture, but 3 has 12 units in stripes and 5 in wide"),
    ],
)
def test_what_cannot_be_compared_is_refused(nets, pictures, given, words):
    with pytest.raises(BadKnob, match=words):
        embed(given(nets), pictures, "3", **QUICK)


def _wider() -> cs.Network:
    module = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(5, 2))
    return cs.Network(module.eval(), size=16, name="wide")
