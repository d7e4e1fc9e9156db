"""What tests share: the development data, the embedded network, and a network small enough to reason about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from torch import nn

import convscope as cs
from convscope.graph import trace
from convscope.network.isolation.parts import unwrap
from convscope.network.isolation.running import dtype_of
from convscope.network.isolation.user_hooks import hooks_of

settings.register_profile("same", derandomize=True, deadline=None)  # a failure must come back in the next run
settings.load_profile("same")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data and models beside the repository; a fresh clone has none."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the development data in {folder}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def graphs_of_the_zoo() -> Iterator[None]:
    """A network of the zoo that is loaded again has the graph it had before: exporting one takes seconds."""
    export, known = trace.trace, dict[object, trace.Graph]()

    def once(net: cs.Network, *layers: str) -> trace.Graph:
        module = unwrap(net.module)
        if not net.reference["reference"] or hooks_of(module):
            return export(net, *layers)
        form = repr(module), dtype_of(module), net.preprocessing.size, net.preprocessing.channels, net.output
        key = (net.reference["reference"], form, tuple((name, net.layers[name].calls) for name in layers))
        if key not in known:
            known[key] = export(net, *layers)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "trace", once)
        yield


@pytest.fixture(scope="session")
def lite0() -> cs.Network:
    """The embedded network; do not change it."""
    return cs.load("lite0")


@pytest.fixture(scope="session")
def graphs_of_tiny() -> dict[object, object]:
    """The graphs of `tiny`, each exported once."""
    return {}


@pytest.fixture
def tiny(graphs_of_tiny: dict[object, object]) -> cs.Network:
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
    net = cs.Network(module.eval(), size=32, name="tiny")
    net.graphs = graphs_of_tiny
    return net
