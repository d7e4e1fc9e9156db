"""Co-moments: the sum of blocks is the whole, whatever the blocks, and however far from zero."""

import dataclasses
import functools
import operator

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from convscope.base.errors import BadKnob
from convscope.representation.similarity.comoments import comoments


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 6), min_size=1, max_size=6),
    st.floats(-1e4, 1e4),
    st.floats(-10, 10),
)
def test_blocks_add_up_to_the_whole(seed, blocks, shift, drift):
    n = sum(blocks)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3)) + shift + drift * np.arange(n)[:, None]
    y = rng.standard_normal((n, 2)) * 5 - drift * np.arange(n)[:, None]
    parts = zip(*(np.split(side, np.cumsum(blocks)[:-1]) for side in (x, y)), strict=True)
    found = dataclasses.asdict(functools.reduce(operator.add, [comoments(*part) for part in parts]))
    whole = dataclasses.asdict(comoments(x, y))
    for name, value in whole.items():
        assert np.allclose(found[name], value, rtol=1e-8, atol=1e-8 * (1 + np.abs(whole["norms"]))), name


def test_the_sums_are_those_of_their_names():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((9, 3)) + 4, rng.standard_normal((9, 2))
    a, b = x - x.mean(0), y - y.mean(0)
    found = comoments(x, y)
    assert np.allclose(found.products, sum(np.outer(p, q) for p, q in zip(a, b, strict=True)))
    assert np.allclose(found.squares_x, (a**2).sum(0)) and np.allclose(found.squares_y, (b**2).sum(0))
    assert np.allclose(found.weighted_x, sum(p * (q @ q) for p, q in zip(a, b, strict=True)))
    assert np.allclose(found.weighted_y, sum(q * (p @ p) for p, q in zip(a, b, strict=True)))
    assert found.norms == pytest.approx(sum((p @ p) * (q @ q) for p, q in zip(a, b, strict=True)))


def test_the_correlation_is_pearsons_and_nothing_for_constant_units():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 3))
    x[:, 1], x[:, 3], y[:, 0] = 0, 0.1, 1e5
    found = comoments(x[:20], y[:20]) + comoments(x[20:], y[20:])
    assert found.constant_x.tolist() == [False, True, False, True] and found.constant_y.tolist() == [True, False, False]
    assert (found.correlation[[1, 3]] == 0).all() and (found.correlation[:, 0] == 0).all()
    assert found.correlation[2, 1] == pytest.approx(np.corrcoef(x[:, 2], y[:, 1])[0, 1])


def test_codes_of_other_images_are_refused():
    with pytest.raises(BadKnob, match="of 2 and of 3"):
        comoments(np.zeros((2, 1)), np.zeros((3, 1)))
