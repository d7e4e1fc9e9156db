"""Which images of a map are drawn first: one in each cell of each level, and pages that a view touches few of."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convscope.explorer.workspace.map_detail import PAGE, atlas_slots, nested_order

COORDINATES = st.floats(-1e3, 1e3, width=32) | st.sampled_from([0.0, 1.0])
POINTS = st.tuples(st.integers(0, 60), st.sampled_from([2, 3])).flatmap(
    lambda shape: arrays(np.float32, shape, elements=COORDINATES)
)


def cells_of(points, depth):
    """The cell of each point, where the cube around all is cut into 2**depth a side."""
    moved = points.astype(np.float64) - points.min(axis=0)
    shares = moved / (moved.max() or 1.0)
    return [tuple(cell) for cell in np.minimum(np.floor(shares * 2**depth), 2**depth - 1).astype(int).tolist()]


@given(POINTS)
def test_each_level_is_one_image_in_each_cell_that_holds_any(points):
    order, levels = nested_order(points)
    assert sorted(order.tolist()) == list(range(len(points)))
    for depth, count in enumerate(levels):
        cells = cells_of(points, depth)
        shown = [cells[number] for number in order[:count]]
        assert len(set(shown)) == count and set(shown) == set(cells), depth


@given(POINTS)
def test_it_is_the_same_however_large_the_map_is(points):
    order, levels = nested_order(points)
    again, same = nested_order(points * np.float32(4))
    assert np.array_equal(order, again) and levels == same


def test_slots_fill_pages_level_by_level_and_keep_neighbors_together():
    points = np.random.default_rng(0).normal(size=(9 * PAGE, 2)).astype(np.float32)
    order, _ = nested_order(points)
    slots = atlas_slots(points, order)
    assert sorted(slots.tolist()) == list(range(len(points)))
    ranks = np.argsort(order)
    ends = [0, PAGE, 4 * PAGE, 9 * PAGE]  # one page of the first, three of the next, twelve
    for low, high in itertools.pairwise(ends):
        inside = (slots >= low) & (slots < high)
        assert (ranks[inside] >= low).all() and (ranks[inside] < high).all()
    deep = points[np.argsort(slots)][4 * PAGE :].reshape(5, PAGE, 2)
    spread = np.ptp(np.percentile(deep, [10, 90], axis=1), axis=0).prod(axis=1)
    assert spread.mean() < 0.7 * np.ptp(np.percentile(points, [10, 90], axis=0), axis=0).prod()


@pytest.mark.parametrize("count", [0, 1, 5])
def test_images_at_one_place_are_all_there(count):
    order, levels = nested_order(np.ones((count, 2), np.float32))
    assert sorted(order.tolist()) == list(range(count)) and set(levels) <= {1}
    assert atlas_slots(np.ones((count, 2), np.float32), order).shape == (count,)
