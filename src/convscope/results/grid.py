"""Points of a map on a grid, each in a cell of its own, near where it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.errors import BadKnob

_EXACT_UP_TO = 1_024
_SMALL = 64  # cells that are no longer halved
_WINDOW = 16
_MOST_PASSES = 8
_ENOUGH = 1e-3  # a pass that saves a smaller share of the cost is the last
_SHIFTS = ((_WINDOW // 2, _WINDOW // 2), (0, 0), (0, _WINDOW // 2), (_WINDOW // 2, 0))


def arrange(points: ArrayLike, columns: int | None = None) -> NDArray[np.int64]:
    """Arranges points (n, 2) on a grid: the row and the column (n, 2) of each, every cell of n taken once.

    Columns follow the first coordinate, rows the second, both growing. The box of the points is stretched over the
    grid, and the sum of squared distances from the points to their cells is made small: least possible up to 1,024
    points, by linear assignment; above, by halving the longer side again and again, then assignment in overlapping
    windows, which measured stays within 10 % of the least. By default the grid is as square as can be; cells that are
    not needed are the last, and stay empty. Raises BadKnob for NaN, points not in a plane, and less than 1 column.
    """
    if not np.size(points):
        return np.zeros((0, 2), np.int64)
    placed = np.asarray(points, np.float64)
    if placed.ndim != 2 or placed.shape[1] != 2:
        raise BadKnob(
            f"Points must be (n, 2) to be arranged on a grid, not of shape {placed.shape}. Map to 2 dimensions."
        )
    if not np.isfinite(placed).all():
        raise BadKnob(f"Points must be finite, but {np.isfinite(placed).all(1).argmin()} is not. Leave it out.")
    columns = int(np.ceil(np.sqrt(len(placed)))) if columns is None else columns
    if columns < 1:
        raise BadKnob(f"columns must be at least 1, not {columns}.")
    cells = np.stack(np.divmod(np.arange(len(placed)), columns), axis=1)
    targets = _stretched(placed[:, ::-1], cells)
    if len(placed) <= _EXACT_UP_TO:
        return cells[_assigned(targets, cells)]
    return cells[_improved(targets, cells, _halved(targets, cells))]


def arrangement_cost(points: ArrayLike, cells: NDArray[np.int64]) -> float:
    """The sum of squared distances, in cells, from points (n, 2) stretched over the grid to rows and columns (n, 2)."""
    order = np.lexsort(cells.T[::-1])
    targets = _stretched(np.asarray(points, np.float64)[:, ::-1], cells[order])
    return float(np.square(targets - cells).sum())


def _stretched(points: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Points such that each coordinate spans what the cells span; one that is equal everywhere is in the middle."""
    last, low, span = cells.max(axis=0), points.min(axis=0), np.ptp(points, axis=0)
    shares = np.where(span > 0, (points - low) / np.where(span > 0, span, 1), 0.5)
    return np.asarray(shares * last)


def _assigned(targets: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.intp]:
    """The number of the cell for each target, such that the sum of squared distances is the least."""
    return _least(_costs(targets, cells))


def _reassigned(targets: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.intp]:
    """The same, found in half the time where targets have cells already, each its own, that are nearly the best.

    What a cell costs more than another is known from where it is: taking that off in advance leaves the best as it is.
    """
    costs = _costs(targets, cells)
    more, prices = costs - np.diag(costs)[:, None], np.zeros(len(cells))
    for _ in range(3):
        prices = np.minimum(prices, (prices[:, None] + more).min(axis=0))
    return _least(costs - prices)


def _least(costs: NDArray[np.float64]) -> NDArray[np.intp]:
    """The column for each row, such that the sum of costs is the least."""
    from scipy.optimize import linear_sum_assignment

    return np.asarray(linear_sum_assignment(costs)[1])


def _costs(targets: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared distances."""
    products = targets @ cells.T.astype(np.float64)
    return np.asarray(np.square(targets).sum(axis=1)[:, None] + np.square(cells).sum(axis=1) - 2 * products)


def _halved(targets: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.intp]:
    """The number of a cell for each target: cells are halved across their longer side, and targets likewise."""
    found = np.empty(len(targets), np.intp)
    parts = [(np.arange(len(targets)), np.arange(len(cells)))]
    while parts:
        members, places = parts.pop()
        if len(places) <= _SMALL:
            found[members] = places[_assigned(targets[members], cells[places])]
            continue
        axis = int(np.ptp(cells[places, 1]) >= np.ptp(cells[places, 0]))
        middle = (cells[places, axis].min() + cells[places, axis].max() + 1) // 2
        before = cells[places, axis] < middle
        order = members[np.lexsort((targets[members, 1 - axis], targets[members, axis]))]
        parts.append((order[: before.sum()], places[before]))
        parts.append((order[before.sum() :], places[~before]))
    return found


def _improved(targets: NDArray[np.float64], cells: NDArray[np.int64], found: NDArray[np.intp]) -> NDArray[np.intp]:
    """The same, after passes of assignment within windows of 16 × 16 cells, shifted by 8 from pass to pass."""
    found, cost = found.copy(), np.inf
    for number in range(_MOST_PASSES):
        windows = (cells + _SHIFTS[number % len(_SHIFTS)]) // _WINDOW
        _, window_of = np.unique(windows, axis=0, return_inverse=True)
        by_window = np.argsort(window_of[found], kind="stable")
        ends = np.cumsum(np.bincount(window_of))
        for members in np.split(by_window, ends[:-1]):
            found[members] = found[members][_reassigned(targets[members], cells[found[members]])]
        before, cost = cost, float(np.square(targets - cells[found]).sum())
        if cost >= before * (1 - _ENOUGH):
            break
    return found
