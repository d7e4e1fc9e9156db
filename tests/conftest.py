"""What tests share: the development data, the embedded network, and a network small enough to reason about.

What hands files to the workers reads this too, and runs no test: torch is imported where it is used.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

import convscope as cs
from convscope.base.errors import CannotExport

if TYPE_CHECKING:
    from convscope.graph.trace import Graph
    from convscope.network.layers.layer_table import Table
    from convscope.network.network import Family

settings.register_profile("same", derandomize=True, deadline=None, max_examples=40)  # a failure must come back
settings.register_profile("sweep", settings.get_profile("same"), max_examples=100)  # of those that say no number
settings.load_profile("same")

LONGEST = [  # one of these begun last would keep all other workers waiting; those of the page stand together and share
    "web/test_access.py", "web/test_checklist.py", "web/test_beyond.py", "web/test_style.py", "web/test_restart.py",
    "web/test_own.py", "graph/test_receptive_field.py", "catalog/test_contract.py", "scan/test_ray_engine.py",
    "test_docs.py", "fronts/report/test_report.py", "scan/test_scan.py", "execution/test_plan.py",
    "fronts/cli/test_main.py", "techniques/visualization/test_maximize.py",
    "techniques/visualization/test_maximize_batches.py", "catalog/test_rerun.py", "techniques/style/test_style.py",
    "network/layers/test_functions.py", "techniques/test_any_network.py", "data/test_loading.py",
    "explorer/jobs/test_killed.py", "scan/test_scan_resume.py", "explorer/jobs/test_jobs.py", "test_package.py",
]  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Have pytest-xdist hand out files in the order of the collection, not those of the most tests first."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    rank = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(LONGEST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give all tests of the page to one worker, which starts one explorer for them; else, whole files as usual."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "tests/web" if file.startswith("tests/web/") else file

    return Together(config, log)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data and models beside the repository; a fresh clone has none."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the development data in {folder}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def graphs_of_the_zoo() -> Iterator[None]:
    """A network of the zoo is exported once, with all its layers, however often it is loaded: that takes seconds."""
    from convscope.graph import trace
    from convscope.network.isolation.parts import unwrap
    from convscope.network.isolation.running import dtype_of
    from convscope.network.isolation.user_hooks import hooks_of

    export, known = trace.trace, dict[object, "Graph"]()

    def once(net: cs.Network, *layers: str) -> Graph:
        module, every, name = unwrap(net.module), tuple(net.layers.including(*layers)), net.reference["reference"]
        if not name or hooks_of(module):
            return export(net, *layers)
        form = name, repr(module), dtype_of(module), net.preprocessing.size, net.preprocessing.channels, net.output
        if (form, every) not in known:
            try:
                known[form, every] = export(net, *every)
            except CannotExport:  # for a layer that is not asked for, it may be
                return export(net, *layers)
        return known[form, every].up_to(layers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "trace", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def build_lite() -> Iterator[Callable[[str, str], cs.Network]]:
    """The embedded network is built from its file once; who loads it gets a copy, and this builds it anew."""
    from convscope.zoo import lite

    build, known = lite.lite, dict[str, cs.Network]()

    def once(name: str, weights: str) -> cs.Network:
        if (name, weights) != ("lite0", "default"):
            return build(name, weights)
        if name not in known:
            known[name] = build(name, weights)
        return copy.deepcopy(known[name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lite, "lite", once)
        yield build


@pytest.fixture(scope="session", autouse=True)
def layers_of_lite0() -> Iterator[None]:
    """The embedded network is looked through once, however often it is loaded: that takes a forward."""
    from convscope.network import network
    from convscope.network.isolation.user_hooks import hooks_of
    from convscope.network.layers import layer_table

    look, known = network.layer_table, dict[tuple[str, str], "Table"]()

    def once(net: cs.Network) -> Table:
        if net.reference["reference"] != "lite0" or hooks_of(net.module):
            return look(net)
        key = net.name, net.digest
        if key not in known:
            known[key] = look(net)
            known[key].layers._find = None  # which holds the network
        table = known[key]
        layers = copy.copy(table.layers)
        layers._find = partial(layer_table._with_functions, net)
        return replace(table, layers=layers, mixing={})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "layer_table", once)
        yield


@pytest.fixture(scope="session")
def lite0() -> cs.Network:
    """The embedded network; do not change it."""
    return cs.load("lite0")


@pytest.fixture(scope="session")
def family_of_tiny() -> Family:
    """What every `tiny` shares, so that each of its graphs is exported once."""
    from convscope.network.network import Family

    return Family()


@pytest.fixture
def tiny(family_of_tiny: Family) -> cs.Network:
    """Layers 0 (conv), 1 (bn), 2 (relu), 3 (conv), 4 (pool), 5 (flatten), 6 (linear): 3 × 32 × 32 → 5 classes."""
    import torch
    from torch import nn

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
    net.family = family_of_tiny
    return net


@pytest.fixture
def frame():
    """Frames to paint in, by count, channels, height and width."""
    import torch

    from convscope.optimize.canvas import Frame
    from convscope.optimize.draws import generator

    def made(count=2, channels=3, height=8, width=8, seed=0):
        return Frame([generator(seed, n) for n in range(count)], channels, height, width, torch.device("cpu"))

    return made
