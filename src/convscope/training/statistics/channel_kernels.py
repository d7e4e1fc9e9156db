"""The inner loops over what a layer puts out, compiled by Numba: four sums a channel, in one pass over memory."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...scan.statistics.map_kernels import compiled

_summing = partial(compiled, fastmath=("reassoc", "contract"))


@_summing
def sum_planes(maps, sums):  # type: ignore[no-untyped-def]
    """Add to `sums` (4, C) what maps (N, C, positions) hold: values, squares, zeros, and how many are not finite."""
    one, none = np.int32(1), np.int32(0)
    for n in range(maps.shape[0]):
        for c in range(maps.shape[1]):
            plane = maps[n, c]
            total, square, zeros = np.float32(0), np.float32(0), np.int32(0)
            for i in range(len(plane)):
                v = plane[i]
                total += v
                square += v * v
                zeros += one if v == np.float32(0) else none
            sums[0, c] += total
            sums[1, c] += square
            sums[2, c] += zeros


@_summing
def sum_columns(rows, sums, room):  # type: ignore[no-untyped-def]
    """The same of rows (n, C), with the channels last; `room` (3, C), float32, is to work in."""
    one, none = np.float32(1), np.float32(0)
    total, square, zeros = room[0], room[1], room[2]
    for begin in range(0, len(rows), 256):  # so many summands a float32 holds well
        room[:] = 0
        for n in range(begin, min(begin + 256, len(rows))):
            row = rows[n]
            for c in range(len(row)):
                v = row[c]
                total[c] += v
                square[c] += v * v
                zeros[c] += one if v == np.float32(0) else none
        for i in range(3):
            for c in range(room.shape[1]):
                sums[i, c] += room[i, c]
