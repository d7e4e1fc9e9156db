"""Arrays and numbers come back as they were, as exactly as is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convscope.training.storage.tables import packed_array, rounded, unpacked_array

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@given(arrays(np.float32, st.integers(0, 20), elements=FLOATS))
def test_rounding_is_within_one_part_in_8192(values):
    found = rounded(values)
    exact = ~np.isfinite(values)
    np.testing.assert_array_equal(found[exact], values[exact])
    normal = np.isfinite(values) & (np.abs(values) > 1e-37) & (np.abs(values) < 3e38)
    np.testing.assert_allclose(found[normal], values[normal], rtol=2.0**-12)


@pytest.mark.parametrize(("kind", "off"), [("float32", 0.0), ("float16", 2.0**-11), ("int8", 0.5 / 127)])
@pytest.mark.parametrize("size", [1e-12, 1.0, 1e20])
def test_arrays_come_back(kind, off, size):
    values = (np.random.default_rng(0).standard_normal((3, 4, 5)) * size).astype(np.float32)
    found = unpacked_array(packed_array(values, kind))
    assert found.shape == values.shape
    assert np.abs(found - values).max() <= off * np.abs(values).max() * 1.001


def test_what_is_not_finite_is_kept_as_it_is():
    values = np.array([1.0, np.nan, -np.inf], np.float32)
    np.testing.assert_array_equal(unpacked_array(packed_array(values, "int8")), values)
    assert (unpacked_array(packed_array(np.zeros(3, np.float32), "int8")) == 0).all()
