"""Statistics of filters against brute force: every shuffle there is, each frequency by its own sum."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.techniques.inspection import filter_statistics

few = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 10_000)


def noise(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def variation(kernel):
    height, width = kernel.shape
    down = sum(abs(kernel[y + 1, x] - kernel[y, x]) for y in range(height - 1) for x in range(width))
    across = sum(abs(kernel[y, x + 1] - kernel[y, x]) for y in range(height) for x in range(width - 1))
    return down + across


def high(kernel, cutoff=0.25):
    """The energy above the cut-off, each frequency by its own sum of cosines and sines."""
    height, width = kernel.shape
    total = 0.0
    for v, u in itertools.product(range(height), range(width)):
        fy, fx = min(v, height - v) / height, min(u, width - u) / width
        if math.hypot(fy, fx) > cutoff:
            wave = [
                [np.exp(-2j * np.pi * (v * y / height + u * x / width)) for x in range(width)] for y in range(height)
            ]
            total += abs((kernel * np.array(wave)).sum()) ** 2
    return total


def over_shuffles(measure, kernel):
    """A measure of a kernel over its mean for all orders of its weights."""
    orders = np.array(list(itertools.permutations(kernel.ravel()))).reshape(-1, *kernel.shape)
    return measure(kernel) / np.mean([measure(order) for order in orders])


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (1, 5), (6, 1), (2, 2), (1, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_roughness_is_the_variation_over_that_of_every_shuffle(shape, seed):
    kernel = noise(seed, *shape)
    assert filter_statistics.roughness(kernel[None, None]) == pytest.approx(
        [over_shuffles(variation, kernel)], rel=1e-5
    )


@pytest.mark.parametrize("shape", [(1, 6), (5, 1), (1, 7)])
def test_high_share_is_the_energy_over_that_of_every_shuffle(shape):
    kernel = noise(1, *shape)
    assert filter_statistics.high_share(kernel[None, None]) == pytest.approx([over_shuffles(high, kernel)], rel=1e-5)


@pytest.mark.parametrize(
    ("statistic", "measure"), [(filter_statistics.roughness, variation), (filter_statistics.high_share, high)]
)
def test_the_input_channels_of_a_filter_are_shuffled_each_for_itself(statistic, measure):
    rng = np.random.default_rng(2)
    weights = noise(3, 2, 2, 5, 4) * np.array([1, 10], np.float32)[:, None, None]
    shuffled = np.zeros(2)
    for _ in range(400):
        shuffled += [sum(measure(rng.permutation(k.ravel()).reshape(5, 4)) for k in f) / 400 for f in weights]
    wanted = [sum(map(measure, f)) / s for f, s in zip(weights, shuffled, strict=True)]
    assert statistic(weights) == pytest.approx(wanted, rel=0.05)


def test_smooth_noisy_and_checkered_filters_are_told_apart():
    y, x = np.mgrid[:9, :9].astype(np.float32)
    kinds = np.stack([x, np.sin(x / 2) + np.cos(y / 2), (-1.0) ** (x + y)])[:, None].astype(np.float32)
    for statistic in (filter_statistics.roughness, filter_statistics.high_share):
        ramp, wave, checkers = statistic(kinds)
        assert ramp < 0.5 and wave < 0.5 and checkers > 1.2
        assert abs(statistic(noise(0, 300, 3, 9, 9)).mean() - 1) < 0.02


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -0.3, 1 / 3])
@pytest.mark.parametrize("side", [2, 5, 7, 11])
def test_a_constant_filter_has_neither_roughness_nor_high_share(side, value):
    weights = np.full((2, 3, side, side), value, np.float32)
    assert np.isnan(filter_statistics.roughness(weights)).all()
    assert np.isnan(filter_statistics.high_share(weights)).all()


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1, 1)])
def test_weights_without_positions_have_neither(shape):
    weights = noise(0, *shape)
    assert np.isnan([filter_statistics.roughness(weights), filter_statistics.high_share(weights)]).all()
    np.testing.assert_allclose(filter_statistics.norm(weights), np.sqrt((weights.reshape(4, 3) ** 2).sum(1)), rtol=1e-6)


def test_a_kernel_too_small_for_low_frequencies_has_no_high_share():
    assert np.isnan(filter_statistics.high_share(noise(0, 2, 3, 3, 3))).all()
    assert np.isfinite(filter_statistics.roughness(noise(0, 2, 3, 3, 3))).all()


@few
@given(seeds, st.integers(-60, 60))
def test_nothing_hangs_on_the_scale_of_a_filter(seed, exponent):
    weights = noise(seed, 6, 2, 5, 5)
    scaled = weights * np.float32(2.0**exponent)
    scaled[1] *= 4
    for statistic in (filter_statistics.roughness, filter_statistics.high_share):
        np.testing.assert_allclose(statistic(scaled), statistic(weights), rtol=1e-5)
    np.testing.assert_allclose(
        filter_statistics.norm(scaled)[::2], filter_statistics.norm(weights)[::2] * 2.0**exponent, rtol=1e-5
    )


@few
@given(seeds)
def test_filters_in_another_order_have_the_same_statistics_in_that_order(seed):
    weights = noise(seed, 5, 2, 4, 5)
    order = np.random.default_rng(seed).permutation(5)
    for statistic in (filter_statistics.norm, filter_statistics.roughness, filter_statistics.high_share):
        np.testing.assert_allclose(statistic(weights[order]), statistic(weights)[order], rtol=1e-6)
        np.testing.assert_allclose(statistic(weights[:, ::-1].copy()), statistic(weights), rtol=1e-5)
