"""Orthogonal Procrustes: two sets of points laid over each other by rotation, mirror, scale and shift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BadKnob
from ..base.pixels import Ints
from .centered import Centered, checked_codes, paired, varied
from .chance import Chance, chance

_FLAT = 1e-10  # of the largest singular value: a direction this flat has no two sides


@dataclass(frozen=True, eq=False)
class Procrustes:
    """How points (n, p) are laid over others (n, q): `scale * points @ rotation + shift`, with d = max(p, q).

    `rotation` is orthogonal, (d, d), and includes the mirror where `mirrored`: where its `determinant` is -1 and not 1.
    `distance` is the share of the others' squares about their mean that is left, 0 for any rotation, mirror, scale and
    shift, and 1 at most; `unmirrored` what it would be by the best rotation without a mirror. Exchanging the two sets
    changes neither. The narrower points count as having zeros in the directions they lack.
    """

    rotation: NDArray[np.float64]
    scale: float
    shift: NDArray[np.float64]
    determinant: float
    distance: float
    unmirrored: float
    widths: tuple[int, int]

    @property
    def mirrored(self) -> bool:
        """Whether one set is the mirror image of the other."""
        return self.determinant < 0

    def apply(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Other points (m, p) of the first set, laid over the second, (m, q); raises BadKnob for another width."""
        found = checked_codes(points, "points")
        p, q = self.widths
        if found.shape[1] != p:
            raise BadKnob(f"points must have {p} coordinates, as those that were aligned, not {found.shape[1]}.")
        return (self.scale * (found @ self.rotation[:p]) + self.shift)[:, :q]


def procrustes(source: NDArray[Any], target: NDArray[Any], *, mirror: bool = True) -> Procrustes:
    """Align `source` (n, p) with `target` (n, q), points of the same images, by least squares.

    Schönemann 1966, "A generalized solution of the orthogonal Procrustes problem"; Gower 1975. Without `mirror` the
    rotation is proper (Kabsch 1976). A mirror that changes nothing, since the points are flat in a direction, is none.
    Raises BadKnob for unequal n, fewer than two points, NaN, and points that are all the same.
    """
    (x, y), widths = _padded(*paired(source, target, 2)), (np.shape(source)[1], np.shape(target)[1])
    size, goal = np.sqrt(x.norms.sum()), np.sqrt(y.norms.sum())
    left, parts, right = np.linalg.svd((x.values / size).T @ (y.values / goal))
    determinant = float(np.sign(np.linalg.det(left) * np.linalg.det(right)))
    proper = parts.sum() - (2 * parts[-1] if determinant < 0 else 0)
    if determinant < 0 and (not mirror or parts[-1] <= _FLAT * parts[0]):
        left[:, -1], parts[-1], determinant = -left[:, -1], -parts[-1], 1.0
    rotation, scale = left @ right, float(max(0, parts.sum()) * goal / size)
    shift = y.mean - scale * (x.mean @ rotation)
    return Procrustes(rotation, scale, shift, determinant, _left(parts.sum()), _left(proper), widths)


def procrustes_chance(
    source: NDArray[Any], target: NDArray[Any], *, mirror: bool = True, draws: int = 20, seed: int = 0
) -> Chance:
    """The Procrustes distance after `draws` shuffles of the images of one side; raises as `procrustes`."""
    observed = procrustes(source, target, mirror=mirror).distance
    x, y = _padded(*paired(source, target, 2))
    first, second = (_coordinates(side) / np.sqrt(side.norms.sum()) for side in (x, y))

    def distance(order: Ints) -> float:
        left, parts, right = np.linalg.svd(first.T @ second[order])
        mirrored = not mirror and np.linalg.det(left) * np.linalg.det(right) < 0
        return _left(parts.sum() - (2 * parts[-1] if mirrored else 0))

    return chance(distance, len(x), observed, draws=draws, seed=seed, lower=True)


def _padded(x: Centered, y: Centered) -> tuple[Centered, Centered]:
    varied(x, "source")
    varied(y, "target")
    width = max(x.width, y.width)
    x, y = (
        Centered(np.pad(side.values, ((0, 0), (0, more))), np.pad(side.mean, (0, more)))
        for side, more in ((x, width - x.width), (y, width - y.width))
    )
    return x, y


def _coordinates(codes: Centered) -> NDArray[np.float64]:
    """The points as they are, or of fewer points than units their coordinates in the directions they span, (n, n)."""
    if len(codes) > codes.width:
        return codes.values
    left, parts, _ = np.linalg.svd(codes.values, full_matrices=False)
    return np.asarray(left * parts)


def _left(covered: float) -> float:
    return float(max(0, 1 - max(0, covered) ** 2))
