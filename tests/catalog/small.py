"""A network with `lite0`'s names and little work: every technique of the catalog is asked of it, in every way."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

import convscope as cs

LABELS = ["tabby", "gibbon", "flower", "coffee", "rocket", "chelsea", "cup", "moon"]


def _block(channels: int, wider: int) -> nn.Sequential:
    first, last = nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.Conv2d(channels, wider, 1)
    return nn.Sequential(nn.Sequential(OrderedDict(conv_dw=first, act=nn.ReLU6(), conv_pw=last)))


class Small(nn.Module):
    """conv_stem, bn1 and seven blocks of two convolutions, then a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.bn1 = nn.Sequential(OrderedDict(norm=nn.BatchNorm2d(8), act=nn.ReLU6()))
        self.blocks = nn.Sequential(*(_block(8, 8) for _ in range(6)), _block(8, 12))
        self.classifier = nn.Linear(12, len(LABELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen: torch.Tensor = self.classifier(self.blocks(self.bn1(self.conv_stem(x))).mean((2, 3)))
        return seen


def small() -> cs.Network:
    """Its weights are drawn from one seed, its classes have names."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Small()
        nn.init.normal_(module.classifier.weight, std=2)
    return cs.Network(module.eval(), size=48, labels=LABELS)
