"""AUROC and its p-value: every pair of a selected and another image, scikit-learn's area, every order of few images."""

import itertools
from math import erf, erfc

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import roc_auc_score

from convscope.base.errors import BadKnob
from convscope.representation.separation import auroc as module
from convscope.representation.separation.auroc import auroc, auroc_interval, aurocs_by_class, mann_whitney


def from_pairs(values, selected):
    pairs = itertools.product(values[selected], values[~selected])
    return np.mean([0.5 if a == b else float(a > b) for a, b in pairs])


SELECTIONS = st.lists(st.booleans(), min_size=2, max_size=25).filter(lambda found: any(found) and not all(found))


@given(st.integers(0, 2**32 - 1), SELECTIONS, st.sampled_from([np.float32, np.float64, np.int8, np.uint8]))
def test_the_area_is_the_share_of_pairs_in_order_and_ties_count_half(seed, selection, dtype):
    selected = np.array(selection)
    codes = np.random.default_rng(seed).integers(0, 6, (len(selected), 4)).astype(dtype)
    assert auroc(codes, selected) == pytest.approx([from_pairs(unit, selected) for unit in codes.T])
    assert auroc(codes, ~selected) == pytest.approx(1 - auroc(codes, selected))


def test_many_units_in_blocks_are_scikit_learns(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 1000)
    rng = np.random.default_rng(0)
    codes, selected = np.maximum(rng.standard_normal((400, 7)), 0).astype(np.float32), rng.random(400) < 0.2
    codes[:, 0] += selected
    assert auroc(codes, selected) == pytest.approx([roc_auc_score(selected, unit) for unit in codes.T])


def test_the_order_of_images_and_any_rising_map_change_nothing():
    rng = np.random.default_rng(0)
    codes, selected, order = rng.standard_normal((60, 3)), rng.random(60) < 0.3, rng.permutation(60)
    assert (auroc(np.exp(codes[order]) * 3, selected[order]) == auroc(codes, selected)).all()


def test_the_ends_are_exact_and_a_unit_that_says_nothing_is_half():
    selected = np.arange(50) < 12
    assert auroc(np.stack([selected, ~selected, np.ones(50)], 1).astype(float), selected).tolist() == [1, 0, 0.5]


@pytest.mark.parametrize("n", [7, 9])
def test_few_images_without_ties_have_the_exact_probability(n):
    rng = np.random.default_rng(n)
    values, selected = rng.standard_normal(n), np.arange(n) < 3
    observed = from_pairs(values, selected)
    every = [from_pairs(values, np.isin(np.arange(n), some)) for some in itertools.combinations(range(n), 3)]
    assert mann_whitney(values, selected) == pytest.approx((np.array(every) >= observed - 1e-12).mean())


def test_many_images_with_ties_have_the_corrected_normal_probability():
    """U's variance n₁n₂/12 · (n + 1 - Σ(t³ - t) / n(n - 1)), less half for continuity: Hollander and Wolfe 1973."""
    rng = np.random.default_rng(0)
    selected = np.arange(300) < 40
    values = np.maximum(rng.standard_normal(300) + 0.3 * selected, 0)
    _, ties = np.unique(values, return_counts=True)
    p, q, n = 40, 260, 300
    deviation = np.sqrt(p * q / 12 * (n + 1 - (ties**3 - ties).sum() / (n * (n - 1))))
    z = (from_pairs(values, selected) * p * q - p * q / 2 - 0.5) / deviation
    assert mann_whitney(values, selected) == pytest.approx(erfc(z / np.sqrt(2)) / 2)
    assert mann_whitney(np.ones(300), selected) == 1


@pytest.mark.parametrize(
    ("codes", "selected", "message"),
    [
        (np.zeros((5, 2)), np.zeros(5, bool), "some of the 5 images, not none of them"),
        (np.zeros((5, 2)), np.ones(5, bool), "some of the 5 images, not all of them"),
        (np.zeros((5, 2)), np.ones(4, bool), r"true or false for each of 5 images, not bool of shape \(4,\)"),
        (np.zeros((5, 2)), np.arange(5), r"not int64 of shape \(5,\)"),
        (np.full((5, 2), np.nan), np.arange(5) < 2, "row 0 is not"),
    ],
)
def test_no_selection_is_refused(codes, selected, message):
    with pytest.raises(BadKnob, match=message):
        auroc(codes, selected)


def test_all_classes_at_once_are_each_by_itself(monkeypatch):
    rng = np.random.default_rng(0)
    codes, classes = rng.integers(0, 5, (60, 9)), rng.integers(-1, 4, 60)  # with many ties
    monkeypatch.setattr(module, "_BLOCK", 200)
    found = aurocs_by_class(codes, classes, 6)
    for number in range(4):
        np.testing.assert_allclose(found[number], auroc(codes, classes == number))
    assert found.shape == (6, 9) and np.isnan(found[4:]).all()


@pytest.mark.parametrize("area", [0.0, 0.3, 0.5, 0.83, 1.0])
@pytest.mark.parametrize("counts", [(5, 5), (26, 248)])
def test_the_ends_of_an_interval_are_areas_from_which_it_is_just_not_far(area, counts):
    low, high = auroc_interval(area, *counts)
    assert 0 <= low <= area <= high <= 1 and high - low > 0.005
    for end in {low, high} - {0.0, 1.0}:
        first, second = end / (2 - end), 2 * end**2 / (1 + end)  # Hanley and McNeil's Q1 and Q2
        m, n = counts
        squared = (end * (1 - end) + (m - 1) * (first - end**2) + (n - 1) * (second - end**2)) / (m * n)
        assert abs(end - area) / np.sqrt(squared) == pytest.approx(1.959964, rel=1e-6)
    assert auroc_interval(1 - area, *counts[::-1]) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_an_interval_holds_the_true_area_as_often_as_it_says():
    rng, held = np.random.default_rng(0), 0
    true = 0.5 * (1 + erf(1 / 2))  # of normal values one deviation apart
    for _ in range(400):
        values = np.concatenate([rng.normal(1, 1, 20), rng.normal(0, 1, 40)])
        low, high = auroc_interval(float(auroc(values[:, None], np.arange(60) < 20)[0]), 20, 40)
        held += low <= true <= high
    assert 0.92 < held / 400 < 0.98
