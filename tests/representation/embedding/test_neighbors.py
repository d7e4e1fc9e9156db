"""Neighbors: brute force, with ties; the same in any number of blocks; the forest above a size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convscope.base.errors import BadKnob
from convscope.representation.embedding import neighbors, points
from convscope.representation.embedding.neighbors import nearest_among, nearest_neighbors, shared_neighbors


def brute(rows, queries=None):
    """Everything by its distance, of equal ones the first."""
    asked = rows if queries is None else queries
    apart = np.sqrt(np.square(asked[:, None].astype(float) - rows).sum(axis=2))
    if queries is None:
        np.fill_diagonal(apart, np.inf)
    order = np.argsort(apart, axis=1, kind="stable")
    return order, np.take_along_axis(apart, order, 1)


@given(rows=arrays(np.float32, (40, 2), elements=st.integers(0, 3)), k=st.integers(1, 39))
def test_neighbors_are_those_of_brute_force_ties_too(rows, k):
    found, (order, apart) = nearest_neighbors(rows, k), brute(rows)
    assert (found.indices == order[:, :k]).all()
    assert found.distances == pytest.approx(apart[:, :k])


@pytest.mark.parametrize("floats", [1, 100, 10**6])
def test_blocks_change_nothing(floats, monkeypatch):
    rows = np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)
    rows[40:60] = rows[3]
    whole = nearest_neighbors(rows, 7)
    blocks = points.row_blocks
    monkeypatch.setattr(neighbors, "row_blocks", lambda count, width: blocks(count, width, floats))
    parts = nearest_neighbors(rows, 7)
    assert (parts.indices == whole.indices).all() and (parts.distances == whole.distances).all()


def test_close_points_far_from_the_rest_are_told_apart():
    """Products of matrices lose these distances; what is found does not."""
    rows = np.vstack([np.arange(30)[:, None] * 1e-6 + [1e4, 0], -np.ones((5, 2)) * 1e4])
    assert (nearest_neighbors(rows, 3).indices == brute(rows)[0][:, :3]).all()


def test_cosine_is_about_directions():
    rows = np.array([[1, 0], [50, 1], [0, 3], [1, 40.0]])
    assert nearest_neighbors(rows, 1, metric="cosine").indices.ravel().tolist() == [1, 0, 3, 2]
    assert nearest_neighbors(rows, 1, metric="l2").indices.ravel().tolist() == [2, 0, 0, 2]


def test_neighbors_among_others_include_copies():
    random = np.random.default_rng(0)
    rows, asked = random.normal(size=(50, 4)), random.normal(size=(20, 4))
    asked[0] = rows[17]
    found = nearest_among(rows, asked, 5)
    assert (found.indices == brute(rows, asked)[0][:, :5]).all()
    assert found.indices[0, 0] == 17 and found.distances[0, 0] == 0


def test_above_a_size_a_forest_is_asked_and_measured():
    rows = np.random.default_rng(0).normal(size=(300, 8))
    rows[100:140] = rows[0]  # of which Annoy calls any the point itself
    found = nearest_neighbors(rows, 10, exact_up_to=299, seed=3)
    exact = nearest_neighbors(rows, 10, exact_up_to=300)
    assert "neighbor_recall" not in exact.evidence and "Annoy" in found.evidence["neighbors"]
    assert not (found.indices == np.arange(300)[:, None]).any()
    assert (np.diff(found.distances, axis=1) >= 0).all()
    probes = points.chosen_rows(300, 200, 3)
    recall = shared_neighbors(exact.indices, found.indices)[probes].mean()
    assert found.evidence["neighbor_recall"] == pytest.approx(recall) and recall > 0.8
    again = nearest_neighbors(rows, 10, exact_up_to=299, seed=3)
    assert (again.indices == found.indices).all()


def test_shares_of_neighbors():
    assert shared_neighbors(np.array([[1, 2], [3, 4]]), np.array([[2, 9], [4, 3]])).tolist() == [0.5, 1]


@pytest.mark.parametrize("k", [0, 4])
def test_there_must_be_so_many_others(k):
    with pytest.raises(BadKnob, match=rf"from 1 to 3.* not {k}"):
        nearest_neighbors(np.eye(4), k)


def test_widths_must_agree():
    with pytest.raises(BadKnob, match="4 numbers wide, as those of the map, not 2"):
        nearest_among(np.eye(4), np.eye(2), 1)
