"""Mosaics against slow ones: what is seen of pictures that overlap, the nearest image of a cell, seams by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convscope as cs
from convscope.view.charts.mosaics import fill_cells, gridded, nearest_images, neighbors, placed, seams, square

RED, GREEN, BLUE, WHITE = (200, 0, 0), (0, 200, 0), (0, 0, 200), (255, 255, 255)


def plain(side):
    """A picture of one color an image, and which of them were asked for."""
    asked = []

    def picture(number):
        asked.append(number)
        return np.full((side, side, 3), number, np.uint8)

    return picture, asked


def test_a_square_is_cut_from_the_middle_and_stays_upright_in_its_colors():
    pixels = np.zeros((40, 120, 3), np.uint8)
    pixels[:20, 40:60], pixels[:20, 60:80], pixels[20:, 40:80], pixels[:, 80:] = RED, GREEN, BLUE, WHITE
    for turned in (False, True):
        image = cs.open_image(pixels.transpose(1, 0, 2) if turned else pixels)
        cut = square(image, 10)
        cut = cut.transpose(1, 0, 2) if turned else cut
        assert cut.shape == (10, 10, 3) and cut.dtype == np.uint8
        for at, color in (((1, 1), RED), ((1, 8), GREEN), ((8, 1), BLUE), ((8, 8), BLUE)):
            assert np.abs(cut[at].astype(int) - color).max() < 8  # the filter overshoots a little at an edge


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=30))
def test_the_earlier_lie_in_front_and_what_is_seen_is_counted(corners):
    side, size = 5, 17
    owner = np.full((size, size), -1)
    for number, (top, left) in reversed([*enumerate(corners)]):
        owner[top : top + side, left : left + side] = number
    picture, asked = plain(side)
    canvas, seen = placed(np.array(corners), side, size, picture)
    assert np.array_equal(canvas[..., 0], np.where(owner < 0, 255, owner)) and canvas.dtype == np.uint8
    counts = np.bincount(owner[owner >= 0], minlength=len(corners))
    assert np.allclose(seen, counts / side**2) and sorted(asked) == np.flatnonzero(counts).tolist()


@given(st.integers(0, 99), st.integers(1, 9))
def test_every_cell_has_the_nearest_image_and_of_equal_places_the_first(seed, count):
    centers = np.random.default_rng(seed).random((20, 2)).astype(np.float32) * count * 7
    centers[10:15] = centers[3]
    found = nearest_images(centers, count, 7)
    for row, column in np.ndindex(count, count):
        middle = np.array([row + 0.5, column + 0.5]) * 7
        distances = np.square(centers - middle).sum(axis=1)
        assert distances[found[row, column]] == pytest.approx(distances.min(), rel=1e-5)
    assert not set(range(10, 15)) & set(found.ravel().tolist())


def test_cells_are_filled_with_each_image_asked_for_once():
    nearest = np.array([[4, 1], [1, 9], [4, 4]])
    picture, asked = plain(3)
    canvas = fill_cells(nearest, 3, picture)
    assert np.array_equal(canvas[..., 0], nearest.repeat(3, 0).repeat(3, 1)) and sorted(asked) == [1, 4, 9]


CELLS = np.array([[1, 0], [0, 1], [0, 0], [0, 2], [1, 1]])  # 2 1 3 / 0 4, and one cell that stays empty


def test_neighbors_are_beside_or_below_each_other():
    assert sorted(map(tuple, neighbors(CELLS).tolist())) == [(0, 4), (1, 3), (1, 4), (2, 0), (2, 1)]


def test_seams_are_as_bright_as_the_distance_and_lie_between_the_two():
    pairs = neighbors(CELLS)
    far = {(0, 4): 0.0, (1, 3): 4.0, (1, 4): 2.0, (2, 0): 1.0, (2, 1): 3.0}
    canvas, (low, high) = seams(CELLS, pairs, np.array([far[tuple(pair)] for pair in pairs.tolist()]), 6, 2)
    assert canvas.shape == (14, 22, 3) and canvas.dtype == np.uint8 and (canvas[..., 0] == canvas[..., 2]).all()
    assert [low, high] == np.percentile([*far.values()], [1, 99]).tolist()

    def level(distance):
        return round(24 + 231 * min(max((distance - low) / (high - low), 0), 1))

    grey = canvas[..., 0]
    assert (grey[:6, 6:8] == level(3)).all() and (grey[:6, 14:16] == level(4)).all()
    assert (
        (grey[8:, 6:8] == level(0)).all() and (grey[6:8, :6] == level(1)).all() and (grey[6:8, 8:14] == level(2)).all()
    )
    assert abs(int(grey[6, 6]) - np.mean([level(d) for d in (0, 1, 2, 3)])) <= 1
    assert (grey[8:, 14:] == 255).all() and (grey[6:8, 16:] == 255).all(), "beside an empty cell there is no seam"


def test_equal_distances_make_seams_that_are_all_dark():
    canvas, (low, high) = seams(CELLS, neighbors(CELLS), np.full(5, 2.0), 6, 2)
    assert low == high == 2 and (canvas[:6, 6:8] == 24).all()


def test_pictures_on_a_grid_leave_the_gaps_as_they_are():
    canvas, (picture, asked) = np.full((14, 22, 3), 77, np.uint8), plain(6)
    gridded(canvas, CELLS, 6, 2, picture)
    for number, (row, column) in enumerate(CELLS.tolist()):
        assert (canvas[row * 8 : row * 8 + 6, column * 8 : column * 8 + 6] == number).all()
    assert (canvas[6:8] == 77).all() and (canvas[8:, 14:] == 77).all() and asked == [0, 1, 2, 3, 4]
