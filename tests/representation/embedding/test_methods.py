"""The methods by name, and what is done to codes before each."""

import numpy as np
import pytest

from convscope.base.errors import BadKnob
from convscope.representation.embedding.methods import METHODS, map_codes, pca
from convscope.representation.embedding.principal import principal_axes
from convscope.representation.embedding.tsne import tsne

CODES = np.abs(np.random.default_rng(0).normal(size=(80, 60)).astype(np.float32))
SHORT = {"early_iterations": 5, "iterations": 5}


def test_codes_are_reduced_to_fifty_components_first():
    found = map_codes(CODES, "pca", dims=3)
    assert found.evidence["components"] == 50 and 0.9 < found.evidence["components_explained"] < 1
    centered = CODES.astype(float) - CODES.mean(axis=0, dtype=float)
    values = np.linalg.svd(centered, compute_uv=False)
    assert np.linalg.norm(found.coordinates - found.coordinates.mean(axis=0), axis=0) == pytest.approx(
        values[:3], rel=1e-4
    )
    assert map_codes(CODES, **SHORT).coordinates.shape == (80, 2)


def test_for_the_cosine_lengths_do_not_matter():
    longer = CODES * np.arange(1, 81)[:, None]
    found, same = (map_codes(codes, metric="cosine", **SHORT) for codes in (CODES, longer))
    assert found.coordinates == pytest.approx(same.coordinates, abs=1e-5) and found.evidence["metric"] == "cosine"
    assert map_codes(longer, **SHORT).coordinates != pytest.approx(map_codes(CODES, **SHORT).coordinates, abs=1e-5)


def test_a_flat_map_of_principal_components_says_so():
    found = pca(np.arange(5.0)[:, None])
    assert (found.coordinates[:, 1] == 0).all() and found.evidence[
        "flat"
    ] == "the codes have 1 of the map's 2 directions"
    assert found.coordinates[:, 0].tolist() == [-2, -1, 0, 1, 2]


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_every_method_takes_the_same_and_refuses_the_same(method):
    found = METHODS[method](CODES, dims=3, seed=1, names=None)
    assert found.coordinates.shape == (80, 3) and found.coordinates.dtype == np.float32
    with pytest.raises(BadKnob, match="all 9 are equal"):
        map_codes(np.ones((9, 2)), method)


def test_reduced_codes_are_what_the_method_is_given():
    reduced = principal_axes(CODES).project(CODES)
    assert (map_codes(CODES, **SHORT).coordinates == tsne(reduced, **SHORT).coordinates).all()
