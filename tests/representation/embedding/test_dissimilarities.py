"""Maps of dissimilarities: points of a plane come back, clusters stay together, and what is no distance is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from convscope.base.errors import BadKnob
from convscope.base.progress import Cancelled, listening
from convscope.representation.embedding.dissimilarities import classical_scaling, mds, tsne_of_dissimilarities
from convscope.representation.embedding.quality import distance_rank_correlation


@pytest.fixture
def plane():
    return np.random.default_rng(0).normal(size=(40, 2)) * (3, 1)


def test_points_of_a_plane_come_back_up_to_turning(plane):
    apart = squareform(pdist(plane))
    found = mds(apart)
    np.testing.assert_allclose(pdist(found.coordinates), pdist(plane), rtol=1e-4)
    assert found.evidence["stress"] < 1e-5 and found.coordinates.dtype == np.float32
    assert distance_rank_correlation(apart, found.coordinates) == pytest.approx(1, abs=1e-4)
    centered = plane - plane.mean(0)
    products = classical_scaling(apart, 2) @ classical_scaling(apart, 2).T  # Torgerson: the inner products themselves
    np.testing.assert_allclose(products, centered @ centered.T, atol=1e-9)


def test_the_stress_is_kruskals_and_no_worse_than_that_of_random_starts():
    apart = squareform(pdist(np.random.default_rng(1).normal(size=(30, 6))))
    found = mds(apart)
    on_map = squareform(pdist(found.coordinates.astype(float)))
    assert found.evidence["stress"] == pytest.approx(
        np.sqrt(((apart - on_map) ** 2).sum() / (apart**2).sum()), rel=1e-3
    )
    again = mds(apart)
    assert np.array_equal(found.coordinates, again.coordinates) and found.evidence["updates"] > 0
    worst = [np.sqrt(2 * smacof_of(apart, seed) / (apart**2).sum()) for seed in range(3)]
    assert found.evidence["stress"] < max(worst) + 1e-3


def smacof_of(apart, seed):
    from sklearn.manifold import smacof

    return smacof(apart, n_init=1, random_state=seed, normalized_stress=False, init=None)[1]


@pytest.mark.parametrize("make", [mds, lambda apart: tsne_of_dissimilarities(apart, iterations=150)])
def test_clusters_that_only_distances_know_stay_together(make):
    kind = np.arange(60) % 3
    apart = np.where(kind[:, None] == kind, 0.2, 1.0)
    apart += np.abs(np.subtract.outer(np.arange(60), np.arange(60))) * 1e-4
    np.fill_diagonal(apart, 0)
    points = make(apart).coordinates
    on_map = squareform(pdist(points))
    np.fill_diagonal(on_map, np.inf)
    assert (kind[on_map.argmin(1)] == kind).all() and np.array_equal(points, make(apart).coordinates)


def test_cancelled_it_is_the_map_so_far():
    apart = squareform(pdist(np.random.default_rng(1).normal(size=(30, 6))))

    def stop(step, total, preview):
        raise Cancelled

    with listening(stop):
        found = mds(apart)
    assert found.evidence["updates"] == 10 and "cancelled after 1 of" in found.evidence["partial"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((5, 4)), "a matrix"),
        (np.zeros((3, 3)), "at least 4 points"),
        (np.zeros((5, 5)), "all points are the same"),
        (np.ones((5, 5)), "0 of a point and itself"),
        (np.triu(np.ones((5, 5)), 1), "symmetric"),
        (np.eye(5)[::-1] * np.nan, "finite"),
    ],
)
def test_what_is_no_dissimilarity_is_refused(bad, words):
    for make in (mds, tsne_of_dissimilarities):
        with pytest.raises(BadKnob, match=words):
            make(bad)
