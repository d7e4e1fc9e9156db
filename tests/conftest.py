"""What tests share: the development data, the embedded network, and a network small enough to reason about."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import settings
from torch import nn

import convscope as cs
from convscope.optimize.canvas import Frame
from convscope.optimize.draws import generator

settings.register_profile("same", derandomize=True, deadline=None)  # a failure must come back in the next run
settings.load_profile("same")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data and models beside the repository; a fresh clone has none."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the development data in {folder}")
    return folder


@pytest.fixture(scope="session")
def lite0() -> cs.Network:
    """The embedded network; do not change it."""
    return cs.load("lite0")


@pytest.fixture
def tiny() -> cs.Network:
    """Layers 0 (conv), 1 (bn), 2 (relu), 3 (conv), 4 (pool), 5 (flatten), 6 (linear): 3 × 32 × 32 → 5 classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 4, 3, stride=2, padding=1),
            nn.MaxPool2d(4),
            nn.Flatten(),
            nn.Linear(64, 5),
        )
    return cs.Network(module.eval(), size=32, name="tiny")


@pytest.fixture
def frame():
    """Frames to paint in, by count, channels, height and width."""

    def made(count=2, channels=3, height=8, width=8, seed=0):
        return Frame([generator(seed, n) for n in range(count)], channels, height, width, torch.device("cpu"))

    return made
