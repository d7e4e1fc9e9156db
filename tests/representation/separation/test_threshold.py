"""The best threshold, of all that there are."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import roc_curve

from convscope.representation.separation.threshold import best_threshold, rates

VALUES = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=20).filter(
    lambda found: 0 < sum(chosen for _, chosen in found) < len(found)
)


@given(VALUES)
def test_no_threshold_is_better(found):
    values, selected = np.array([value for value, _ in found], float), np.array([chosen for _, chosen in found])
    best = best_threshold(values, selected)
    indices = [sum(rates(values, selected, level)) - 1 for level in [-np.inf, *values, np.inf]]
    assert sum(rates(values, selected, best)) - 1 == pytest.approx(max(indices))
    false, true, _ = roc_curve(selected, values)
    assert sum(rates(values, selected, best)) - 1 == pytest.approx((true - false).max())


def test_it_lies_halfway_between_values_and_the_lowest_of_equals():
    selected = np.array([False, False, True, True])
    assert best_threshold(np.array([1.0, 2, 4, 9]), selected) == 3
    assert best_threshold(np.array([4.0, 1, 2, 3]), selected) == 1.5
    assert best_threshold(np.array([3.0, 4, 1, 2]), selected) == -np.inf
    assert rates(np.array([1.0, 2, 4, 9]), selected, 4) == (0.5, 1)
