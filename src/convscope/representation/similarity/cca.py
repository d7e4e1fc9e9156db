"""Canonical correlation analysis: the directions of two layers' codes that agree best, and what agrees by algebra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..centered import Centered, paired, varied
from ..chance import Chance, chance

_VARIANCE = 0.99  # that the directions of a reduced layer hold together
_IMAGES = 5  # a direction: with fewer, canonical correlations tell of the number of images


@dataclass(frozen=True, eq=False)
class CCA:
    """Canonical correlations of two layers over `rows` images: `correlations` (k,), the largest first, from 0 to 1.

    `directions` are how many each layer is given, `explained` the share of each layer's variance that they hold, and
    `reduced` says whether directions were left out. `certain` correlations are 1 for any data, because the directions
    are more than the images. `weighted` is the mean that counts a direction by how much of x it carries; `chance` the
    mean correlation after shuffles of the images.
    """

    correlations: NDArray[np.float64]
    rows: int
    directions: tuple[int, int]
    explained: tuple[float, float]
    reduced: bool
    weighted: float
    chance: Chance

    @property
    def mean(self) -> float:
        """The mean of the correlations."""
        return float(self.correlations.mean())

    @property
    def certain(self) -> int:
        """How many of the correlations are 1 by algebra."""
        return max(0, sum(self.directions) - (self.rows - 1))


@dataclass(frozen=True, eq=False)
class _Directions:
    """Principal directions of a layer: their orthonormal values for all images (n, k), and how they make the codes."""

    basis: NDArray[np.float64]
    loadings: NDArray[np.float64]
    explained: float


def cca(x: NDArray[Any], y: NDArray[Any], *, reduced: bool | None = None, draws: int = 20, seed: int = 0) -> CCA:
    """Correlate the directions of two layers that agree best, of codes (n, p) and (n, q).

    Hotelling 1936. Reduced as SVCCA (Raghu, Gilmer, Yosinski and Sohl-Dickstein 2017), each layer first loses all but
    its largest principal directions, which hold 99 % of its variance and are n/5 at most; unless said otherwise, that
    is where n is less than five times the width of a layer. `weighted` is PWCCA (Morcos, Raghu and Bengio 2018).
    Raises BadKnob for unequal n, less than five images, NaN, and codes that are all the same.
    """
    a, b = paired(x, y, _IMAGES)
    varied(a, "x")
    varied(b, "y")
    reduced = len(a) < _IMAGES * max(a.width, b.width) if reduced is None else reduced
    first, second = _directions(a, reduced), _directions(b, reduced)
    left, correlations, _ = np.linalg.svd(first.basis.T @ second.basis, full_matrices=False)
    correlations = np.clip(correlations, 0, 1)

    def mean(order: NDArray[np.int64]) -> float:
        return float(np.linalg.svd(first.basis.T @ second.basis[order], compute_uv=False).mean())

    return CCA(
        correlations,
        len(a),
        (first.basis.shape[1], second.basis.shape[1]),
        (first.explained, second.explained),
        reduced,
        _weighted(left.T @ first.loadings, correlations),
        chance(mean, len(a), float(correlations.mean()), draws=draws, seed=seed),
    )


def _directions(codes: Centered, reduced: bool) -> _Directions:
    left, parts, right = np.linalg.svd(codes.values, full_matrices=False)
    kept = int((parts > max(codes.values.shape) * np.finfo(float).eps * parts[0]).sum())
    shares = parts**2 / (parts**2).sum()
    if reduced:
        enough = int(np.searchsorted(shares.cumsum(), _VARIANCE)) + 1
        kept = min(kept, enough, len(codes) // _IMAGES)
    return _Directions(left[:, :kept], parts[:kept, None] * right[:kept], min(1.0, float(shares[:kept].sum())))


def _weighted(variates: NDArray[np.float64], correlations: NDArray[np.float64]) -> float:
    """The mean of correlations, each counted by what its direction sums up to over units, of products (k, p)."""
    return float(np.average(correlations, weights=np.abs(variates).sum(1)))
