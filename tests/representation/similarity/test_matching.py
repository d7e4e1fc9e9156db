"""Matched units: the twin of a network with permuted and rescaled units, every assignment there is, and chance."""

import functools
import itertools
import operator

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from convscope.base.errors import BadKnob
from convscope.representation.similarity.comoments import comoments
from convscope.representation.similarity.matching import chance_correlation, match_units, shuffled_correlation


def normal(seed, n, d):
    return np.random.default_rng(seed).standard_normal((n, d))


def twins(order, scales):
    """A rectified network, and the same function with its hidden channels in another order and scale."""
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(3, len(order), 3), nn.ReLU(), nn.Conv2d(len(order), 4, 3)).double().eval()
    second = nn.Sequential(nn.Conv2d(3, len(order), 3), nn.ReLU(), nn.Conv2d(len(order), 4, 3)).double().eval()
    with torch.no_grad():
        second[0].weight[:] = first[0].weight[order] * scales[:, None, None, None]
        second[0].bias[:] = first[0].bias[order] * scales
        second[2].weight[:] = first[2].weight[:, order] / scales[:, None, None]
        second[2].bias[:] = first[2].bias
    return first, second


def test_the_permuted_and_rescaled_twin_is_matched_exactly():
    order, scales = torch.randperm(24, generator=torch.Generator().manual_seed(1)), torch.logspace(-3, 3, 24).double()
    first, second = twins(order, scales)
    images = torch.randn(80, 3, 9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.allclose(first(images), second(images))
        x, y = (module[:2](images).mean((2, 3)).numpy() for module in (first, second))
    found = match_units(
        functools.reduce(operator.add, (comoments(x[i : i + 16], y[i : i + 16]) for i in range(0, 80, 16)))
    )
    assert (order.numpy()[found.pairs[:, 1]] == found.pairs[:, 0]).all() and len(found.pairs) == 24
    assert found.correlation == pytest.approx(1) and (found.gap > 0).all() and found.rows == 80
    assert found.best_x == pytest.approx(1) and not len(found.unmatched_x) and not len(found.constant_y)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5))
def test_the_sum_of_correlations_is_the_largest_of_all_assignments(seed, p, q):
    moments = comoments(normal(seed, 20, p), normal(seed + 1, 20, q))
    table = moments.correlation if p <= q else moments.correlation.T
    best = max(
        sum(table[i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(max(p, q)), min(p, q))
    )
    found = match_units(moments, least=-1)
    assert len(found.pairs) == min(p, q) and found.correlation.sum() == pytest.approx(best)
    assert len(found.unmatched_x) == max(0, p - q) and len(found.unmatched_y) == max(0, q - p)


def test_the_gap_is_to_the_unit_next_alike():
    x = normal(0, 200, 3)
    y = np.stack([x[:, 0], x[:, 0] + 0.5 * normal(1, 200, 1)[:, 0], x[:, 1] + normal(2, 200, 1)[:, 0]], 1)
    found, table = match_units(comoments(x, y)), comoments(x, y).correlation
    assert found.pairs.tolist() == [[0, 0], [1, 2]]
    assert found.correlation == pytest.approx([1, table[1, 2]])
    assert found.gap == pytest.approx([1 - table[0, 1], table[1, 2] - max(table[1, :2])])
    assert found.unmatched_x.tolist() == [2] and found.unmatched_y.tolist() == [1]
    assert found.best_x == pytest.approx(table.max(1)) and found.best_y == pytest.approx(table.max(0))
    assert match_units(comoments(x[:, :1], x[:, :1])).gap == pytest.approx([2])  # there is no other


def test_constant_and_dead_units_are_named_and_never_matched():
    x, y = normal(0, 50, 4), normal(0, 50, 4)[:, ::-1].copy()
    x[:, 0], x[:, 2], y[:, 0] = 0, 0.1, 1e6
    found = match_units(comoments(x, y), least=-1)
    assert found.constant_x.tolist() == [0, 2] and found.constant_y.tolist() == [0]
    assert found.pairs.tolist() == [[1, 2], [3, 1]] or found.pairs[0].tolist() == [1, 2]
    assert not {0, 2} & set(found.pairs[:, 0]) and 0 not in found.pairs[:, 1]
    assert found.best_x[[0, 2]].tolist() == [0, 0]
    dead = match_units(comoments(np.zeros((9, 2)), normal(0, 9, 3)))
    assert not len(dead.pairs) and dead.constant_x.tolist() == [0, 1] and dead.unmatched_y.tolist() == [0, 1, 2]


def test_independent_units_stay_unmatched_but_for_the_level():
    found = match_units(comoments(normal(0, 300, 200), normal(1, 300, 200)))
    assert len(found.pairs) <= 20 and len(found.unmatched_x) + len(found.pairs) == 200
    assert found.least == pytest.approx(chance_correlation(300, 200))
    forced = match_units(comoments(normal(0, 300, 200), normal(1, 300, 200)), least=-1)
    assert len(forced.pairs) == 200


def test_the_level_is_kept_by_normal_codes():
    reached = [
        comoments(normal(2 * seed, 30, 40), normal(2 * seed + 1, 30, 10)).correlation.max(1) for seed in range(50)
    ]
    assert 0.03 < (np.concatenate(reached) > chance_correlation(30, 10)).mean() < 0.06
    assert chance_correlation(30, 1) == pytest.approx(0.3061, abs=1e-4)  # a table of one-sided Pearson correlations


def test_units_that_fire_for_one_image_are_held_to_what_shuffles_reach():
    """Of 60 images and 60 such units two always share theirs, in any order: a correlation of 1 is chance."""
    rare, often = np.eye(60), normal(0, 60, 2)
    x, y = np.hstack([often, rare[:, :5]]), np.hstack([often + 0.1 * normal(1, 60, 2), rare])
    assert len(match_units(comoments(x, y)).pairs) == 7
    least = shuffled_correlation(x, y, draws=9)
    assert least[2:] == pytest.approx(1) and (least[:2] < 0.8).all()
    rng = np.random.default_rng(0)
    slow = np.max([comoments(x, y[rng.permutation(60)]).correlation.max(1) for _ in range(9)], 0)
    assert least == pytest.approx(slow)
    assert {(0, 0), (1, 1)} <= set(map(tuple, match_units(comoments(x, y), least=least).pairs.tolist()))


def test_shuffles_with_constant_units_reach_nothing():
    assert shuffled_correlation(np.zeros((9, 2)), normal(0, 9, 3)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: chance_correlation(2, 5), "must have at least three images"),
        (lambda: chance_correlation(9, 0), "a candidate"),
        (lambda: chance_correlation(9, 5, 1.0), "a level between 0 and 1"),
        (lambda: match_units(comoments(normal(0, 2, 2), normal(0, 2, 2))), "must have at least three images"),
        (
            lambda: match_units(comoments(normal(0, 9, 2), normal(0, 9, 2)), least=np.zeros(3)),
            r"one finite number, or 2",
        ),
        (lambda: match_units(comoments(normal(0, 9, 2), normal(0, 9, 2)), least=np.nan), "one finite number"),
        (lambda: shuffled_correlation(normal(0, 2, 2), normal(0, 2, 2)), "at least 3 images"),
        (lambda: shuffled_correlation(normal(0, 9, 2), normal(0, 9, 2), draws=0), "at least 1 shuffle, not 0"),
    ],
)
def test_what_cannot_be_matched_is_refused(call, message):
    with pytest.raises(BadKnob, match=message):
        call()
