"""Scores of maps: published formulas written with loops, known answers, and what independent data gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness as theirs_of

from convscope.base.errors import BadKnob
from convscope.representation.embedding import points, quality
from convscope.representation.embedding.quality import (
    class_recall,
    distance_correlation,
    map_quality,
    neighborhood_hit,
    trustworthiness,
)

LINE = np.array([0, 1, 3, 7, 15, 31.0])[:, None]


def pair(count=80, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(count, 5)), random.normal(size=(count, 2))


@pytest.mark.parametrize(
    ("order", "one", "two"),
    [
        ([0, 1, 3, 7, 15, 31], 1, 1),
        ([31, 15, 7, 3, 1, 0], 7 / 12, 0.6),
        ([0, 1, 3, 7, 31, 15], 19 / 24, 13 / 15),
        ([0, 3, 15, 1, 7, 31], 11 / 24, 23 / 30),
    ],
)
def test_trustworthiness_of_six_points_on_a_line(order, one, two):
    placed = np.array(order, float)[:, None]
    assert [trustworthiness(LINE, placed, k) for k in (1, 2)] == pytest.approx([one, two], abs=1e-12)


@settings(max_examples=30)
@given(seed=st.integers(0, 99), k=st.integers(1, 19), size=st.sampled_from([1, 50, 10**6]))
def test_trustworthiness_is_that_of_scikit_learn_in_any_blocks(seed, k, size):
    codes, placed = pair(40, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "convscope.representation.embedding.neighbors.row_blocks", lambda n, w: points.row_blocks(n, w, size)
        )
        found = trustworthiness(codes, placed, k)
    assert found == pytest.approx(theirs_of(codes, placed, n_neighbors=k), abs=1e-12)


@given(rows=arrays(float, (12, 2), elements=st.integers(0, 2)), seed=st.integers(0, 9))
def test_of_equally_near_codes_the_first_has_the_lower_rank(rows, seed):
    placed = np.random.default_rng(seed).normal(size=(12, 2))
    penalty = 0
    for i in range(12):
        others = [j for j in range(12) if j != i]
        ranked, shown = (sorted(others, key=lambda j: ((x[i] - x[j]) @ (x[i] - x[j]), j)) for x in (rows * 3, placed))
        penalty += sum(max(0, ranked.index(j) + 1 - 3) for j in shown[:3])
    assert trustworthiness(rows * 3, placed, 3) == pytest.approx(1 - 2 * penalty / (12 * 3 * (24 - 9 - 1)))


def test_a_map_that_is_the_codes_is_perfect():
    codes, _ = pair()
    found = map_quality(codes, codes * 3 + 1, np.arange(80) % 8)
    perfect = (found.trustworthiness, found.continuity, found.neighbor_recall, found.class_recall)
    assert perfect == (1, 1, 1, 1) and found.distance_correlation == pytest.approx(1)


def test_independent_data_scores_as_chance():
    codes, placed = pair(400)
    found = map_quality(codes, placed, np.arange(400) % 4, k=10)
    assert found.trustworthiness == pytest.approx(0.5, abs=0.04) == found.continuity
    assert found.chance == 10 / 399 and found.neighbor_recall == pytest.approx(found.chance, abs=0.01)
    assert found.neighborhood_hit == pytest.approx(0.25, abs=0.03)
    assert found.distance_correlation == pytest.approx(0, abs=0.05)


def test_continuity_is_trustworthiness_the_other_way():
    codes, placed = pair()
    assert map_quality(codes, placed, k=7).continuity == pytest.approx(trustworthiness(placed, codes, 7))


def test_of_many_points_some_are_drawn(monkeypatch):
    codes, placed = pair(400)
    whole = map_quality(codes, placed[:, :1] * 0 + codes[:, :2])
    monkeypatch.setattr(quality, "EXACT_UP_TO", 399)
    monkeypatch.setattr(quality, "_PROBES", 200)
    some = map_quality(codes, codes[:, :2], ["a", "b"] * 200, seed=3)
    assert some.evidence["quality_points"] == "200 of 400, drawn by seed 3" and "quality_points" not in whole.evidence
    for name in ("trustworthiness", "continuity", "neighbor_recall"):
        assert 0 < abs(getattr(some, name) - getattr(whole, name)) < 0.03


def test_few_points_have_fewer_neighbors():
    codes, placed = pair(8)
    found = map_quality(codes, placed)
    assert found.evidence["quality_neighbors"] == 3
    assert found.trustworthiness == pytest.approx(theirs_of(codes, placed, n_neighbors=3))
    with pytest.raises(BadKnob, match="less than half of the 8 points, not 4"):
        trustworthiness(codes, placed, 4)


def test_the_hit_leaves_out_points_without_a_label():
    placed = np.array([[0.0], [1], [1.1], [5], [6], [6.5]])
    assert neighborhood_hit(placed, ["a", "a", "b", "b", "b", "b"], 1) == pytest.approx(4 / 6)
    assert neighborhood_hit(placed, ["a", "a", None, "b", "b", "b"], 1) == 1
    assert neighborhood_hit(placed, [None] * 5 + ["a"], 1) is None
    assert neighborhood_hit(placed, list("abcdef"), 1) is None  # no neighbor could be of the same class
    with pytest.raises(BadKnob, match="each of the 6 points, or None, not 2"):
        neighborhood_hit(placed, ["a", "b"])


def test_class_recall_with_loops():
    codes, placed = pair(200)
    labels = [int(i) % 9 for i in range(200)]
    total = 0
    for a in range(9):
        sides = []
        for rows in (codes, placed):
            means = [np.mean([rows[i] for i in range(200) if labels[i] == c], axis=0) for c in range(9)]
            sides.append(set(sorted(set(range(9)) - {a}, key=lambda c: np.linalg.norm(means[c] - means[a]))[:4]))
        total += len(sides[0] & sides[1]) / 4
    assert class_recall(codes, placed, labels) == pytest.approx(total / 9)
    assert class_recall(codes, placed, [label % 3 for label in labels]) is None
    unlabelled = [None if label == 8 else label for label in labels]
    kept = [i for i in range(200) if labels[i] != 8]
    assert class_recall(codes, placed, unlabelled) == class_recall(codes[kept], placed[kept], [labels[i] for i in kept])


def test_distances_are_correlated_by_rank():
    codes, placed = pair(30)
    first, second = ([np.linalg.norm(x[i] - x[j]) for i in range(30) for j in range(i)] for x in (codes, placed))
    assert distance_correlation(codes, placed) == pytest.approx(spearmanr(first, second).statistic)
    assert distance_correlation(np.eye(6), np.ones((6, 2))) is None


def test_copies_are_safe():
    codes, placed = pair()
    codes[:50], placed[:50] = codes[0], placed[0]
    assert trustworthiness(codes, placed, 5) == pytest.approx(theirs_of(codes, placed, n_neighbors=5), abs=0.05)


def test_sides_must_be_of_the_same_points():
    with pytest.raises(BadKnob, match="not 80 and 79 rows"):
        map_quality(*pair()[:1], pair()[1][1:])
