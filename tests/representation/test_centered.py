"""What every comparison asks of codes, one sentence each."""

import numpy as np
import pytest

from convscope.base.errors import BadKnob
from convscope.representation.centered import Centered, checked_codes, constant_units, paired, varied


def test_codes_are_centered_in_float64_and_left_as_they_were():
    codes = np.array([[16777216, 1], [16777217, 4]], np.float32)  # the last is rounded to the first by float32
    before = codes.copy()
    found = Centered.of(codes)
    assert found.values.dtype == found.mean.dtype == np.float64
    assert found.values.tolist() == [[0, -1.5], [0, 1.5]] and found.mean.tolist() == [16777216, 2.5]
    assert (codes == before).all()
    assert found.squares.tolist() == [0, 4.5] and found.norms.tolist() == [2.25, 2.25]


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((4, 3, 2, 2)), r"numbers \(images, units\), not float64 of shape \(4, 3, 2, 2\)\. Of a layer with"),
        (np.zeros(4), r"of shape \(4,\)"),
        (np.zeros((4, 0)), r"of shape \(4, 0\)"),
        (np.array([["a"]]), "must be numbers"),
        (np.array([[1j]]), "must be numbers"),
        (np.zeros((1, 3)), "of at least 2 images, not 1. Add images"),
        (np.array([[0.0], [1], [np.nan]]), "must be finite and below 1e.60, but row 2 is not. Leave this image out"),
        (np.array([[0.0], [-np.inf]]), "row 1 is not"),
        (np.array([[1e61], [1]]), "row 0 is not"),
        (np.array([[0], [np.inf]], np.float16), "row 1 is not"),
    ],
)
def test_codes_that_cannot_be_compared_are_refused(codes, message):
    with pytest.raises(BadKnob, match=message):
        checked_codes(codes, rows=2)


def test_codes_of_other_images_are_refused():
    with pytest.raises(BadKnob, match=r"x and y must be codes of the same images, not of 3 and of 4\. Leave out"):
        paired(np.zeros((3, 2)), np.zeros((4, 2)))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e30, np.float32(0.1)])
def test_codes_that_are_all_the_same_do_not_vary(value):
    with pytest.raises(BadKnob, match="x must differ from image to image"):
        varied(Centered.of(np.full((7, 3), value)), "x")


@pytest.mark.parametrize(("deviation", "constant"), [(1e-7, True), (1e-5, False)])
def test_what_varies_as_float32_rounds_is_constant(deviation, constant):
    codes = Centered.of(3 + 3 * deviation * np.array([[-1.0], [1], [-1], [1]]))
    assert constant_units(codes.squares, 4, codes.mean).tolist() == [constant]


def test_one_small_unit_that_varies_is_enough():
    varied(Centered.of(np.pad(np.full((7, 300), 1e9), ((0, 0), (0, 1))) + [*[0] * 300, 1] * np.arange(7)[:, None]), "x")
