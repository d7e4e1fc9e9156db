"""Which images of a map are drawn first, and which lie side by side in its atlases: zooming in only adds images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...base.pixels import Floats, Ints

CELLS = 32  # thumbnails along the side of a page
PAGE = CELLS**2
_DEEPEST = 16  # halvings of the box; three dimensions of so many bits fit into a key


def nested_order(points: Floats) -> tuple[Ints, tuple[int, ...]]:
    """The numbers of points (n, dims) in the order they are drawn, (n,), and how many there are of each level.

    The first levels[l] are one point in each cell that holds any, where the cube around all of them, from the least of
    each coordinate, is cut into 2**l cells a side. Of the points of a cell it is the one nearest to its middle, which
    keeps them apart; within a level their order is by a hash, so that a part of a level is spread over the map.
    """
    keys, places, hashes = _keys(points), _places(points), _hashes(len(points))
    in_order = np.argsort(keys)
    chosen, order, levels = np.zeros(len(points), bool), [np.zeros(0, np.int64)], list[int]()
    for depth in range(_DEEPEST + 1):
        if chosen.all():
            break
        found = _chosen_at(depth, keys, in_order, places, hashes, chosen)
        chosen[found] = True
        order.append(found[np.argsort(hashes[found])])
        levels.append(int(chosen.sum()))
    left = np.flatnonzero(~chosen)
    return np.concatenate([*order, left[np.argsort(hashes[left])]]), tuple(levels)


def atlas_slots(points: Floats, order: Ints) -> Ints:
    """The place of each point in the atlases, (n,): one page of the first, three of the next, twelve, and so on.

    Within each such part they follow the Morton order of the map, so that what is near one another is on one page.
    """
    parts = np.empty(len(order), np.int64)
    parts[order] = np.floor(np.log2(np.maximum(np.arange(len(order)) // PAGE, 0.5)) / 2 + 1)
    slots = np.empty(len(order), np.int64)
    slots[np.lexsort((_hashes(len(order)), _keys(points), parts))] = np.arange(len(order))
    return slots


def _chosen_at(
    depth: int, keys: Ints, in_order: Ints, places: NDArray[np.float64], hashes: Ints, chosen: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """A point in each cell of a depth that has none yet."""
    cells = _numbered(keys >> (places.shape[1] * (_DEEPEST - depth)), in_order)
    taken = np.zeros(cells.max() + 1, bool)
    taken[cells[chosen]] = True
    free = np.flatnonzero(~taken[cells])
    off = np.square(np.mod(places[free] * 2.0**depth, 1) - 0.5).sum(axis=1)
    ranked = free[np.lexsort((hashes[free], off, cells[free]))]
    return np.asarray(ranked[np.unique(cells[ranked], return_index=True)[1]])


def _numbered(keys: Ints, in_order: Ints) -> Ints:
    """The number of each key among those that differ, given an order in which they grow."""
    numbers = np.empty(len(keys), np.int64)
    numbers[in_order] = np.cumsum(np.diff(keys[in_order], prepend=keys[in_order[:1]]) > 0)
    return numbers


def _places(points: Floats) -> NDArray[np.float64]:
    """Points in the unit cube, its far sides excluded."""
    moved = points.astype(np.float64) - points.min(axis=0, initial=np.inf)
    span = float(moved.max(initial=0.0)) or 1.0
    return np.asarray(np.minimum(moved / span, 1 - 2.0 ** -(_DEEPEST + 1)))


def _keys(points: Floats) -> Ints:
    """The Morton key of each point: the bits of its coordinates in turn, the highest first."""
    cells = (_places(points) * 2**_DEEPEST).astype(np.int64)
    keys = np.zeros(len(points), np.int64)
    for bit in reversed(range(_DEEPEST)):
        for axis in range(cells.shape[1]):
            keys = (keys << 1) | ((cells[:, axis] >> bit) & 1)
    return keys


def _hashes(count: int) -> Ints:
    """A number for each of the first whole numbers, no two alike: Fibonacci hashing, which spreads what is near."""
    scattered: Ints = (np.arange(count, dtype=np.int64) * 2_654_435_769) & 0xFFFF_FFFF
    return scattered
