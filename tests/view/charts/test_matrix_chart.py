"""A matrix as a picture: every cell in its place and color, names beside it, and what is missing is grey."""

import numpy as np
import pytest

from convscope.view.charts.matrix_chart import _CELL, _number, matrix
from convscope.view.render.colormaps import colored
from convscope.view.render.layout import DENSITY
from convscope.view.view import Scale

SCALE = Scale("sequential", 0, 1)
SIDE = _CELL * DENSITY


def cells(picture, rows, columns):
    """The top left pixel of each cell, counted from the end: before them stand the names."""
    y, x = (
        len(picture) - SIDE * np.arange(rows, 0, -1) + 1,
        picture.shape[1] - SIDE * np.arange(columns, 0, -1) + 1,
    )
    return picture[np.ix_(y, x)]


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (1, 1), (4, 1)])
def test_every_cell_has_its_color_in_its_place(rows, columns):
    values = np.linspace(-0.1, 1, rows * columns).reshape(rows, columns)
    picture = matrix(values, "abcdef"[:rows], "uvwxyz"[:columns], SCALE)
    assert picture.dtype == np.uint8 and picture.ndim == 3
    assert np.array_equal(cells(picture, rows, columns), colored(values, SCALE)[..., :3])


def test_what_is_missing_is_grey_and_has_no_number():
    whole = matrix(np.array([[0.0, 0.5]]), ["a"], ["u", "v"], SCALE)
    missing = matrix(np.array([[np.nan, 0.5]]), ["a"], ["u", "v"], SCALE)
    assert (cells(missing, 1, 2)[0, 0] == 238).all()
    assert np.array_equal(whole[:, -SIDE:], missing[:, -SIDE:]) and not np.array_equal(whole, missing)


def test_names_stand_beside_the_cells_and_long_ones_are_cut_at_their_beginning():
    short, long = (matrix(np.ones((1, 1)), [name], [name], SCALE) for name in ("a", "features.denseblock1.layer2" * 3))
    longer = matrix(np.ones((1, 1)), ["x" * 500 + "features.denseblock1.layer2" * 3], ["a"], SCALE)
    assert long.shape[0] == long.shape[1] > short.shape[0] > SIDE
    assert longer.shape[1] <= long.shape[1] + SIDE
    assert (short[:, : short.shape[1] - SIDE] < 128).any() and (short[: len(short) - SIDE] < 128).any()


@pytest.mark.parametrize(
    ("value", "words"), [(1, "1.00"), (0.5, ".50"), (-0.25, "−.25"), (-0.001, ".00"), (0, ".00"), (-1, "−1.00")]
)
def test_numbers_have_two_decimals(value, words):
    assert _number(value) == words
