"""A network small enough to be tortured: `small.py:build` on the command line, `build` and `Worn` from Python."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

import convscope as cs

CLASSES = ["class 0", "class 1", "class 2"]
MODES = ("train", "eval", "mixed")


def layers() -> OrderedDict[str, nn.Module]:
    """3 × 32 × 32 → 3 classes."""
    found: list[tuple[str, nn.Module]] = [("conv", nn.Conv2d(3, 8, 3)), ("bn", nn.BatchNorm2d(8)), ("relu", nn.ReLU())]
    found += [("second", nn.Conv2d(8, 6, 3, 2)), ("act", nn.ReLU(inplace=True)), ("pool", nn.AdaptiveAvgPool2d(1))]
    return OrderedDict([*found, ("flat", nn.Flatten()), ("drop", nn.Dropout(0.5)), ("head", nn.Linear(6, 3))])


def build() -> cs.Network:
    """The same network each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return network(nn.Sequential(layers()).eval())


def network(module: nn.Module) -> cs.Network:
    """A module of these layers as a network."""
    return cs.Network(module, size=32, name="small", labels=CLASSES)


def nothing(*_: Any) -> None:
    """A hook of the user's, which must be there afterwards."""


def worn(mode: str) -> nn.Module:
    """A module in the middle of its training: gradients, a hook, a frozen part, and for `mixed` both modes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = layers()
        module = nn.Sequential(parts)
        module(torch.randn(4, 3, 32, 32)).sum().backward()
    module.train(mode != "eval")
    parts["bn"].train(mode == "train")
    parts["conv"].requires_grad_(False)
    parts["head"].zero_grad()
    parts["relu"].register_forward_hook(nothing)
    parts["head"].register_full_backward_hook(nothing)
    return module
