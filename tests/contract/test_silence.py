"""What counts as silence: relative to the largest of a layer, whatever its scale."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convscope.contract.silence import SILENT, floor, silent


def test_a_unit_is_silent_up_to_a_hundred_thousandth_of_the_largest():
    assert SILENT == 1e-5
    assert silent(np.array([4.0, 4e-5, 4.1e-5, 1e-7, 0.0])).tolist() == [False, True, False, True, True]
    assert floor(np.array([4.0, 1.0])) == 4e-5


def test_a_layer_of_zeros_is_all_silent_and_one_that_is_not_finite_is_not():
    assert silent(np.zeros(3)).tolist() == [True] * 3
    assert silent(np.array([np.nan, 1.0])).tolist() == [False] * 2
    assert floor(np.zeros(0)) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.integers(-20, 20))
def test_scale_changes_nothing(sizes, exponent):
    sizes = np.array(sizes)
    sizes[sizes < 1e-200] = 0
    np.testing.assert_array_equal(silent(sizes * 2.0**exponent), silent(sizes))
