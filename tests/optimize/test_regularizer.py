"""Regularizers against loops over pixels, as their papers have them."""

import itertools

import numpy as np
import pytest
import torch

from convscope.optimize.regularizer import L2, AlphaNorm, BlurEvery, Clip, Decay, TotalVariation
from convscope.optimize.transform import blurred

SHAPE = (2, 3, 5, 4)


def numbers(seed=0):
    return torch.randn(*SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def square(x, y, i, j):
    return x**2


def variation(beta):
    def step(picture, c, i, j):
        if i + 1 == picture.shape[1] or j + 1 == picture.shape[2]:
            return 0
        across, down = picture[c, i, j + 1] - picture[c, i, j], picture[c, i + 1, j] - picture[c, i, j]
        return (across**2 + down**2) ** (beta / 2)

    return step


@pytest.mark.parametrize(
    ("penalty", "of_pixel"),
    [
        (L2(0.3), lambda picture, c, i, j: 0.3 * (picture[c, i, j] - 0.5) ** 2),
        (L2(2, center=0.1), lambda picture, c, i, j: 2 * (picture[c, i, j] - 0.1) ** 2),
        (AlphaNorm(0.3), lambda picture, c, i, j: 0.3 * abs(picture[c, i, j] - 0.5) ** 6),
        (AlphaNorm(1, 3, 0), lambda picture, c, i, j: abs(picture[c, i, j]) ** 3),
        (TotalVariation(1), variation(2)),
        (TotalVariation(1, 1.5), variation(1.5)),
        (TotalVariation(1, 1), variation(1)),
    ],
    ids=lambda value: "" if callable(value) and hasattr(value, "__code__") else str(value),
)
def test_a_penalty_is_a_sum_over_pixels(penalty, of_pixel):
    x = numbers().requires_grad_()

    def by_hand(picture):
        return sum(of_pixel(picture, *at) for at in np.ndindex(*picture.shape))

    found = penalty(x)
    np.testing.assert_allclose(found.detach(), [by_hand(picture) for picture in x.detach().numpy()], rtol=1e-9)
    slopes = torch.autograd.grad(found.sum(), x)[0].numpy()
    for at in itertools.islice(np.ndindex(*SHAPE), 0, None, 7):
        nudge = np.zeros(SHAPE)
        nudge[at] = 1e-5
        ahead, behind = (by_hand((x.detach().numpy() + sign * nudge)[at[0]]) for sign in (1, -1))
        assert slopes[at] == pytest.approx((ahead - behind) / 2e-5, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("beta", [1, 1.5, 2])
def test_the_slope_of_variation_is_finite_where_a_picture_is_flat(beta):
    flat = torch.full(SHAPE, 0.4).requires_grad_()
    assert not torch.autograd.grad(TotalVariation(1, beta)(flat).sum(), flat)[0].any()


def percentile(values, share):
    """The value below which `share` percent of the values lie, straight between the two nearest."""
    ordered = sorted(values)
    place = share / 100 * (len(ordered) - 1)
    low = int(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


@pytest.mark.parametrize("share", [0, 20, 50, 90])
@pytest.mark.parametrize("by", ["value", "norm", "contribution", "absolute"])
def test_clips_are_yosinskis(by, share):
    x, gradient = numbers(), numbers(1)
    found = Clip(by, share)(x, gradient, 0)
    for n in range(len(x)):
        size = {}
        for c, i, j in np.ndindex(*SHAPE[1:]):
            total = sum(x[n, k, i, j].item() * gradient[n, k, i, j].item() for k in range(3))
            norm = sum(x[n, k, i, j].item() ** 2 for k in range(3)) ** 0.5
            size[c, i, j] = {
                "value": abs(x[n, c, i, j].item()), "norm": norm, "contribution": total, "absolute": abs(total)
            }[by]  # fmt: skip
        bound = percentile(size.values() if by == "value" else [size[0, i, j] for i, j in np.ndindex(5, 4)], share)
        for (c, i, j), this in size.items():
            assert found[n, c, i, j] == (0 if this < bound - 1e-12 else x[n, c, i, j])
    if share == 0:
        assert torch.equal(found, x)


def test_decay_and_blur():
    x = numbers()
    np.testing.assert_allclose(Decay(0.3)(x, x, 0), 0.7 * x.numpy())
    update = BlurEvery(0.5, 4)
    for step in range(9):
        assert torch.equal(update(x, x, step), blurred(x, 0.5) if step in (0, 4, 8) else x)
