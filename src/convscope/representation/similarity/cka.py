"""Centered kernel alignment: how alike two layers see the same images, whatever rotation and scale of their codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...base.pixels import Ints
from ..centered import Centered, paired
from ..chance import Chance, chance
from .comoments import CoMoments
from .hsic import Hsic, centered_gram, fewest_moments, hsic, moments_hsic


@dataclass(frozen=True, eq=False)
class CKA:
    """The alignment of every layer of network a with every layer of network b over `rows` images: `values` (a, b).

    It is 1 for codes that differ by rotation, scale and shift only. Unbiased it is near 0 for unrelated codes, and can
    be negative; biased it grows with their width. `undefined_a` and `undefined_b` are the layers that have no
    alignment, NaN in `values`: their codes are all the same or, unbiased, all as far from each other, or the same but
    for one image.
    """

    values: NDArray[np.float64]
    rows: int
    biased: bool
    undefined_a: tuple[int, ...]
    undefined_b: tuple[int, ...]

    @classmethod
    def of(cls, found: Hsic, rows: int, biased: bool) -> CKA:
        """The alignment that the criteria make."""
        a, b = (np.sqrt(np.where(own > 0, own, np.nan)) for own in (found.self_a, found.self_b))
        undefined = (tuple(np.flatnonzero(np.isnan(own)).tolist()) for own in (a, b))
        return cls(np.clip(found.cross / a[:, None] / b, -1, 1), rows, biased, *undefined)

    @property
    def chance_deviation(self) -> float | None:
        """√(2 / n(n - 3)): the deviation of any unbiased alignment from 0 over all orders of one side's images.

        Exact, whatever the codes, since both matrices are U-centered (Székely and Rizzo 2013). Of a biased alignment it
        is None: see `cka_chance`.
        """
        return None if self.biased else float(np.sqrt(2 / (self.rows * (self.rows - 3))))


def cka(x: NDArray[Any], y: NDArray[Any], *, biased: bool = False) -> float:
    """How alike two layers see the same images: the linear centered kernel alignment of codes (n, p) and (n, q).

    Kornblith, Norouzi, Lee and Hinton 2019, "Similarity of neural network representations revisited"; unbiased as
    Nguyen, Raghu and Kornblith 2021. Raises BadKnob for unequal n, NaN, less than four images (biased two), and codes
    that have no alignment: see `CKA`.
    """
    a, b = paired(x, y)
    return _alignment(hsic([a], [b], biased=biased), len(a), biased)


def cka_chance(x: NDArray[Any], y: NDArray[Any], *, biased: bool = False, draws: int = 20, seed: int = 0) -> Chance:
    """The alignment after `draws` shuffles of the images of one side; raises as `cka`."""
    a, b = paired(x, y)
    found = hsic([a], [b], biased=biased)
    observed, scale = _alignment(found, len(a), biased), np.sqrt(found.self_a[0]) * np.sqrt(found.self_b[0])
    cross = _shuffled(a, b, biased)
    return chance(lambda order: cross(order) / scale, len(a), observed, draws=draws, seed=seed)


def _shuffled(a: Centered, b: Centered, biased: bool) -> Callable[[Ints], float]:
    """The criterion of a with b in another order, of what need not be computed again for each."""
    n = len(a)
    if n > fewest_moments([a.width], [b.width]):
        return lambda order: moments_hsic(CoMoments.of(a, b.taken(order)), biased=biased)
    first, second = (centered_gram(codes, slice(0, n), biased=biased) for codes in (a, b))
    pairs = (n - 1) ** 2 if biased else n * (n - 3)
    return lambda order: float(np.vdot(first, second[np.ix_(order, order)])) / pairs


def _alignment(found: Hsic, rows: int, biased: bool) -> float:
    result = CKA.of(found, rows, biased)
    for name, undefined in (("x", result.undefined_a), ("y", result.undefined_b)):
        if undefined:
            raise BadKnob(
                f"{name} must tell images apart, but its codes are all the same, all as far from each other, or the "
                "same but for one image. Choose another layer, or other images."
            )
    return float(result.values[0, 0])
