"""Procrustes: nothing is left of any rotation, scale, shift and mirror; scipy's disparity; the mirror apart."""

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.spatial
import scipy.stats
from hypothesis import given
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from convscope.base.errors import BadKnob
from convscope.representation.procrustes import procrustes, procrustes_chance

SEEDS = st.integers(0, 2**32 - 1)


def points(seed, n, d):
    return np.random.default_rng(seed).standard_normal((n, d))


def turned(seed, d, mirrored):
    """A rotation, with or without a mirror."""
    found = scipy.stats.special_ortho_group.rvs(d, random_state=np.random.default_rng(seed))
    return found * np.where(np.arange(d) == 0, -1 if mirrored else 1, 1)


@given(SEEDS, st.integers(2, 6), st.booleans(), st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_rotation_scale_shift_and_mirror_are_found_and_nothing_is_left(seed, d, mirrored, scale, shift):
    x, turn = points(seed, 20, d), turned(seed, d, mirrored)
    y = scale * x @ turn + shift
    found = procrustes(x, y)
    assert found.distance < 1e-9 and found.mirrored == mirrored and found.determinant == (-1 if mirrored else 1)
    assert found.scale == pytest.approx(scale) and np.allclose(found.rotation, turn)
    assert np.allclose(found.apply(x), y) and np.allclose(found.shift, shift, atol=1e-6 * (scale + abs(shift)))
    assert (found.unmirrored > 1e-3) == mirrored


@given(SEEDS, st.integers(1, 5), st.integers(1, 5))
def test_the_distance_is_scipys_disparity_and_the_same_both_ways(seed, p, q):
    x, y = points(seed, 12, p), points(seed + 1, 12, q)
    wide = [np.pad(side, ((0, 0), (0, max(p, q) - side.shape[1]))) for side in (x, y)]
    found, back = procrustes(x, y), procrustes(y, x)
    assert found.distance == pytest.approx(scipy.spatial.procrustes(*wide)[2], abs=1e-12)
    assert (back.distance, back.unmirrored) == pytest.approx((found.distance, found.unmirrored))
    left = (found.apply(x) - y) / np.linalg.norm(y - y.mean(0))
    if p <= q:
        assert (left**2).sum() == pytest.approx(found.distance)


def test_without_a_mirror_the_rotation_is_proper_and_the_best_of_all_angles():
    x = points(0, 30, 2)
    y = x * [1, -1] + 0.3 * points(1, 30, 2)
    free, proper = procrustes(x, y), procrustes(x, y, mirror=False)
    assert free.mirrored and not proper.mirrored and np.linalg.det(proper.rotation) == pytest.approx(1)
    assert free.distance < 0.2 < 0.5 < proper.distance == free.unmirrored == proper.unmirrored
    a, b = x - x.mean(0), y - y.mean(0)
    angles = np.linspace(0, 2 * np.pi, 2001)
    covered = [(a @ [[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]] * b).sum() for t in angles]
    best = 1 - max(covered) ** 2 / ((a**2).sum() * (b**2).sum())
    assert proper.distance == pytest.approx(best, abs=1e-5) and proper.distance <= best


@pytest.mark.parametrize("mirrored", [False, True])
def test_points_flat_in_a_direction_are_never_said_to_be_mirrored(mirrored):
    x = np.pad(points(0, 9, 2), ((0, 0), (0, 1)))
    found = procrustes(x, x @ turned(3, 3, mirrored))
    assert not found.mirrored and found.distance == found.unmirrored < 1e-12
    assert np.linalg.det(found.rotation) == pytest.approx(1)


def test_on_a_line_turning_round_is_a_mirror():
    x = points(0, 9, 1)
    found, proper = procrustes(x, -2 * x), procrustes(x, -2 * x, mirror=False)
    assert found.mirrored and found.distance < 1e-12 and found.scale == pytest.approx(2)
    assert proper.distance == 1 and proper.scale == 0 and not proper.mirrored


def test_what_was_aligned_lays_other_points_too():
    x, turn = points(0, 20, 3), turned(1, 3, True)
    y = 3 * x @ turn + [1, 2, 3]
    found = procrustes(x[:10], y[:10])
    assert np.allclose(found.apply(x[10:]), y[10:])
    with pytest.raises(BadKnob, match="points must have 3 coordinates, as those that were aligned, not 2"):
        found.apply(x[:, :2])


def test_maps_of_the_same_digits_are_near_and_shuffled_ones_far():
    digits = load_digits().data[:600]
    first, second = (PCA(2, random_state=0).fit_transform(part) for part in (digits[:, :40], digits[:, 24:]))
    found, by_chance = procrustes(first, second).distance, procrustes_chance(first, second, draws=19)
    assert by_chance.observed == found and by_chance.p_value == 1 / 20
    assert found < 0.8 < 0.98 < by_chance.values.min()


@pytest.mark.parametrize(
    ("n", "p", "q", "mirror"), [(8, 12, 5, True), (8, 5, 12, False), (9, 3, 3, True), (9, 3, 3, False)]
)
def test_the_chance_is_that_of_shuffling_the_images(n, p, q, mirror):
    x, y = points(0, n, p), points(1, n, q)
    rng = np.random.default_rng(5)
    slow = [procrustes(x, y[rng.permutation(n)], mirror=mirror).distance for _ in range(8)]
    assert procrustes_chance(x, y, mirror=mirror, draws=8, seed=5).values == pytest.approx(slow)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((5, 2)), points(0, 5, 2), "source must differ from image to image"),
        (points(0, 5, 2), np.full((5, 2), 0.1), "target must differ from image to image"),
        (points(0, 1, 2), points(0, 1, 2), "at least 2 images, not 1"),
        (points(0, 5, 2), points(0, 6, 2), "the same images, not of 5 and of 6"),
        (points(0, 5, 2) * np.nan, points(0, 5, 2), "row 0 is not"),
    ],
)
def test_points_that_cannot_be_aligned_are_refused(x, y, message):
    with pytest.raises(BadKnob, match=message):
        procrustes(x, y)
