"""The networks of ConvNetJS's demos on MNIST and CIFAR-10 (Karpathy 2014), layer by layer as they were published."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from ...network.network import Network

DIGITS = tuple("0123456789")
CIFAR10 = ("airplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def mnist(labels: Sequence[str] = DIGITS) -> Network:
    """Two convolutions of 8 and 16 filters 5 × 5, for grey pictures of 24 × 24; random weights, drawn by torch's seed.

    https://cs.stanford.edu/people/karpathy/convnetjs/demo/mnist.html
    """
    module = nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3),
        nn.Flatten(), nn.Linear(16 * 4 * 4, len(labels)),
    )  # fmt: skip
    return Network(_begun(module), size=24, mean=[0.0], std=[1.0], resize=28 / 24, labels=labels, name="mnist")


def cifar10(labels: Sequence[str] = CIFAR10) -> Network:
    """Three convolutions of 16, 20 and 20 filters 5 × 5, for pictures of 32 × 32; random weights, as above.

    https://cs.stanford.edu/people/karpathy/convnetjs/demo/cifar10.html
    """
    module = nn.Sequential(
        nn.Conv2d(3, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 20, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(20, 20, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(20 * 4 * 4, len(labels)),
    )  # fmt: skip
    return Network(_begun(module), size=32, mean=[0.5] * 3, std=[1.0] * 3, labels=labels, name="cifar10")


@torch.no_grad()
def _begun(module: nn.Sequential) -> nn.Sequential:
    """Weights as ConvNetJS draws them: normal, of variance 1 / inputs; biases 0.1 before a rectifier, else 0."""
    for part in module:
        if isinstance(part, nn.Conv2d | nn.Linear):
            assert part.bias is not None
            part.weight.normal_(0, 1 / math.sqrt(part.weight[0].numel()))
            part.bias.fill_(0.1 if isinstance(part, nn.Conv2d) else 0.0)
    return module
