"""Transforms: resampling against loops, movements in pixels, and that a chain is one after another."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convscope.optimize.draws import generator
from convscope.optimize.transform import (
    Blur,
    Chain,
    Crop,
    Jitter,
    Movement,
    Noise,
    Overlay,
    Pad,
    RandomScale,
    Rotate,
    Tint,
    blurred,
    warped,
)

MOVEMENTS = [Jitter(2.5), RandomScale(0.6, 1.7), Rotate(40), Crop(0.3, 0.8)]
DRAWN = [*MOVEMENTS, Noise(0.1), Tint(0.3), Overlay(), Blur(1.5)]
ALL = [*DRAWN, Pad(2), Pad(3, -1)]


def rngs(image, seed=0):
    """Random numbers for each picture."""
    return [generator(seed, n) for n in range(len(image))]


def pictures(*shape, seed=1, dtype=torch.float32):
    return torch.rand(*shape, generator=generator(seed), dtype=dtype)


@dataclass(frozen=True)
class Fixed(Movement):
    """Turn by a quarter so many times, counterclockwise as seen, then show what lies `right` and `down` of it."""

    quarters: int = 0
    right: float = 0
    down: float = 0
    larger: float = 1

    def matrices(self, image, rngs):
        height, width = image.shape[-2:]
        cos, sin = round(math.cos(self.quarters * math.pi / 2)), round(math.sin(self.quarters * math.pi / 2))
        in_pixels = np.array([[cos, -sin, self.right], [sin, cos, self.down], [0, 0, self.larger]]) / self.larger
        half = np.diag([width / 2, height / 2, 1])
        return torch.tensor(np.linalg.inv(half) @ in_pixels @ half, dtype=image.dtype).repeat(len(image), 1, 1)


def in_pixels(matrices, image):
    """Matrices in pixels about the middle, x to the right and y down."""
    half = torch.diag(torch.tensor([image.shape[-1] / 2, image.shape[-2] / 2, 1], dtype=image.dtype))
    return half @ matrices @ half.inverse()


def resampled(picture, matrix, size):
    """One channel looked up place by place, bilinearly, in a plane that is grey beyond the picture."""
    height, width = picture.shape
    found = np.zeros(size)
    for i, j in np.ndindex(*size):
        x, y, _ = matrix @ [(2 * j + 1) / size[1] - 1, (2 * i + 1) / size[0] - 1, 1]
        x, y = ((x + 1) * width - 1) / 2, ((y + 1) * height - 1) / 2
        for dy, dx in itertools.product((0, 1), (0, 1)):
            row, column = math.floor(y) + dy, math.floor(x) + dx
            value = picture[row, column] if 0 <= row < height and 0 <= column < width else 0.5
            found[i, j] += value * (1 - abs(y - row)) * (1 - abs(x - column))
    return found


@pytest.mark.parametrize("movement", MOVEMENTS, ids=str)
@pytest.mark.parametrize("size", [(6, 9), (7, 5)])
def test_movements_are_slow_resampling(movement, size):
    image = pictures(3, 2, 6, 9, dtype=torch.float64)
    matrices = movement.matrices(image, rngs(image))
    found = warped(image, matrices, size)
    for n, c in np.ndindex(3, 2):
        wanted = resampled(image[n, c].numpy(), matrices[n].numpy(), size)
        np.testing.assert_allclose(found[n, c].numpy(), wanted, rtol=0, atol=1e-9)
    if size == (6, 9):
        assert torch.equal(movement(image, rngs(image)), found)


@pytest.mark.parametrize("shape", [(8, 8), (6, 9)])
def test_in_pixels_movements_are_what_they_are_called(shape):
    image = pictures(200, 1, *shape, dtype=torch.float64)
    straight = torch.eye(3, dtype=torch.float64).expand(200, 3, 3)

    turned = in_pixels(Rotate(40).matrices(image, rngs(image)), image)
    torch.testing.assert_close(turned @ turned.mT, straight)  # neither sheared nor enlarged
    angles = torch.rad2deg(torch.atan2(turned[:, 1, 0], turned[:, 0, 0]))
    assert -40 <= angles.min() < -35 and 35 < angles.max() <= 40 and angles.mean().abs() < 4

    factors = 1 / in_pixels(RandomScale(0.5, 2).matrices(image, rngs(image)), image)[:, 0, 0]
    torch.testing.assert_close(
        in_pixels(RandomScale(0.5, 2).matrices(image, rngs(image)), image)[:, :2, :2] * factors[:, None, None],
        straight[:, :2, :2],
    )
    assert 0.5 <= factors.min() < 0.55 and 1.9 < factors.max() <= 2 and factors.log().mean().abs() < 0.1

    shifts = in_pixels(Jitter(3).matrices(image, rngs(image)), image) - straight
    assert not shifts[:, :2, :2].any() and -3 <= shifts.min() < -2.9 and 2.9 < shifts.max() <= 3

    window = Crop(0.25, 0.5, spread=0.15).matrices(image, rngs(image))
    sides, centers = window[:, 0, 0], window[:, :2, 2]
    assert sides.min() >= 0.25 and sides.max() <= 0.5 and torch.equal(sides, window[:, 1, 1])
    assert (centers.abs() + sides[:, None] <= 1 + 1e-9).all(), "windows stay inside"
    assert centers.std().item() == pytest.approx(0.3, rel=0.1)


def test_exact_movements():
    image = pictures(2, 3, 6, 6)
    grey = torch.full_like(image, 0.5)
    shifted = grey.clone()
    shifted[..., :4, 1:] = image[..., 2:, :5]
    torch.testing.assert_close(Fixed(0, -1, 2)(image, rngs(image)), shifted)
    torch.testing.assert_close(Fixed(1)(image, rngs(image)), image.rot90(1, (-2, -1)))
    spot = grey.clone()
    spot[..., 2:4, 2:4] = 1.0
    enlarged = RandomScale(2, 2)(spot, rngs(spot))
    assert (enlarged > 0.9).sum() == 4 * 6 and (enlarged > 0.7).sum() > (spot > 0.7).sum()
    torch.testing.assert_close(Crop(1, 1)(image, rngs(image)), image)
    torch.testing.assert_close(Fixed(0, 0, 0, 2)(image, rngs(image)), RandomScale(2, 2)(image, rngs(image)))


@pytest.mark.parametrize(
    "steps",
    [
        [Fixed(1), Fixed(0, 2, 1)],
        [Fixed(0, 2, 1), Fixed(1)],
        [Fixed(0, 2, 0), Fixed(3), Fixed(0, -1, 1), Fixed(2)],
    ],
    ids=["turn, shift", "shift, turn", "four"],
)
def test_a_chain_of_exact_movements_is_one_after_another(steps):
    image = torch.full((1, 2, 16, 16), 0.5)
    image[..., 6:10, 7:11] = pictures(1, 2, 4, 4)

    def one_by_one(movements):
        found = image
        for movement in movements:
            found = movement(found, rngs(found))
        return found

    found = Chain(tuple(steps))(image, rngs(image))
    torch.testing.assert_close(found, one_by_one(steps))
    assert not torch.allclose(found, one_by_one(steps[::-1]), atol=0.1), "the order must matter here"


@pytest.mark.parametrize("shape", [(40, 40), (36, 60)])
@pytest.mark.parametrize(
    "steps", list(itertools.permutations([Jitter(5), RandomScale(0.8, 1.25), Rotate(30)])), ids=str
)
def test_a_chain_of_drawn_movements_is_one_after_another(steps, shape):
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in shape), indexing="ij")
    blob = 0.5 + 0.5 * torch.exp(-(((x - 0.1) / 0.3) ** 2) - ((y + 0.05) / 0.25) ** 2)
    image = blob.expand(3, 2, *shape)
    found, slow, draws = Chain(steps)(image, rngs(image, 3)), image, rngs(image, 3)
    for step in steps:
        slow = step(slow, draws)
    torch.testing.assert_close(found, slow, rtol=0, atol=0.03)
    assert (found - image).abs().amax((1, 2, 3)).min() > 0.08


@pytest.mark.parametrize("transform", ALL, ids=str)
def test_every_transform(transform):
    one = pictures(1, 3, 6, 5, dtype=torch.float64)
    pair = one.repeat(2, 1, 1, 1)
    found = transform(pair, rngs(pair))
    assert torch.equal(found, transform(pair, rngs(pair))), "the same random numbers, the same pictures"
    alike = torch.allclose(found[0], found[1], atol=1e-6)
    assert alike is (transform not in DRAWN), "each picture has its own draw"
    assert (transform in DRAWN) is not torch.equal(found, transform(pair, rngs(pair, 1)))
    assert torch.allclose(found[1:], transform(one, rngs(pair)[1:]), atol=1e-12), "its neighbors do not matter"
    assert torch.autograd.gradcheck(lambda x: transform(x, rngs(x)), pair.requires_grad_(), fast_mode=True)
    assert eval(str(transform)) == transform


def test_noise_tint_and_pad():
    image = pictures(2, 3, 60, 50)
    noise = Noise(0.1)(image, rngs(image)) - image
    assert noise.std().item() == pytest.approx(0.1, rel=0.02) and abs(noise.mean().item()) < 2e-3
    tinted = Tint(0.4)(image, rngs(image))
    for n, c in np.ndindex(2, 3):
        slope, offset = np.polyfit(image[n, c].flatten(), tinted[n, c].flatten(), 1)
        assert abs(math.log(slope)) <= 0.4 and abs(offset + 0.5 * slope - 0.5) <= 0.2 + 1e-5
        np.testing.assert_allclose(tinted[n, c], image[n, c] * slope + offset, atol=1e-5)
    grey, edge = Pad(2)(image, rngs(image)), Pad(2, -1)(image, rngs(image))
    assert torch.equal(grey[..., 2:-2, 2:-2], image) and torch.equal(edge[..., 2:-2, 2:-2], image)
    assert (grey[..., :2, :] == 0.5).all() and torch.equal(edge[..., 0, 2:-2], image[..., 0, :])


@pytest.mark.parametrize("sd", [0.3, 0.5, 1.0, 2.2])
@pytest.mark.parametrize("shape", [(9, 12), (2, 1)])
def test_blur_is_a_slow_gaussian(sd, shape):
    image = pictures(1, 2, *shape, dtype=torch.float64)
    found, reach = blurred(image, sd)[0], math.ceil(3 * sd)
    assert found.shape == image[0].shape
    for c, y, x in np.ndindex(*found.shape):
        total = weights = 0
        for i, j in itertools.product(range(-reach, reach + 1), repeat=2):
            weight = math.exp(-(i * i + j * j) / (2 * sd * sd))
            row, column = min(max(y + i, 0), shape[0] - 1), min(max(x + j, 0), shape[1] - 1)
            total, weights = total + weight * image[0, c, row, column].item(), weights + weight
        assert found[c, y, x].item() == pytest.approx(total / weights, abs=1e-9)
    assert blurred(image, 0) is image
    assert torch.equal(
        Blur(sd)(image, rngs(image)), blurred(image, (torch.rand((), generator=generator(0)) * sd).item())
    )


def test_overlay_shows_colors_where_opaque_and_noise_where_not():
    image = pictures(2, 4, 8, 6)
    image[:, 3, :4], image[:, 3, 4:] = 1, 0
    found = Overlay()(image, rngs(image))
    assert torch.equal(found[:, :, :4], image[:, :3, :4])
    other = image.clone()
    other[:, :3, 4:] = 7
    assert torch.equal(Overlay()(other, rngs(other)), found)
    assert found[:, :, 4:].std() > 0.05 and found.min() >= 0 and found.max() <= 1
    image[:, 3] = 0.25
    torch.testing.assert_close(
        Overlay()(image, rngs(image)), 0.25 * image[:, :3] + 0.75 * Overlay()(image * 0, rngs(image)), rtol=0, atol=1e-6
    )


ANY = st.sampled_from([*MOVEMENTS, Noise(0.1), Tint(0.2), Blur(2), Pad(1), Pad(2, -1)])
SIDES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(st.lists(ANY, max_size=5), SIDES, SIDES)
def test_a_chain_always_gives_its_size(steps, shape, size):
    image = pictures(2, 3, *shape)
    found = Chain(tuple(steps), size)(image, rngs(image))
    assert found.shape == (2, 3, *size) and found.isfinite().all()


def test_a_chain_without_steps_is_the_picture():
    image = pictures(1, 3, 5, 6)
    assert Chain(())(image, rngs(image)) is image and Chain((), (5, 6))(image, rngs(image)) is image
    flat = torch.full((1, 3, 5, 6), 0.3)
    torch.testing.assert_close(Chain((), (9, 4))(flat, rngs(flat)), torch.full((1, 3, 9, 4), 0.3))
