"""How much of the codes a map shows: neighbors, classes and distances, each beside what chance would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...base.errors import BadKnob
from .neighbors import distance_blocks, exact_neighbors, shared_neighbors
from .points import chosen_rows, finite_rows

EXACT_UP_TO = 20_000
_PROBES = 2_000  # points that are looked at of more than that
_PAIRED = 1_000  # points whose distances are correlated


@dataclass(frozen=True)
class Quality:
    """Scores from 0 to 1 of a map against its codes, 1 the best; None where the labels allow no answer."""

    trustworthiness: float  # of independent data about 0.5
    continuity: float  # of independent data about 0.5
    neighbor_recall: float  # of independent data about `chance`
    chance: float
    neighborhood_hit: float | None  # of independent data about the chance that two points have one label
    class_recall: float | None
    distance_correlation: float | None  # from -1 to 1
    evidence: dict[str, Any] = field(default_factory=dict)


def map_quality(
    codes: ArrayLike, coordinates: ArrayLike, labels: Sequence[object] | None = None, *, k: int = 10, seed: int = 0
) -> Quality:
    """All scores of a map (n, dims) of codes (n, d) at k neighbors, fewer where there are few points.

    Of more than 20,000 points, 2,000 drawn by the seed are looked at, and the evidence says so. `labels` are None where
    a point has none. Raises BadKnob for NaN, fewer than 4 points, and sides that are not as many.
    """
    high, low = _pair(codes, coordinates)
    count = len(high)
    nearby = min(k, (count - 1) // 2)
    which = chosen_rows(count, count if count <= EXACT_UP_TO else _PROBES, seed)
    near_high, near_low = (exact_neighbors(rows, which, None, nearby)[0] for rows in (high, low))
    drawn = {"quality_points": f"{len(which)} of {count}, drawn by seed {seed}"} if len(which) < count else {}
    return Quality(
        trustworthiness=_penalized(high, near_low, which),
        continuity=_penalized(low, near_high, which),
        neighbor_recall=float(shared_neighbors(near_high, near_low).mean()),
        chance=nearby / (count - 1),
        neighborhood_hit=None if labels is None else neighborhood_hit(low, labels, nearby, seed=seed),
        class_recall=None if labels is None else class_recall(high, low, labels),
        distance_correlation=distance_correlation(high, low, seed=seed),
        evidence={"quality_neighbors": nearby, **drawn},
    )


def trustworthiness(codes: ArrayLike, coordinates: ArrayLike, k: int = 10) -> float:
    """How few of a point's k neighbors on the map are far from it in the codes, from 0 to 1 (Venna and Kaski 2001).

    Every pair of points is looked at, a block of rows at a time. With codes and coordinates exchanged it is the
    continuity. Raises BadKnob unless k is below half of the points, where the measure ends.
    """
    high, low = _pair(codes, coordinates)
    if not 1 <= k < len(high) / 2:
        raise BadKnob(f"k must be from 1 to less than half of the {len(high)} points, not {k}.")
    which = np.arange(len(high))
    return _penalized(high, exact_neighbors(low, which, None, k)[0], which)


def _penalized(rows: NDArray[np.float64], neighbors: NDArray[np.int32], which: NDArray[np.int64]) -> float:
    """1 minus the ranks beyond k that neighbors found elsewhere have among these rows, over the most there may be."""
    count, k = len(rows), neighbors.shape[1]
    penalty, done = 0, 0
    for numbers, near in distance_blocks(rows, which):
        for others in neighbors[done : done + len(numbers)].T:
            penalty += int(np.maximum(_ranks(near, others) - k, 0).sum())
        done += len(numbers)
    return 1 - 2 * penalty / float(len(which) * k * (2 * count - 3 * k - 1))


def _ranks(near: NDArray[np.float64], others: NDArray[np.int32]) -> NDArray[np.int64]:
    """Of each row of distances the rank of one entry, 1 the nearest; of equal ones the first comes first."""
    distance = np.take_along_axis(near, others[:, None].astype(np.int64), axis=1)
    equal = (near == distance) & (np.arange(near.shape[1]) < others[:, None])
    ranks: NDArray[np.int64] = 1 + np.count_nonzero(near < distance, axis=1) + np.count_nonzero(equal, axis=1)
    return ranks


def neighborhood_hit(points: ArrayLike, labels: Sequence[object], k: int = 10, *, seed: int = 0) -> float | None:
    """The mean share of a point's k nearest neighbors that have its label.

    Paulovich, Nonato, Minghim and Levkowitz 2008, "Least square projection". Points whose label is None are left
    out, as neighbors too. None where at most k points have a label, and where no two have the same.
    """
    classes = label_numbers(labels, len(rows := finite_rows(points, "Points")))
    rows, classes = rows[classes >= 0], classes[classes >= 0]
    if len(rows) <= k or len(set(classes.tolist())) == len(classes):
        return None
    which = chosen_rows(len(rows), len(rows) if len(rows) <= EXACT_UP_TO else _PROBES, seed)
    near, _ = exact_neighbors(rows, which, None, k)
    return float((classes[near] == classes[which, None]).mean())


def class_recall(codes: ArrayLike, coordinates: ArrayLike, labels: Sequence[object]) -> float | None:
    """The share of each class's nearest classes that are nearest on the map too, by the means of classes.

    Kobak and Berens 2019, where 10 classes are nearest; of few classes, less than half of the others. None of fewer
    than 4 classes, where chance would give too much. Points whose label is None are left out.
    """
    high, low = _pair(codes, coordinates)
    classes = label_numbers(labels, len(high))
    count = int(classes.max(initial=-1)) + 1
    if count < 4:
        return None
    means = [np.stack([rows[classes == c].mean(axis=0) for c in range(count)]) for rows in (high, low)]
    k = min(10, (count - 1) // 2)
    first, second = (exact_neighbors(rows, np.arange(count), None, k)[0] for rows in means)
    return float(shared_neighbors(first, second).mean())


def label_numbers(labels: Sequence[object], count: int) -> NDArray[np.int64]:
    """A number for each label by first appearance, -1 for None; raises BadKnob unless there are `count`."""
    if len(labels) != count:
        raise BadKnob(f"Labels must be one for each of the {count} points, or None, not {len(labels)}.")
    known: dict[object, int] = {}
    return np.array([-1 if label is None else known.setdefault(label, len(known)) for label in labels], np.int64)


def distance_correlation(codes: ArrayLike, coordinates: ArrayLike, *, seed: int = 0) -> float | None:
    """Spearman's correlation of the distances between at most 1,000 points in the codes and on the map.

    None where all distances on a side are equal.
    """
    from scipy.spatial.distance import pdist, squareform

    high, low = _pair(codes, coordinates)
    which = chosen_rows(len(high), _PAIRED, seed)
    return distance_rank_correlation(squareform(pdist(high[which])), low[which])


def distance_rank_correlation(distances: NDArray[np.float64], coordinates: ArrayLike) -> float | None:
    """Spearman's correlation of distances (n, n) of all pairs of points with those between `coordinates` (n, dims).

    None where all distances on a side are equal.
    """
    from scipy.spatial.distance import pdist, squareform
    from scipy.stats import spearmanr

    first, second = squareform(distances, checks=False), pdist(np.asarray(coordinates, np.float64))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)


def _pair(codes: ArrayLike, coordinates: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    high, low = finite_rows(codes, least=4), finite_rows(coordinates, "Coordinates", least=4)
    if len(high) != len(low):
        raise BadKnob(f"Codes and coordinates must be of the same points, not {len(high)} and {len(low)} rows.")
    return high, low
