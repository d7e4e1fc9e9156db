"""Co-moments of two codes of the same images: added up block by block, they are those of the whole set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..centered import Centered, constant_units, paired


@dataclass(frozen=True, eq=False)
class CoMoments:
    """Sums over `rows` images of two codes x (p,) and y (q,), both less their mean, in float64.

    `products` is that of x yᵀ, (p, q); `squares_x` and `squares_y` that of each unit's square; `weighted_x` that of
    x ‖y‖², (p,), and `weighted_y` that of y ‖x‖², (q,); `norms` that of ‖x‖² ‖y‖². The sum of two is that of all their
    images together, about the common mean (Chan, Golub and LeVeque 1983), whatever the order and size of blocks.
    """

    rows: int
    mean_x: NDArray[np.float64]
    mean_y: NDArray[np.float64]
    products: NDArray[np.float64]
    squares_x: NDArray[np.float64]
    squares_y: NDArray[np.float64]
    weighted_x: NDArray[np.float64]
    weighted_y: NDArray[np.float64]
    norms: float

    @classmethod
    def of(cls, x: Centered, y: Centered) -> CoMoments:
        """Those of one block of images."""
        weighted = x.values.T @ y.norms, y.values.T @ x.norms
        products, norms = x.values.T @ y.values, float(x.norms @ y.norms)
        return cls(len(x), x.mean, y.mean, products, x.squares, y.squares, *weighted, norms)

    def __add__(self, other: CoMoments) -> CoMoments:
        rows = self.rows + other.rows
        mean_x = self.mean_x + (other.mean_x - self.mean_x) * (other.rows / rows)
        mean_y = self.mean_y + (other.mean_y - self.mean_y) * (other.rows / rows)
        parts = zip(self._about(mean_x, mean_y), other._about(mean_x, mean_y), strict=True)
        return CoMoments(rows, mean_x, mean_y, *(first + second for first, second in parts))

    def _about(self, mean_x: NDArray[np.float64], mean_y: NDArray[np.float64]) -> tuple[Any, ...]:
        """The sums about other means: x becomes x + u and y becomes y + v, where the sums of x and y are zero."""
        n, u, v = self.rows, self.mean_x - mean_x, self.mean_y - mean_y
        uu, vv, all_x, all_y = u @ u, v @ v, self.squares_x.sum(), self.squares_y.sum()
        across, along = self.products @ v, self.products.T @ u
        norms = self.norms + 2 * (u @ self.weighted_x + v @ self.weighted_y) + 4 * (u @ across)
        return (
            self.products + np.outer(n * u, v),
            self.squares_x + n * u * u,
            self.squares_y + n * v * v,
            self.weighted_x + 2 * across + u * (all_y + n * vv),
            self.weighted_y + 2 * along + v * (all_x + n * uu),
            norms + all_x * vv + all_y * uu + n * uu * vv,
        )

    @property
    def constant_x(self) -> NDArray[np.bool_]:
        """Which units of x say the same of all images, (p,)."""
        return constant_units(self.squares_x, self.rows, self.mean_x)

    @property
    def constant_y(self) -> NDArray[np.bool_]:
        """Which units of y say the same of all images, (q,)."""
        return constant_units(self.squares_y, self.rows, self.mean_y)

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Pearson's correlation of every unit of x with every unit of y, (p, q), 0 for constant ones."""
        x = np.where(self.constant_x, np.inf, np.sqrt(self.squares_x))
        y = np.where(self.constant_y, np.inf, np.sqrt(self.squares_y))
        return np.clip(self.products / x[:, None] / y, -1, 1)


def comoments(x: NDArray[Any], y: NDArray[Any]) -> CoMoments:
    """The co-moments of a block of codes (n, p) and (n, q); raises BadKnob for unequal n, no images, and NaN."""
    return CoMoments.of(*paired(x, y, 1))
