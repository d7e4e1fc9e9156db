"""Torchvision's architectures with fewer and narrower blocks: every operation of the whole ones, in less time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torchvision import models
from torchvision.models.vgg import VGG, make_layers

import convscope as cs


def vgg16() -> nn.Module:
    """All sixteen layers, at an eighth of the width."""
    module = VGG(make_layers([8, 8, "M", 16, 16, "M", *([32, 32, 32, "M"] + 2 * [64, 64, 64, "M"])]))
    module.classifier[0], module.classifier[3], module.classifier[6] = (
        nn.Linear(64 * 49, 64), nn.Linear(64, 64), nn.Linear(64, 1000),
    )  # fmt: skip
    return module


SHORT: dict[str, Callable[[], nn.Module]] = {
    "densenet": lambda: models.DenseNet(8, (3, 3, 2, 2), 16),
    "swin": lambda: models.SwinTransformer([4, 4], 24, [2], [1], [7, 7]),
    "vgg16": vgg16,
    "vit": lambda: models.VisionTransformer(224, 16, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64),
}


def random(name: str) -> nn.Module:
    """One of these, or any of torchvision's whole, always with the same random weights."""
    if name not in SHORT:
        return cs.load(f"torchvision:{name}", weights=None).module
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SHORT[name]().eval()
