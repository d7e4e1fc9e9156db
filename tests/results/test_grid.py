"""Grids: every cell once, the least cost where that is promised, near it where it is not."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from convscope.base.errors import BadKnob
from convscope.results import grid
from convscope.results.grid import arrange, arrangement_cost


def clustered(count, seed=0):
    random = np.random.default_rng(seed)
    return (random.normal(size=(10, 2)) * 5)[random.integers(0, 10, count)] + random.normal(size=(count, 2))


def cells_of(count, columns):
    return np.array([divmod(i, columns) for i in range(count)])


def test_eight_points_as_by_trying_all():
    placed = np.random.default_rng(0).random((8, 2))
    low, high = placed.min(axis=0), placed.max(axis=0)
    targets = ((placed - low) / (high - low) * [3, 1])[:, ::-1]
    cells = cells_of(8, 4)
    best = min(itertools.permutations(range(8)), key=lambda order: np.square(targets - cells[list(order)]).sum())
    assert (arrange(placed, 4) == cells[list(best)]).all()
    assert arrangement_cost(placed, arrange(placed, 4)) == pytest.approx(np.square(targets - cells[list(best)]).sum())


@pytest.mark.parametrize(("count", "columns"), [(12, 4), (600, 30), (1200, 40), (1600, 40)])
def test_a_grid_that_was_shuffled_is_found_again(count, columns):
    cells = cells_of(count, columns)[np.random.default_rng(0).permutation(count)]
    found = arrange(cells[:, ::-1] * [0.5, 3.0] + 7, columns)
    assert (found == cells).all() and arrangement_cost(cells[:, ::-1], found) == pytest.approx(0, abs=1e-20)


@given(count=st.integers(1, 40), columns=st.integers(1, 45), seed=st.integers(0, 9), small=st.booleans())
def test_every_cell_is_taken_once_and_the_last_stay_empty(count, columns, seed, small):
    placed = np.random.default_rng(seed).integers(0, 4, (count, 2)).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(grid, "_EXACT_UP_TO", 0)
            patch.setattr(grid, "_SMALL", 4)
        found = arrange(placed, columns)
    assert sorted(map(tuple, found)) == sorted(map(tuple, cells_of(count, columns)))


@pytest.mark.parametrize("count", [577, 790])
def test_many_points_cost_little_more_than_the_least(count, monkeypatch):
    placed = clustered(count)
    least = arrangement_cost(placed, arrange(placed))
    monkeypatch.setattr(grid, "_EXACT_UP_TO", count - 1)
    found = arrange(placed)
    assert least <= arrangement_cost(placed, found) < 1.1 * least
    assert (found == arrange(placed)).all()
    monkeypatch.setattr(grid, "_MOST_PASSES", 0)
    assert arrangement_cost(placed, arrange(placed)) > 1.1 * least


def test_a_window_assigned_again_is_as_good_as_from_nothing():
    random = np.random.default_rng(0)
    targets, cells = random.random((60, 2)) * 8, cells_of(60, 8)
    costs = np.square(targets[:, None] - cells).sum(axis=2)
    rows, best = linear_sum_assignment(costs)
    again = grid._reassigned(targets, cells[best][random.permutation(60)])
    assert sorted(again) == list(range(60)) and grid._costs(targets, cells) == pytest.approx(costs)
    shuffled = cells[random.permutation(60)]
    found = grid._reassigned(targets, shuffled)
    assert np.square(targets - shuffled[found]).sum() == pytest.approx(costs[rows, best].sum())


def test_by_default_as_square_as_can_be():
    assert arrange(clustered(10)).max(axis=0).tolist() == [2, 3]
    assert arrange(clustered(9)).max(axis=0).tolist() == [2, 2]


def test_columns_follow_x_and_rows_y():
    assert arrange([[0, 0], [1, 0], [0, 1], [1, 1]]).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_points_on_a_line_and_in_one_place():
    assert arrange([[5, 1], [3, 1], [4, 1]], 3).tolist() == [[0, 2], [0, 0], [0, 1]]
    assert sorted(map(tuple, arrange(np.ones((4, 2))))) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert arrange(np.zeros((0, 2))).shape == (0, 2)


def test_refusals():
    with pytest.raises(BadKnob, match="1 is not"):
        arrange([[0, 0], [np.nan, 1]])
    with pytest.raises(BadKnob, match="columns must be at least 1, not 0"):
        arrange([[0, 0]], 0)
    with pytest.raises(BadKnob, match=r"must be \(n, 2\) .* not of shape \(4, 3\)"):
        arrange(np.ones((4, 3)))
