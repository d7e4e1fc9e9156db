"""Transforms: what is done to a picture before the network sees it, anew at each step, so that details must be robust.

Each is `(image, rngs) → image`, draws for every picture of the batch by itself, and prints as what it is. Movements of
the plane that follow one another are multiplied and the picture is resampled once.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from .draws import Rngs, normal, uniform
from .resample import resized

Transform: TypeAlias = Callable[[Tensor, Rngs], Tensor]
_GREY = 0.5


class Movement(ABC):
    """A movement of the plane, drawn for each picture: where each place of the new picture lies in the old one."""

    @abstractmethod
    def matrices(self, image: Tensor, rngs: Rngs) -> Tensor:
        """(N, 3, 3), in coordinates from -1 to 1."""

    def __call__(self, image: Tensor, rngs: Rngs) -> Tensor:
        """The moved pictures, at the same size; grey comes in from beyond the edges."""
        return warped(image, self.matrices(image, rngs), (image.shape[-2], image.shape[-1]))


@dataclass(frozen=True)
class Jitter(Movement):
    """Shift by up to `pixels` in each direction."""

    pixels: float

    def matrices(self, image: Tensor, rngs: Rngs) -> Tensor:
        """Shifts."""
        found = _identity(image)
        for row, extent in ((0, image.shape[-1]), (1, image.shape[-2])):
            found[:, row, 2] = _between(-self.pixels, self.pixels, rngs, image) * 2 / extent
        return found


@dataclass(frozen=True)
class RandomScale(Movement):
    """Enlarge by a factor from `low` to `high`, all ratios alike probable."""

    low: float
    high: float

    def matrices(self, image: Tensor, rngs: Rngs) -> Tensor:
        """Factors."""
        factors = _between(math.log(self.low), math.log(self.high), rngs, image).exp()
        return _turned(image, torch.zeros_like(factors), factors)


@dataclass(frozen=True)
class Rotate(Movement):
    """Turn by up to `degrees` either way."""

    degrees: float

    def matrices(self, image: Tensor, rngs: Rngs) -> Tensor:
        """Angles."""
        angles = _between(-self.degrees, self.degrees, rngs, image) * math.pi / 180
        return _turned(image, angles, torch.ones_like(angles))


@dataclass(frozen=True)
class Crop(Movement):
    """A window of a side from `low` to `high` of the picture's, about a normal place near the middle.

    `spread` is the standard deviation of that place as a share of the picture; windows stay inside.
    """

    low: float
    high: float
    spread: float = 0.15

    def matrices(self, image: Tensor, rngs: Rngs) -> Tensor:
        """Windows."""
        sides = _between(self.low, self.high, rngs, image)
        found = _turned(image, torch.zeros_like(sides), 1 / sides)
        centers = (2 * self.spread * normal(rngs, 2)).to(image)
        room = (1 - sides).clamp(min=0)[:, None]
        found[:, :2, 2] = torch.minimum(torch.maximum(centers, -room), room)
        return found


@dataclass(frozen=True)
class Pad:
    """A border of `pixels` of one grey, or of each picture's own edge where `grey` is negative."""

    pixels: int
    grey: float = _GREY

    def __call__(self, image: Tensor, rngs: Rngs) -> Tensor:
        """The larger pictures."""
        border = [self.pixels] * 4
        return F.pad(image, border, mode="replicate") if self.grey < 0 else F.pad(image, border, value=self.grey)


@dataclass(frozen=True)
class Noise:
    """Normal noise of standard deviation `sd` on every pixel."""

    sd: float

    def __call__(self, image: Tensor, rngs: Rngs) -> Tensor:
        """The noisy pictures."""
        return image + self.sd * normal(rngs, *image.shape[1:]).to(image)


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur of a standard deviation from 0 to `sd` pixels."""

    sd: float

    def __call__(self, image: Tensor, rngs: Rngs) -> Tensor:
        """The blurred pictures."""
        widths = _between(0, self.sd, rngs, image).tolist()
        return torch.cat([blurred(one[None], width) for one, width in zip(image, widths, strict=True)])


@dataclass(frozen=True)
class Tint:
    """Another contrast, by a factor up to e^±`amount`, and each color shifted by up to half of `amount`."""

    amount: float

    def __call__(self, image: Tensor, rngs: Rngs) -> Tensor:
        """The tinted pictures."""
        contrast = _between(-self.amount, self.amount, rngs, image).exp()[:, None, None, None]
        shift = _between(-self.amount / 2, self.amount / 2, rngs, image, image.shape[1])
        return (image - _GREY) * contrast + _GREY + shift[:, :, None, None]


@dataclass(frozen=True)
class Overlay:
    """Lay pictures with an alpha channel over noise of all colors, so that what is transparent cannot help."""

    def __call__(self, image: Tensor, rngs: Rngs) -> Tensor:
        """Pictures without the last channel."""
        colors, alpha = image[:, :-1], image[:, -1:]
        coarse = uniform(rngs, colors.shape[1], 7, 7).to(image)
        behind = F.interpolate(coarse, image.shape[-2:], mode="bilinear", align_corners=False)
        return colors * alpha + behind * (1 - alpha)


@dataclass(frozen=True)
class Chain:
    """Transforms one after another; where the network needs it, the result is brought to one `size` (height, width)."""

    transforms: tuple[Transform, ...]
    size: tuple[int, int] | None = None

    def __call__(self, image: Tensor, rngs: Rngs) -> Tensor:
        """The transformed pictures."""
        runs = [(moves, list(run)) for moves, run in groupby(self.transforms, lambda t: isinstance(t, Movement))]
        last = len(runs) - 1 if runs and runs[-1][0] else next((i for i, run in enumerate(runs) if run[0]), -1)
        for number, (moves, run) in enumerate(runs):
            if moves:
                image = _all_at_once(image, run, rngs, self.size if number == last else None)
            else:
                for one in run:
                    image = one(image, rngs)
        return image if self.size is None else resized(image, self.size)


def _all_at_once(image: Tensor, run: Sequence[Transform], rngs: Rngs, size: tuple[int, int] | None) -> Tensor:
    total = _identity(image)
    for one in run:
        assert isinstance(one, Movement)
        total = total @ one.matrices(image, rngs)
    return warped(image, total, size or (image.shape[-2], image.shape[-1]))


def warped(image: Tensor, matrices: Tensor, size: tuple[int, int]) -> Tensor:
    """The pictures at `size`, resampled where the matrices (N, 3, 3) say; grey comes in from beyond the edges."""
    grid = F.affine_grid(matrices[:, :2], [len(image), image.shape[1], *size], align_corners=False)
    return F.grid_sample(image - _GREY, grid, align_corners=False) + _GREY


def blurred(image: Tensor, sd: float) -> Tensor:
    """Pictures blurred by a Gaussian of `sd` pixels, their edges repeated."""
    reach = math.ceil(3 * sd)
    if sd <= 0.05:
        return image
    at = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    kernel = torch.exp(-(at**2) / (2 * sd**2))
    kernel = (kernel / kernel.sum()).expand(image.shape[1], 1, -1)
    padded = F.pad(image, [reach] * 4, mode="replicate")
    rows = F.conv2d(padded, kernel[:, :, None], groups=image.shape[1])
    return F.conv2d(rows, kernel[..., None], groups=image.shape[1])


def _between(low: float, high: float, rngs: Rngs, like: Tensor, *shape: int) -> Tensor:
    """Random numbers from low to high, (N, *shape)."""
    return (uniform(rngs, *shape) * (high - low) + low).to(like)


def _identity(image: Tensor) -> Tensor:
    return torch.eye(3, dtype=image.dtype, device=image.device).repeat(len(image), 1, 1)


def _turned(image: Tensor, angles: Tensor, factors: Tensor) -> Tensor:
    """Matrices that turn and enlarge; pictures need not be square."""
    aspect = image.shape[-2] / image.shape[-1]
    found = _identity(image)
    cos, sin = angles.cos() / factors, angles.sin() / factors
    found[:, 0, 0], found[:, 0, 1] = cos, -sin * aspect
    found[:, 1, 0], found[:, 1, 1] = sin / aspect, cos
    return found
