"""How far points moved between two maps, and whether where their neighbors changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .neighbors import shared_neighbors

Align: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

NEAREST = 10


@dataclass(frozen=True, eq=False)
class Motion:
    """From one map of points to another: how far each moved, and how much of its surroundings is new."""

    displacement: NDArray[np.float32]  # (n,), in radii of the map that it moved to
    replaced: NDArray[np.float32]  # (n,), the share of the 10 nearest neighbors in the codes that are others
    correlation: float | None  # Spearman's, of the two; None where one of them is the same for all
    aligned: float | None  # the share of the squared motion that turning, mirroring, scaling and shifting explain

    @property
    def median(self) -> float:
        """The displacement that half of the points exceed."""
        return float(np.median(self.displacement))


def motion_between(
    points: NDArray[np.float64],
    other: NDArray[np.float64],
    neighbors: NDArray[np.int32],
    other_neighbors: NDArray[np.int32],
    align: Align | None = None,
) -> Motion:
    """The motion from one map (n, dims) to another, whose neighbors in the codes (n, k) are given, nearest first.

    A radius is the root mean square distance from the mean. `align(points, other)` returns the points laid over the
    others: then displacements are measured after that, and `aligned` says what it took away.
    """
    radius = np.sqrt(np.square(other - other.mean(axis=0)).sum(axis=1).mean())
    moved = np.square(points - other).sum(axis=1)
    left = moved if align is None else np.square(align(points, other) - other).sum(axis=1)
    explained = None if align is None or moved.sum() == 0 else float(1 - left.sum() / moved.sum())
    displacement = np.sqrt(left) / radius
    replaced = 1 - shared_neighbors(neighbors[:, :NEAREST], other_neighbors[:, :NEAREST])
    return Motion(
        displacement.astype(np.float32), replaced.astype(np.float32), _spearman(displacement, replaced), explained
    )


def _spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    from scipy.stats import spearmanr

    return None if np.ptp(first) == 0 or np.ptp(second) == 0 else float(spearmanr(first, second).statistic)
