"""Maps of images that can be told apart by their color, as an explorer has them at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import convscope as cs
from convscope.base.unit import Unit
from convscope.contract.request import Request
from convscope.data.open import open_source
from convscope.explorer.workspace.workspace import Workspace
from convscope.results.embedding import Embedding
from convscope.store import Store


def color_of(number: int) -> tuple[int, int, int]:
    """A color for each number up to 4095, no two nearer than 16."""
    return tuple(8 + 16 * (number >> shift & 15) for shift in (8, 4, 0))


def numbers_of(colors: np.ndarray) -> np.ndarray:
    """The numbers that colors (n, 3) stand for."""
    parts = np.clip(np.rint((np.asarray(colors, float) - 8) / 16), 0, 15).astype(int)
    return parts @ [256, 16, 1]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 images of one color each, in folders `train/…` and `test/…`."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(40):
        place = folder / ("train" if number % 4 else "test") / f"{number:03d}.png"
        place.parent.mkdir(exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 60, (32, 32, 3))
        PIL.Image.fromarray((np.array(color_of(97 * number)) * 0.7 + noise).astype(np.uint8)).save(place)
    return folder


@pytest.fixture
def at_hand(tiny: cs.Network, pictures: Path, tmp_path: Path):
    """A workspace that was started with the pictures."""
    made = Workspace({"tiny": lambda: tiny}, Store(tmp_path / "store"), str(pictures), open_source(pictures))
    made.begin()
    yield made
    made.store.close()


@pytest.fixture
def embedded(tiny: cs.Network, pictures: Path) -> Embedding:
    """A map of the pictures by the library."""
    return cs.embed(tiny, str(pictures), "3", method="pca")


@pytest.fixture
def made_map():
    """Makes a map of points, of images in a source and a network."""

    def made(points, source, net, labels=None) -> Embedding:
        points = np.asarray(points, np.float32)
        subjects = {"net": net.describe(), "source": source.describe(), "layer": {"reference": "3"}}
        return Embedding(
            values=points,
            unit=Unit("3"),
            network=net.name,
            evidence={"pool": "mean", "metric": "l2", "method": "pca"},
            ids=tuple(source.entry(number).id for number in range(len(points))),
            labels=tuple(labels or [None] * len(points)),
            quality={"trustworthiness": 0.5, "hit": None},
            request=Request("embed", subjects, {"pool": "mean"}),
        )

    return made
