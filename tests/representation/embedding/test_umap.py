"""UMAP, where it is installed; and what is said where it is not."""

import importlib.util
import sys

import numpy as np
import pytest

from convscope.base.errors import BadKnob, MissingExtra
from convscope.representation.embedding.umap import umap

CODES = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
CODES[::2] += 20
installed = pytest.mark.skipif(importlib.util.find_spec("umap") is None, reason="umap-learn is not installed")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtra, match=r"pip install 'convscope\[umap\]'"):
        umap(CODES)


@installed
@pytest.mark.parametrize("dims", [2, 3])
def test_clusters_are_apart_and_the_seed_repeats(dims):
    found, again = umap(CODES, dims=dims), umap(CODES, dims=dims)
    assert found.coordinates.shape == (60, dims) and (found.coordinates == again.coordinates).all()
    apart = np.linalg.norm(found.coordinates[:, None] - found.coordinates, axis=2) + 1e9 * np.eye(60)
    assert (apart.argmin(axis=1) % 2 == np.arange(60) % 2).all()
    assert found.evidence["method"] == "umap" and found.evidence["neighbors_each"] == 15


@pytest.mark.parametrize("neighbors", [1, 60])
def test_neighbors_must_be_there(neighbors):
    with pytest.raises(BadKnob, match=f"from 2 to 59 for 60 points, not {neighbors}"):
        umap(CODES, neighbors=neighbors)
