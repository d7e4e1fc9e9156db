"""Torchvision's architectures with fewer and narrower blocks: every operation of the whole ones, in less time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.efficientnet import EfficientNet, MBConvConfig
from torchvision.models.vgg import VGG, make_layers

import convscope as cs


def vgg16() -> nn.Module:
    """All sixteen layers, at an eighth of the width."""
    module = VGG(make_layers([8, 8, "M", 16, 16, "M", *([32, 32, 32, "M"] + 2 * [64, 64, 64, "M"])]))
    module.classifier[0], module.classifier[3], module.classifier[6] = (
        nn.Linear(64 * 49, 64), nn.Linear(64, 64), nn.Linear(64, 1000),
    )  # fmt: skip
    return module


def efficientnet() -> nn.Module:
    """The stages of B0, of one block each, at a quarter of the width."""
    stages = [
        (1, 3, 1, 32, 16), (6, 3, 2, 16, 24), (6, 5, 2, 24, 40), (6, 3, 2, 40, 80),
        (6, 5, 1, 80, 112), (6, 5, 2, 112, 192), (6, 3, 1, 192, 320),
    ]  # fmt: skip
    return EfficientNet([MBConvConfig(*stage, 1, width_mult=0.25) for stage in stages], 0.2)


def convnext() -> nn.Module:
    """Four stages of one block each, at a quarter of the width of the tiny one."""
    widths = [24, 48, 96, 192, None]
    return ConvNeXt([CNBlockConfig(width, widths[n + 1], 1) for n, width in enumerate(widths[:4])])


SHORT: dict[str, Callable[[], nn.Module]] = {
    "convnext": convnext,
    "densenet": lambda: models.DenseNet(8, (3, 3, 2, 2), 16),
    "efficientnet": efficientnet,
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
