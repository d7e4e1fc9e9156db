"""Codes of images, checked and centered: what every comparison of representations begins with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BadKnob

_LEAST = 1e-6  # of its root mean square: a unit that deviates less is constant, and that rounding

_MOST = np.float64(1e60)  # whose fourth powers can still be summed


@dataclass(frozen=True, eq=False)
class Centered:
    """Codes of n images less their mean: `values` (n, d) and `mean` (d,), float64."""

    values: NDArray[np.float64]
    mean: NDArray[np.float64]

    @classmethod
    def of(cls, codes: NDArray[Any], name: str = "codes", rows: int = 1) -> Centered:
        """Center codes (n, d), in float64; raises BadKnob as `checked_codes` does."""
        values = checked_codes(codes, name, rows).astype(np.float64)
        mean = values.mean(0)
        values -= mean
        return cls(values, mean)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def width(self) -> int:
        """How many units a code has."""
        return int(self.values.shape[1])

    @cached_property
    def squares(self) -> NDArray[np.float64]:
        """The sum of squares of each unit, (d,)."""
        return np.asarray(np.einsum("nd,nd->d", self.values, self.values))

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """The squared distance of each image from the mean, (n,)."""
        return np.asarray(np.einsum("nd,nd->n", self.values, self.values))

    def taken(self, order: NDArray[np.int64]) -> Centered:
        """The same codes for the images in another order."""
        return Centered(self.values[order], self.mean)


def checked_codes(codes: NDArray[Any], name: str = "codes", rows: int = 1) -> NDArray[Any]:
    """Codes (n, d) as they are; raises BadKnob for another shape, fewer images than `rows`, NaN and infinity."""
    found = np.asarray(codes)
    if found.ndim != 2 or not found.shape[1] or found.dtype.kind not in "biuf":
        raise BadKnob(
            f"{name} must be numbers (images, units), not {found.dtype} of shape {found.shape}. "
            "Of a layer with positions take the mean over them."
        )
    if len(found) < rows:
        raise BadKnob(f"{name} must be of at least {rows} images, not {len(found)}. Add images.")
    finite = (found.max(1) < _MOST) & (found.min(1) > -_MOST)
    if not finite.all():
        row = int(finite.argmin())
        raise BadKnob(f"{name} must be finite and below {_MOST:g}, but row {row} is not. Leave this image out.")
    return found


def paired(x: NDArray[Any], y: NDArray[Any], rows: int = 1) -> tuple[Centered, Centered]:
    """Two codes, (n, p) and (n, q), of the same images; raises BadKnob for unequal n, and as `checked_codes`."""
    first, second = checked_codes(x, "x", rows), checked_codes(y, "y", rows)
    if len(first) != len(second):
        raise BadKnob(
            f"x and y must be codes of the same images, not of {len(first)} and of {len(second)}. "
            "Leave out the images that only one of them has."
        )
    return Centered.of(first, "x"), Centered.of(second, "y")


def varied(codes: Centered, name: str) -> None:
    """Raises BadKnob where the codes of all images are the same."""
    if constant_units(codes.squares, len(codes), codes.mean).all():
        raise BadKnob(f"{name} must differ from image to image, but all codes are the same. Choose another layer.")


def constant_units(squares: NDArray[np.float64], rows: int, mean: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which units say the same of all images: what their sums of squares about the mean, (d,), are is rounding."""
    return np.asarray(squares <= _LEAST**2 * (squares + rows * mean**2))
