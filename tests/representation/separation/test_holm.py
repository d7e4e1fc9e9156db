"""Holm's correction: his procedure step by step, his example's like, and what it promises."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from convscope.base.errors import BadKnob
from convscope.representation.separation.holm import holm


def rejected(p_values, level):
    """Holm's own words: go through the p-values, the smallest first, while p ≤ level / (tests that are left)."""
    found = set()
    for step, test in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[test] > level / (len(p_values) - step):
            break
        found.add(test)
    return found


def test_a_worked_example():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.6])) == pytest.approx([1, 1])
    assert holm(np.array([])).tolist() == []


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.001, 0.999))
def test_what_is_below_a_level_is_what_the_procedure_rejects(p_values, level):
    corrected = holm(np.array(p_values))
    if all(abs(p - level) > 1e-9 for p in corrected):
        assert set(np.flatnonzero(corrected < level)) == rejected(p_values, level)
    assert (corrected >= p_values).all() and (corrected <= 1).all()


@pytest.mark.parametrize("bad", [[0.1, np.nan], [-0.1], [1.1], [[0.1]]])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(BadKnob, match="must be a list of numbers from 0 to 1"):
        holm(np.array(bad))
