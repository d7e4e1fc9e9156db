"""Gram and Wasserstein statistics and their slopes, against float64 written from the definitions."""

import numpy as np
import pytest
import torch

from convscope.techniques.style.statistics import DISTANCES, gram_distance, moments, pull, wasserstein_distance


@pytest.fixture(autouse=True)
def the_same_numbers_each_time():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def maps(channels=5, height=6, width=7, shift=0.5):
    return shift + torch.randn(1, channels, height, width)


def slow_gram(f, guide=None):
    """Entry by entry, in float64."""
    f, (_, channels, height, width) = f.double().numpy()[0], f.shape
    t = np.ones((height, width)) if guide is None else guide.double().numpy()
    g = np.zeros((channels, channels))
    for i in range(channels):
        for j in range(channels):
            for y in range(height):
                for x in range(width):
                    g[i, j] += t[y, x] * f[i, y, x] * t[y, x] * f[j, y, x]
    return g / (t**2).sum()


def root(matrix):
    """The square root of a symmetric matrix, by Newton's iteration of Denman and Beavers."""
    y, z = matrix.copy(), np.eye(len(matrix))
    for _ in range(60):
        y, z = (y + np.linalg.inv(z)) / 2, (z + np.linalg.inv(y)) / 2
    return y


def slow_wasserstein(f, target):
    def gaussian(maps):
        flat = maps.double().numpy()[0].reshape(maps.shape[1], -1)
        return flat.mean(1), np.cov(flat, bias=True), (flat**2).sum(0).mean()

    (mean, covariance, _), (wanted_mean, wanted, square) = gaussian(f), gaussian(target)
    ridge = 1e-4 * (np.trace(wanted) + (wanted_mean**2).sum()) / len(mean) * np.eye(len(mean))
    a, b = covariance + ridge, wanted + ridge
    middle = root(root(b) @ a @ root(b))
    return (((mean - wanted_mean) ** 2).sum() + np.trace(a + b - 2 * middle)) / square


def value_of(measure, f, target):
    m = moments(f)
    return measure(moments(target), True)(m.mean, m.gram)


@pytest.mark.parametrize("guided", [False, True])
def test_a_gram_matrix_is_the_one_of_the_definition(guided):
    f, guide = maps(), torch.rand(6, 7) if guided else None
    assert np.allclose(moments(f, guide).gram.numpy(), slow_gram(f, guide), rtol=1e-5, atol=1e-6)


def test_a_gram_loss_is_relative_to_its_target_or_gatys_mean_of_squares():
    f, target = maps(), maps()
    difference = ((slow_gram(f) - slow_gram(target)) ** 2).sum()
    m, t = moments(f), moments(target)
    assert gram_distance(t)(m.mean, m.gram).item() == pytest.approx(
        difference / (slow_gram(target) ** 2).sum(), rel=1e-5
    )
    assert gram_distance(t, False)(m.mean, m.gram).item() == pytest.approx(difference / 5**4, rel=1e-5)
    assert gram_distance(t)(0 * m.mean, 0 * m.gram).item() == 1


def test_a_wasserstein_loss_is_the_one_of_the_definition():
    f, target = maps(), maps(shift=0.1)
    assert value_of(wasserstein_distance, f, target).item() == pytest.approx(slow_wasserstein(f, target), rel=1e-4)


def test_a_wasserstein_loss_of_shifted_maps_is_the_shift_squared():
    target = maps()
    shifted = target + 0.75
    expected = 5 * 0.75**2 / target.square().sum(1).mean().item()
    assert value_of(wasserstein_distance, shifted, target).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("guided", [False, True])
def test_slopes_along_maps_are_those_of_finite_differences_in_float64(name, guided):
    f, target, guide = maps(3, 4, 5).double(), maps(3, 6, 6).double(), torch.rand(4, 5).double() if guided else None
    distance = DISTANCES[name](moments(target), True)

    def loss(at):
        m = moments(at, guide)
        return distance(m.mean, m.gram).item()

    total = moments(f, guide)
    mean, gram = total.mean.requires_grad_(), total.gram.requires_grad_()
    along = torch.autograd.grad(distance(mean, gram), [mean, gram], allow_unused=True)
    slopes = [torch.zeros_like(x) if g is None else g for x, g in zip((mean, gram), along, strict=True)]
    found = pull(f, total, *slopes, guide)
    for place in [(0, 0, 0, 0), (0, 1, 2, 3), (0, 2, 3, 4)]:
        step = torch.zeros_like(f)
        step[place] = 1e-5
        assert found[place].item() == pytest.approx((loss(f + step) - loss(f - step)) / 2e-5, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("name", DISTANCES)
def test_single_precision_slopes_agree_with_double(name):
    f, target = maps(8, 9, 9), maps(8, 9, 9)

    def slope(dtype):
        a, b = f.to(dtype), target.to(dtype)
        total, distance = moments(a), DISTANCES[name](moments(b), True)
        mean, gram = total.mean.requires_grad_(), total.gram.requires_grad_()
        along = torch.autograd.grad(distance(mean, gram), [mean, gram], allow_unused=True)
        return pull(
            a, total, *[torch.zeros_like(x) if g is None else g for x, g in zip((mean, gram), along, strict=True)]
        )

    single, double = slope(torch.float32), slope(torch.float64)
    assert ((single - double).norm() / double.norm()).item() < 1e-4


@pytest.mark.parametrize("name", DISTANCES)
def test_maps_like_the_target_have_no_loss_wherever_their_features_lie(name):
    target = maps()
    order = torch.randperm(42)
    shuffled = target.flatten(2)[..., order].reshape(target.shape)
    assert value_of(DISTANCES[name], shuffled, target).item() == pytest.approx(0, abs=1e-5)
    assert value_of(DISTANCES[name], maps(), target).item() > 0.01


def test_moments_of_parts_add_up_to_those_of_the_whole():
    f, guide = maps(), torch.rand(6, 7)
    parts = moments(f[..., :4, :], guide[:4]) + moments(f[..., 4:, :], guide[4:])
    assert torch.allclose(parts.gram, moments(f, guide).gram, rtol=1e-5, atol=1e-6)
    assert torch.allclose(parts.mean, moments(f, guide).mean, rtol=1e-5)


def test_a_guide_of_ones_changes_nothing():
    f = maps()
    assert torch.equal(moments(f, torch.ones(6, 7)).gram, moments(f).gram)
