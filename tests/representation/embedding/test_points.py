"""Rows that a map can begin with, and those that are refused by name."""

import numpy as np
import pytest

from convscope.base.errors import BadKnob
from convscope.representation.embedding.points import chosen_rows, finite_rows, in_metric, row_blocks


def test_a_bad_row_is_named():
    codes = np.ones((4, 3), np.float32)
    codes[2, 1] = np.nan
    codes[3, 0] = np.inf
    with pytest.raises(BadKnob, match=r"in c\.png \(row 2\), one of 2 such"):
        finite_rows(codes, names=["a.png", "b.png", "c.png", "d.png"])
    with pytest.raises(BadKnob, match="in row 2, one of 2"):
        finite_rows(codes)


@pytest.mark.parametrize("codes", [np.zeros(3), np.zeros((2, 3, 4)), np.zeros((3, 0)), np.zeros((0, 3))])
def test_other_shapes_are_refused(codes):
    with pytest.raises(BadKnob, match="must be"):
        finite_rows(codes)


def test_unit_rows_are_ordered_as_the_cosine():
    rows = np.random.default_rng(0).normal(size=(9, 4))
    unit = in_metric(rows, "cosine")
    cosine = 1 - rows @ rows.T / np.outer(*2 * [np.linalg.norm(rows, axis=1)])
    assert np.square(unit[:, None] - unit).sum(axis=2) == pytest.approx(2 * cosine)
    assert in_metric(rows, "l2") is rows


def test_a_code_of_zeros_has_no_cosine():
    with pytest.raises(BadKnob, match=r"b\.png \(row 1\) is all zeros, one of 1 such"):
        in_metric(np.array([[1.0], [0.0]]), "cosine", ["a.png", "b.png"])
    with pytest.raises(BadKnob, match="'l2' or 'cosine', not 'l1'"):
        in_metric(np.ones((2, 2)), "l1")


def test_blocks_cover_every_row_once():
    blocks = row_blocks(10, 3, floats=9)
    assert [i for block in blocks for i in range(10)[block]] == list(range(10)) and len(blocks) == 4
    assert len(row_blocks(3, 10**9)) == 3


def test_rows_are_drawn_by_the_seed_without_repetition():
    drawn = chosen_rows(100, 20, 1)
    assert len(set(drawn)) == 20 and (np.diff(drawn) > 0).all()
    assert (drawn == chosen_rows(100, 20, 1)).all() and (drawn != chosen_rows(100, 20, 2)).any()
    assert (chosen_rows(5, 20, 0) == np.arange(5)).all()
