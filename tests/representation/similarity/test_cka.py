"""CKA: the known answers of a comparison of codes with themselves, turned, mixed, and of other codes altogether."""

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.stats
from hypothesis import given

from convscope.base.errors import BadKnob
from convscope.representation.similarity.cka import CKA, cka, cka_chance
from convscope.representation.similarity.hsic import Hsic

SEEDS = st.integers(0, 2**32 - 1)
BIASED = pytest.mark.parametrize("biased", [False, True])


def normal(seed, n, d):
    return np.random.default_rng(seed).standard_normal((n, d))


def related(seed, n, p, q):
    x = normal(seed, n, p)
    return x, np.maximum(x @ normal(seed + 1, p, q), 0) + normal(seed + 2, n, q)


@given(SEEDS, st.sampled_from([(30, 4, 6), (12, 40, 7)]), st.booleans(), st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_rotation_scale_shift_and_the_order_of_images_change_nothing(seed, sizes, biased, scale, shift):
    x, y = related(seed, *sizes)
    rng = np.random.default_rng(seed)
    turn, order = scipy.stats.ortho_group.rvs(x.shape[1], random_state=rng), rng.permutation(len(x))
    found = cka(x, y, biased=biased)
    assert cka(scale * x[order] @ turn + shift, y[order], biased=biased) == pytest.approx(found, abs=1e-9)
    assert cka(y, x, biased=biased) == pytest.approx(found, abs=1e-12)
    assert cka(x, scale * x @ turn + shift, biased=biased) == pytest.approx(1, abs=1e-9)
    assert -1 <= found <= 1


@BIASED
def test_an_invertible_map_changes_it(biased):
    x = normal(0, 500, 10)
    assert 0.3 < cka(x, x @ normal(1, 10, 10), biased=biased) < 0.9


@pytest.mark.parametrize(("n", "width", "expected"), [(50, 2048, 0.976), (1000, 2048, 0.672), (200, 200, 0.5)])
def test_biased_independent_codes_look_alike_and_unbiased_do_not(n, width, expected):
    x, y = normal(0, n, width), normal(1, n, width)
    assert cka(x, y, biased=True) == pytest.approx(width / (n + width), abs=0.005)
    assert cka(x, y, biased=True) == pytest.approx(expected, abs=0.01)
    assert abs(cka(x, y)) < 3 * np.sqrt(2 / (n * (n - 3)))


def test_its_deviation_by_chance_is_known_without_a_shuffle():
    x, y = np.exp(related(0, 8, 3, 2)[0]), related(5, 8, 2, 30)[1]
    found = cka_chance(x, y, draws=4000)
    expected = CKA.of(Hsic(*np.ones((3, 1))), 8, False).chance_deviation
    assert found.mean == pytest.approx(0, abs=3 * expected / np.sqrt(4000))
    assert found.deviation == pytest.approx(expected, rel=0.05)
    assert CKA.of(Hsic(*np.ones((3, 1))), 8, True).chance_deviation is None


@BIASED
@pytest.mark.parametrize("sizes", [(40, 3, 5), (9, 30, 20)])
def test_the_chance_is_that_of_shuffling_the_images(sizes, biased):
    x, y = related(0, *sizes)
    rng = np.random.default_rng(3)
    slow = [cka(x, y[rng.permutation(len(y))], biased=biased) for _ in range(7)]
    found = cka_chance(x, y, biased=biased, draws=7, seed=3)
    assert found.values == pytest.approx(slow) and found.observed == cka(x, y, biased=biased)
    assert np.array_equal(found.values, cka_chance(x, y, biased=biased, draws=7, seed=3).values)


@pytest.mark.parametrize(
    "same", [np.full((9, 3), 0.1), np.pad([[7.7]], ((0, 8), (0, 0))), np.eye(9)], ids=["constant", "one", "simplex"]
)
def test_codes_that_tell_no_images_apart_are_refused(same):
    with pytest.raises(BadKnob, match="x must tell images apart, but its codes are all the same, all as far"):
        cka(same, normal(0, 9, 3))
    with pytest.raises(BadKnob, match="y must tell images apart"):
        cka(normal(0, 9, 3), same)
    with pytest.raises(BadKnob, match="y must tell images apart"):
        cka_chance(normal(0, 9, 3), same)


def test_only_unbiased_there_must_be_more_than_one_image_that_differs():
    one = np.pad([[7.7]], ((0, 8), (0, 0)))
    assert cka(one, one, biased=True) == pytest.approx(1)
    assert 0 < cka(one, normal(0, 9, 3), biased=True) < 1


@pytest.mark.parametrize(("n", "biased"), [(3, False), (1, True)])
def test_too_few_images_are_refused(n, biased):
    with pytest.raises(BadKnob, match=f"must have at least {n + 1} images, not {n}"):
        cka(normal(0, n, 3), normal(1, n, 3), biased=biased)


def test_codes_of_other_images_and_nan_are_refused():
    with pytest.raises(BadKnob, match="of 9 and of 8"):
        cka(normal(0, 9, 3), normal(0, 8, 3))
    with pytest.raises(BadKnob, match="y must be finite"):
        cka(normal(0, 9, 3), normal(0, 9, 3) * np.nan)
