"""The nearest neighbors of codes: exact, whatever the number of threads, or approximate with a measured recall."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...base.errors import BadKnob
from .points import Metric, chosen_rows, finite_rows, in_metric, row_blocks

EXACT_UP_TO = 20_000
_PROBES = 200  # points whose approximate neighbors are compared with the exact ones
_TREES = 50
_SLACK = 16  # candidates more than are asked for, so that rounding seldom matters


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Of each row the nearest others, nearest first, of equally near ones the first; distances are Euclidean."""

    indices: NDArray[np.int32]  # (n, k)
    distances: NDArray[np.float64]  # (n, k); for the cosine between rows of unit length
    evidence: dict[str, Any] = field(default_factory=dict)


def nearest_neighbors(
    points: ArrayLike,
    k: int,
    *,
    metric: Metric = "l2",
    exact_up_to: int = EXACT_UP_TO,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> Neighbors:
    """The k nearest other rows of each row of (n, d).

    Up to `exact_up_to` rows every distance is looked at, and the result is the same on any number of threads; above,
    a seeded forest of random projections is asked (Annoy), and the evidence has its recall on 200 rows. Raises BadKnob
    where there are not k other rows, or for NaN.
    """
    rows = in_metric(finite_rows(points, names=names), metric, names)
    _check_count(k, len(rows) - 1)
    if len(rows) <= exact_up_to:
        return Neighbors(
            *exact_neighbors(rows, np.arange(len(rows)), None, k), {"neighbors": "exact", "metric": metric}
        )
    found = _annoy(rows, k, seed)
    probes = chosen_rows(len(rows), _PROBES, seed)
    exact, _ = exact_neighbors(rows, probes, None, k)
    recall = shared_neighbors(exact, found[0][probes]).mean()
    evidence = {"neighbors": "approximate (Annoy)", "metric": metric, "neighbor_recall": float(recall)}
    return Neighbors(*found, evidence)


def nearest_among(
    points: ArrayLike, queries: ArrayLike, k: int, *, metric: Metric = "l2", names: Sequence[str] | None = None
) -> Neighbors:
    """The k rows of `points` (n, d) nearest to each row of `queries` (m, d), exactly; `names` are of the queries."""
    rows, asked = in_metric(finite_rows(points), metric), in_metric(finite_rows(queries, names=names), metric, names)
    if asked.shape[1] != rows.shape[1]:
        raise BadKnob(f"Codes must be {rows.shape[1]} numbers wide, as those of the map, not {asked.shape[1]}.")
    _check_count(k, len(rows))
    return Neighbors(*exact_neighbors(rows, np.arange(len(asked)), asked, k), {"neighbors": "exact", "metric": metric})


def shared_neighbors(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.float64]:
    """The share of each row's neighbors (n, k) that are also in the other's, (n,)."""
    shares: NDArray[np.float64] = (first[:, :, None] == second[:, None, :]).any(axis=2).mean(axis=1)
    return shares


def distance_blocks(
    rows: NDArray[np.float64], which: NDArray[np.int64], queries: NDArray[np.float64] | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Row numbers, and their squared distances to all rows, a block at a time; to itself a row is infinitely far.

    The distances are rounded as a product of matrices is. With `queries` the numbers are of those, none of them a row.
    """
    center = rows.mean(axis=0)
    all_rows = rows - center
    asked = all_rows if queries is None else queries - center
    squares = np.einsum("ij,ij->i", all_rows, all_rows)
    for block in row_blocks(len(which), len(rows)):
        numbers = which[block]
        near = asked[numbers] @ all_rows.T
        near *= -2
        near += squares
        near += np.einsum("ij,ij->i", asked[numbers], asked[numbers])[:, None]
        if queries is None:
            near[np.arange(len(numbers)), numbers] = np.inf
        yield numbers, near


def exact_neighbors(
    rows: NDArray[np.float64], which: NDArray[np.int64], queries: NDArray[np.float64] | None, k: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Candidates by rounded distances; then their order by distances without cancellation, and whether they suffice."""
    asked = rows if queries is None else queries
    indices, distances = np.zeros((len(which), k), np.int32), np.zeros((len(which), k))
    wanted = min(k + _SLACK, len(rows) - (queries is None))
    rounding = _rounding(rows, asked)
    done = 0
    for numbers, near in distance_blocks(rows, which, queries):
        candidates = np.argpartition(near, wanted - 1, axis=1)[:, :wanted]
        found, squared = _in_order(rows, asked[numbers], candidates, k)
        reach = np.take_along_axis(near, candidates, axis=1).max(axis=1) - rounding
        for row in np.flatnonzero(squared[:, -1] >= reach):
            close = np.flatnonzero(near[row] <= squared[row, -1] + rounding)
            found[row], squared[row] = (a[0] for a in _in_order(rows, asked[numbers[row], None], close[None], k))
        indices[done : done + len(numbers)], distances[done : done + len(numbers)] = found, np.sqrt(squared)
        done += len(numbers)
    return indices, distances


def _rounding(rows: NDArray[np.float64], asked: NDArray[np.float64]) -> float:
    """How far a squared distance from a product of matrices may be off."""
    center = rows.mean(axis=0)
    longest = max(float(np.square(rows - center).sum(axis=1).max()), float(np.square(asked - center).sum(axis=1).max()))
    return float(4 * (rows.shape[1] + 4) * np.finfo(np.float64).eps * longest)


def _in_order(
    rows: NDArray[np.float64], asked: NDArray[np.float64], candidates: NDArray[np.intp], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Of each asked row's candidates (b, c) the k nearest, and their squared distances, each summed in one order."""
    squared = np.empty(candidates.shape)
    for block in row_blocks(len(asked), candidates.shape[1] * rows.shape[1]):
        squared[block] = np.square(rows[candidates[block]] - asked[block, None]).sum(axis=2)
    order = np.lexsort((candidates, squared))[:, :k]
    return np.take_along_axis(candidates, order, 1).astype(np.int32), np.take_along_axis(squared, order, 1)


def _annoy(rows: NDArray[np.float64], k: int, seed: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    from openTSNE.dependencies.annoy import AnnoyIndex

    forest = AnnoyIndex(rows.shape[1], "euclidean")
    forest.set_seed(1 + seed % (2**31 - 1))
    for number, row in enumerate(rows):
        forest.add_item(number, row)
    forest.build(_TREES, n_jobs=1)
    candidates = np.empty((len(rows), k), np.intp)
    for number in range(len(rows)):
        others = [other for other in forest.get_nns_by_item(number, k + 1) if other != number]
        if len(others) < k:
            others = list(exact_neighbors(rows, np.array([number]), None, k)[0][0])
        candidates[number] = others[:k]
    found, squared = _in_order(rows, rows, candidates, k)
    return found, np.sqrt(squared)


def _check_count(k: int, most: int) -> None:
    if not 1 <= k <= most:
        raise BadKnob(f"The number of neighbors must be from 1 to {most}, as there are rows to choose from, not {k}.")
