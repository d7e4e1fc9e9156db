"""Canvases: each against a slow sum of the pieces it is made of, and what all of them promise."""

import math

import numpy as np
import pytest
import torch

from convscope.optimize import decorrelate
from convscope.optimize.canvas import Fourier, MagnitudeConstrained, Pixels, Pyramid, Tempered, Transparent

SIZES = [(5, 7), (6, 8), (5, 8), (6, 7), (4, 1), (1, 2), (1, 1)]
both = pytest.mark.parametrize(("channels", "size"), [(3, size) for size in SIZES] + [(1, (6, 8))])

MATRIX = np.array([[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]]) / math.sqrt(0.26**2 + 0.27**2 + 0.27**2)


def pixels(numbers):
    """What (C, H, W) independent numbers look like, written with loops as Lucid does it."""
    colors = range(len(numbers))
    mixed = [sum(MATRIX[o, i] * numbers[i] for i in colors) for o in colors] if len(numbers) == 3 else numbers
    return 1 / (1 + np.exp(-np.array(mixed)))


def cosines(waves, size):
    """The picture of one channel's half spectrum, cosine by cosine: columns that are there only once count once."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    total = np.zeros(size)
    for (ky, kx), wave in np.ndenumerate(waves):
        times = 1 if kx == 0 or 2 * kx == width else 2
        total += times * abs(wave) * np.cos(2 * np.pi * (ky * y / height + kx * x / width) + np.angle(wave))
    return total / math.sqrt(height * width)


def strength(ky, kx, size, decay):
    """Lucid's scale of one wave."""
    f = math.hypot(min(ky, size[0] - ky) / size[0], kx / size[1])
    return 1 / max(f, 1 / max(size)) ** decay


@both
def test_fourier_is_a_sum_of_cosines(frame, channels, size):
    canvas = Fourier(frame(2, channels, *size), noise=1.0, decay=0.8)
    waves = torch.view_as_complex(canvas.parameters[0].detach()).numpy().astype(complex)
    assert waves.shape == (2, channels, size[0], size[1] // 2 + 1)
    for (ky, kx), _ in np.ndenumerate(waves[0, 0]):
        waves[..., ky, kx] *= strength(ky, kx, size, 0.8)
    for found, picture in zip(canvas.image().detach().numpy(), waves, strict=True):
        wanted = pixels(np.array([cosines(channel, size) for channel in picture]) / 4)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-6)


def doubled(waves):
    """What of a half spectrum no real picture can have: the odd part of the columns that hold each wave twice."""
    height = waves.shape[-2]
    mirrored = waves[..., [-k % height for k in range(height)], :].conj()
    return (waves - mirrored) / 2


@both
def test_what_no_real_picture_has_does_not_matter(frame, channels, size):
    canvas = Fourier(frame(1, channels, *size), noise=1.0)
    scaled = torch.view_as_complex(canvas.parameters[0].detach() * canvas.scale)
    twice = [kx for kx in range(scaled.shape[-1]) if 2 * kx % size[1] == 0]
    before = canvas.image().detach()
    canvas.image().sum().backward()
    odd = torch.zeros_like(scaled)
    odd[..., twice] = doubled(torch.randn(scaled.shape, dtype=scaled.dtype))[..., twice]
    slope = torch.view_as_complex(canvas.parameters[0].grad / canvas.scale)
    assert (slope * odd.conj()).real.sum().abs() < 1e-4
    with torch.no_grad():
        canvas.parameters[0] += torch.view_as_real(odd) / canvas.scale
        torch.testing.assert_close(canvas.image(), before, rtol=0, atol=2e-5)
        hermitian = scaled.clone()
        hermitian[..., twice] -= doubled(scaled)[..., twice]
        wanted = torch.fft.irfft2(hermitian, s=size, norm="ortho") / 4
        torch.testing.assert_close(before, decorrelate.to_pixels(wanted), rtol=0, atol=2e-5)


@both
@pytest.mark.parametrize("kind", [Pixels, Fourier])
def test_a_start_comes_back(frame, channels, size, kind):
    start = torch.rand(2, channels, *size, generator=torch.Generator().manual_seed(5))
    start[0, 0, 0, 0], start[1, 0, -1, -1] = 0, 1  # black and white may move by a thousandth
    found = kind(frame(2, channels, *size), start=start).image().detach()
    torch.testing.assert_close(found, start, rtol=0, atol=0 if kind is Pixels else 1.1e-3)
    inside = (start > 2e-3) & (start < 1 - 2e-3)
    torch.testing.assert_close(found[inside], start[inside], rtol=0, atol=2e-5)


def enlarged(level, size):
    """Bilinear interpolation between pixel centers, one pixel after another."""
    found = np.zeros(size)
    for at in np.ndindex(*size):
        where = [min(max((a + 0.5) * n / s - 0.5, 0), n - 1) for a, n, s in zip(at, level.shape, size, strict=True)]
        (y, x), (fy, fx) = (int(w) for w in where), (w % 1 for w in where)
        below, right = min(y + 1, level.shape[0] - 1), min(x + 1, level.shape[1] - 1)
        top = level[y, x] * (1 - fx) + level[y, right] * fx
        found[at] = top * (1 - fy) + (level[below, x] * (1 - fx) + level[below, right] * fx) * fy
    return found


@both
def test_a_pyramid_is_the_sum_of_its_levels_enlarged(frame, channels, size):
    canvas = Pyramid(frame(1, channels, *size), noise=0.5, levels=3)
    sides = [(math.ceil(size[0] / 2**k), math.ceil(size[1] / 2**k)) for k in range(3)]
    assert [tuple(level.shape[2:]) for level in canvas.parameters] == sides
    total = np.zeros((channels, *size))
    for k, level in enumerate(canvas.parameters):
        total += [2**k * enlarged(channel, size) for channel in level[0].detach().numpy()]
    np.testing.assert_allclose(canvas.image()[0].detach().numpy(), pixels(total), rtol=0, atol=3e-6)


def spectrum(shape, size):
    picture = torch.randn(shape[0], *size, generator=torch.Generator().manual_seed(1))
    return torch.fft.rfft2(picture, norm="ortho").abs()


@both
def test_every_frequency_keeps_its_strength(frame, channels, size):
    wanted = spectrum((channels,), size)
    canvas = MagnitudeConstrained(frame(3, channels, *size), wanted)
    for turn in range(2):
        found = torch.fft.rfft2(decorrelate.from_pixels(canvas.image().detach()), norm="ortho").abs()
        for (ky, kx), _ in np.ndenumerate(wanted[0].numpy()):
            alone = 2 * ky % size[0] == 0 and 2 * kx % size[1] == 0  # a wave that is its own mirror image has no phase
            there = wanted[:, ky, kx].expand(3, channels)
            if alone:
                assert (found[..., ky, kx] <= there + 1e-3).all()
            else:
                torch.testing.assert_close(found[..., ky, kx], there, rtol=1e-3, atol=1e-3, msg=f"{turn} {ky} {kx}")
        with torch.no_grad():
            canvas.parameters[0] += torch.randn(canvas.parameters[0].shape)


CANVASES = {
    "pixels": Pixels,
    "fourier": Fourier,
    "pyramid": Pyramid,
    "maco": lambda frame: MagnitudeConstrained(frame, spectrum(frame.shape[:1], frame.shape[1:])),
    "transparent": lambda frame: Transparent(Pixels(frame), frame),
}


@pytest.mark.parametrize("shape", [(2, 3, 6, 9), (1, 1, 7, 4), (3, 3, 1, 1)])
@pytest.mark.parametrize("name", CANVASES)
def test_every_canvas(frame, name, shape):
    canvas, same, other = (CANVASES[name](frame(*shape, seed=seed)) for seed in (1, 1, 2))
    image = canvas.image()
    assert image.shape == (shape[0], shape[1] + (name == "transparent"), *shape[2:])
    assert image.min() >= 0 and image.max() <= 1
    assert torch.equal(image, same.image()) and not torch.equal(image, other.image())
    assert all(p.is_leaf and p.requires_grad and len(p) == shape[0] for p in canvas.parameters)
    weights = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    slopes = torch.autograd.grad((image * weights)[0].sum(), canvas.parameters)
    for slope in slopes:
        assert slope[0].any() and not slope[1:].any(), "pictures do not touch one another"


@pytest.mark.parametrize("name", ["pixels", "transparent"])
def test_pixels_are_clipped_and_start_about_the_mean(frame, name):
    wide = frame(1, 3, 64, 64)
    mean = torch.tensor([0.2, 0.5, 0.7])
    canvas = Pixels(wide, mean=mean)
    if name == "transparent":
        canvas = Transparent(canvas, wide)
    flat = canvas.image()[0, :3].flatten(1)
    torch.testing.assert_close(flat.mean(1), mean, rtol=0, atol=3e-3)
    torch.testing.assert_close(flat.std(1), torch.full((3,), 10 / 255), rtol=0.05, atol=0)
    with torch.no_grad():
        canvas.parameters[0] += torch.linspace(-2, 2, 64)
    canvas.constrain()
    assert canvas.image().min() >= 0 and canvas.image().max() <= 1 == canvas.parameters[0].max()


def test_start_noise_is_lucids(frame):
    canvas = Fourier(frame(4, 3, 32, 32))
    assert canvas.parameters[0].std().item() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("channels", [1, 3])
def test_tempered_colors_are_fouriers_while_weak_and_never_stronger_than_allowed(frame, channels):
    weak, plain = (kind(frame(2, channels, 16, 12), noise=1e-4, decay=1.4) for kind in (Tempered, Fourier))
    assert torch.allclose(weak.image(), plain.image(), atol=1e-5)
    for noise in (0.1, 1.0, 3.0):
        canvas = Tempered(frame(2, channels, 16, 12), noise=noise)
        plain = Fourier(frame(2, channels, 16, 12), noise=noise, decay=1.4)
        found, free = (decorrelate.decorrelated(one.image().detach().double().logit()) for one in (canvas, plain))
        strength = found.square().mean((2, 3)).sqrt()
        wanted = free.square().mean((2, 3)).sqrt() if noise == 0.1 else None
        limit = torch.tensor([2.2, 3.6, 3.4][:channels])
        assert (strength < limit).all()
        if wanted is not None:
            assert torch.allclose(strength, wanted / (1 + wanted.square() / limit**2).sqrt(), rtol=1e-3)
