"""Near-duplicates and opposites among filters, against groups found by walking from filter to filter."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convscope.techniques.inspection.filter_statistics import near_duplicates

few = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 10_000)


def noise(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def cosine(a, b):
    length = math.sqrt(sum(a * a)) * math.sqrt(sum(b * b))
    return float(sum(a * b)) / length if length else 0.0


def groups(weights, similarity):
    """The first filter of each one's group, by walking from filter to filter; and the pairs that are opposite."""
    flat = weights.reshape(len(weights), -1).astype(np.float64)
    near = [[cosine(a, b) for b in flat] for a in flat]
    first = {}
    for start in range(len(flat)):
        stack = [start] if start not in first else []
        while stack:
            here = stack.pop()
            first[here] = start
            stack += [n for n in range(len(flat)) if n not in first and near[here][n] >= similarity]
    opposite = sum(near[a][b] <= -similarity for a in range(len(flat)) for b in range(a))
    return [first[i] for i in range(len(flat))], opposite


@few
@given(seeds, st.integers(1, 14), st.floats(0.3, 0.99))
def test_near_duplicates_are_the_connected_components(seed, count, similarity):
    weights = noise(seed, count, 1, 1, 3)
    flat = weights.reshape(count, -1).astype(np.float64)
    near = [abs(abs(cosine(a, b)) - similarity) for a, b in itertools.combinations(flat, 2)]
    assume(not near or min(near) > 1e-5)
    found, opposite = near_duplicates(weights, similarity)
    assert (found.tolist(), opposite) == groups(weights, similarity)


def test_a_chain_is_one_group_however_long_and_in_whatever_order():
    angles = np.random.default_rng(0).permutation(30) * 0.1
    weights = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    found, _ = near_duplicates(weights, math.cos(0.15))
    assert found.tolist() == [0] * 30


def test_opposite_filters_are_pairs_and_not_duplicates():
    base = noise(0, 3, 2, 3, 3)
    found, opposite = near_duplicates(np.concatenate([base, -base]), 0.9)
    assert (found.tolist(), opposite) == ([0, 1, 2, 3, 4, 5], 3)


def test_filters_of_zeros_are_nobodys_duplicates():
    weights = noise(0, 4, 2, 3, 3)
    weights[1:3] = 0
    found, opposite = near_duplicates(weights, 0.95)
    assert (found.tolist(), opposite) == ([0, 1, 2, 3], 0)


@pytest.mark.parametrize("similarity", [0.95, 1.0])
def test_exact_copies_are_duplicates_at_any_similarity(similarity):
    weights = noise(0, 16, 3, 5, 5)
    found, opposite = near_duplicates(np.concatenate([weights, 2 * weights, -weights]), similarity)
    assert found.tolist() == [*range(16), *range(16), *range(32, 48)]
    assert opposite == 32


@few
@given(seeds, st.lists(st.integers(-40, 40), min_size=6, max_size=6))
def test_groups_do_not_hang_on_the_scale_of_any_filter(seed, exponents):
    weights = noise(seed, 6, 2, 5, 5)
    weights[3:5] = weights[:2] + 0.01 * noise(seed + 1, 2, 2, 5, 5)
    weights[5] = -weights[2]
    scale = np.exp2(np.array(exponents, np.float32))[:, None, None, None]
    found, opposite = near_duplicates(weights * scale, 0.95)
    assert (found.tolist(), opposite) == ([0, 1, 2, 0, 1, 5], 1)
