"""Attacks of other libraries: they are given the picture's own pixels, and judged by the file."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, MissingExtra
from convscope.techniques.adversarial import foreign


@pytest.fixture
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cs.Network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 5)).eval(), size=16, name="flat")


PICTURE = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)


def signed(module, x, y):
    """FGSM as any library has it."""
    assert x.shape == (1, 3, 24, 30) and next(module.parameters()).device == x.device and not module.training
    leaf = x.clone().requires_grad_()
    nn.functional.cross_entropy(module(leaf), y).backward()
    return (x + 4 / 255 * leaf.grad.sign()).clamp(0, 1)


def test_it_is_judged_by_its_file(net):
    found = foreign.foreign_attack(net, PICTURE, signed, eps="4/255")
    own = cs.fgsm(net, PICTURE, eps="4/255")
    assert np.array_equal(found.image, own.image) and found.success == own.success
    assert net.predict(found.file)[0][0] == found.label and found.norms["steps"] == 4


def test_what_breaks_the_budget_is_brought_back_into_it(net):
    found = foreign.foreign_attack(net, PICTURE, lambda module, x, y: 1 - x, eps="2/255")
    assert found.norms["steps"] <= 2


def test_what_is_not_installed_is_named(net, monkeypatch):
    monkeypatch.setitem(sys.modules, "adv_lib.attacks", None)
    monkeypatch.setitem(sys.modules, "torchattacks", None)
    with pytest.raises(MissingExtra, match="pip install adv-lib"):
        foreign.decoupled_direction_norm()
    with pytest.raises(MissingExtra, match="pip install torchattacks"):
        foreign.autoattack(net)


def test_autoattack_is_refused_for_few_classes(monkeypatch):
    monkeypatch.setattr(foreign, "_library", lambda name: None)
    two = cs.Network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2)).eval(), size=16)
    with pytest.raises(BadKnob, match="at least 4 classes"):
        foreign.autoattack(two)
