"""Shuffles: seeded, counted among themselves, and exact against every order there is."""

import itertools

import numpy as np
import pytest

from convscope.base.errors import BadKnob
from convscope.representation.chance import Chance, chance


def test_the_observed_order_is_one_of_them():
    assert Chance(np.array([0.1, 0.2, 0.3]), 0.9).p_value == 1 / 4
    assert Chance(np.array([0.1, 0.2, 0.3]), 0.2).p_value == 3 / 4
    assert Chance(np.array([0.1, 0.2, 0.3]), 0.1, lower=True).p_value == 2 / 4


def test_what_differs_by_rounding_is_a_tie():
    assert Chance(np.ones(9) - 1e-15, 1.0).p_value == 1


def test_the_share_of_shuffles_is_that_of_all_orders():
    x, y = np.array([1.0, 2, 3, 4, 7]), np.array([1.0, 3, 2, 4, 9])
    every = np.array([x @ y[list(order)] for order in itertools.permutations(range(5))])
    found = chance(lambda order: float(x @ y[order]), 5, float(x @ y), draws=4000, seed=0)
    assert found.p_value == pytest.approx((every >= x @ y).mean(), abs=0.01)
    assert found.mean == pytest.approx(every.mean(), rel=0.01)
    assert found.deviation == pytest.approx(every.std(), rel=0.05)


def test_the_seed_alone_decides():
    first, again, other = (
        chance(lambda order: float(order[0]), 50, 0, draws=9, seed=seed).values for seed in (1, 1, 2)
    )
    assert (first == again).all() and (first != other).any()


def test_no_shuffle_is_refused():
    with pytest.raises(BadKnob, match="draws must be at least 1 shuffle, not 0"):
        chance(lambda order: 0.0, 5, 0, draws=0, seed=0)
