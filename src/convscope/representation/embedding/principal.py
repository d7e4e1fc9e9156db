"""Principal components of codes that are seen block by block, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from ...base.errors import BadKnob
from .points import finite_rows, row_blocks

MOST = 50


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """Orthonormal directions of greatest variance: of rows x, `axes @ (x - mean)` are their components."""

    mean: NDArray[np.float64]  # (d,)
    axes: NDArray[np.float64]  # (k, d)
    variances: NDArray[np.float64]  # (k,), falling
    total: float  # the variance in all d directions
    rows: int

    @property
    def explained(self) -> NDArray[np.float64]:
        """The share of the total variance that each axis holds, (k,)."""
        return self.variances / self.total

    def project(self, codes: ArrayLike, names: Sequence[str] | None = None) -> NDArray[np.float32]:
        """The components (n, k) of rows (n, d); raises BadKnob for rows of another width, or with NaN."""
        rows = finite_rows(codes, names=names)
        if rows.shape[1] != len(self.mean):
            raise BadKnob(f"Codes must be {len(self.mean)} numbers wide, as the axes, not {rows.shape[1]}.")
        components: NDArray[np.float32] = ((rows - self.mean) @ self.axes.T).astype(np.float32)
        return components


class Scatter:
    """The mean and the scatter matrix of rows, in float64, from blocks that come one after another.

    Blocks are joined as by Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing
    sample variances", so that a large mean takes no digits away.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = np.zeros(0)
        self.scatter = np.zeros((0, 0))

    def add(self, block: ArrayLike, names: Sequence[str] | None = None) -> None:
        """Takes in a block (b, d); raises BadKnob for NaN, naming the row, and for another width than before."""
        rows = finite_rows(block, names=names)
        if not self.count:
            self.mean, self.scatter = np.zeros(rows.shape[1]), np.zeros((rows.shape[1],) * 2)
        if rows.shape[1] != len(self.mean):
            raise BadKnob(f"Codes must be {len(self.mean)} numbers wide, as the first, not {rows.shape[1]}.")
        count, mean = self.count + len(rows), rows.mean(axis=0)
        apart, centered = mean - self.mean, rows - mean
        self.scatter += centered.T @ centered + np.outer(apart, apart) * (self.count * len(rows) / count)
        self.mean = self.mean + apart * (len(rows) / count)
        self.count = count

    def axes(self, most: int = MOST) -> PrincipalAxes:
        """The `most` first principal axes, fewer where the codes have fewer dimensions.

        The sign of an axis is that of its largest loading. Raises BadKnob where all rows are equal.
        """
        width, total = len(self.mean), float(np.trace(self.scatter))
        size = float(np.abs(self.mean).max(initial=0)) ** 2 * self.count
        if not total > np.finfo(np.float64).eps ** 2 * size * width:
            raise BadKnob(
                f"Codes must differ, but all {self.count} are equal. Choose another layer, or look for why it is dead."
            )
        kept = min(most, width)
        values, vectors = scipy.linalg.eigh(self.scatter, subset_by_index=[width - kept, width - 1])
        values, axes = values[::-1], vectors.T[::-1]
        real = values > values[0] * np.finfo(np.float64).eps * max(self.count, width)
        divisor = max(1, self.count - 1)
        return PrincipalAxes(self.mean, _signed(axes[real]), values[real] / divisor, total / divisor, self.count)


def _signed(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes with their largest loading above zero; of loadings equal but for rounding, the first."""
    size = np.abs(axes)
    largest = (size > size.max(axis=1, keepdims=True) * (1 - 1e-6)).argmax(axis=1)
    signs = np.sign(axes[np.arange(len(axes)), largest])
    return np.ascontiguousarray(axes * signs[:, None])


def principal_axes(codes: ArrayLike, most: int = MOST, names: Sequence[str] | None = None) -> PrincipalAxes:
    """Principal component analysis of codes (n, d) in one pass: at most `most` axes (Pearson 1901).

    Codes that are not held as one array go block by block into a `Scatter`. Raises BadKnob for NaN and equal rows.
    """
    codes, scatter = np.asarray(codes), Scatter()
    if codes.ndim != 2 or not len(codes):
        finite_rows(codes)
    for rows in row_blocks(len(codes), codes.shape[1]):
        scatter.add(codes[rows], names[rows] if names is not None else None)
    return scatter.axes(most)
