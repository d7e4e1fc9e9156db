"""The inner loops over maps, compiled by Numba: each map is boiled down to a few numbers a channel.

They hold no lock on the interpreter, so that several lanes run them at once. A map comes as (N, positions, channels),
float32, channels last: the layout convolutions run fastest in, so that nothing is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numba import njit

BINS = 511  # of a histogram: 255 for negative values, one for zero, 255 for positive ones
ZERO = 255  # the bin of exact zeros
FIRST = (127 - 16) << 3  # the octave of 2^-16, by float32's exponent and its three highest bits of mantissa


def compiled(function: Callable[..., Any], fastmath: Collection[str] = ()) -> Callable[..., Any]:
    """Compile a function, and keep the code on disk where there is a place for it.

    `fastmath` names what LLVM may do to arithmetic, such as `reassoc`: sums in another order, and so in vectors.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}
    options["fastmath"] = set(fastmath) or False
    try:
        kernel: Callable[..., Any] = njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package nor the user has a folder that can be written
        kernel = njit(**options)(function)
    return kernel


@compiled
def normalize(seen, table, out):  # type: ignore[no-untyped-def]
    """Bytes (N, H, W, 3) to floats: those of `table` (256, 3)."""
    n, h, w, channels = seen.shape
    for i in range(n):
        for y in range(h):
            for x in range(w):
                for c in range(channels):
                    out[i, y, x, c] = table[seen[i, y, x, c], c]


# Eight rows of a map at once: each column of `peak`, `low` and `total` is then read and written once for eight values.
# 2.5 to 3.1 times as fast as row by row (128 to 512 channels, 256-bit vectors). They are eight arguments, since a loop
# over rows inside the loop over columns is not vectorized.
@compiled
def _highest(a, b, c, d, e, f, g, h, peak, row, number):  # type: ignore[no-untyped-def]
    """Of eight rows of a map, from `number` on, keep the largest value of each column, and the first row it was in."""
    for i in range(len(peak)):
        best, at = peak[i], row[i]
        higher = a[i] > best
        best, at = a[i] if higher else best, number + np.int32(0) if higher else at
        higher = b[i] > best
        best, at = b[i] if higher else best, number + np.int32(1) if higher else at
        higher = c[i] > best
        best, at = c[i] if higher else best, number + np.int32(2) if higher else at
        higher = d[i] > best
        best, at = d[i] if higher else best, number + np.int32(3) if higher else at
        higher = e[i] > best
        best, at = e[i] if higher else best, number + np.int32(4) if higher else at
        higher = f[i] > best
        best, at = f[i] if higher else best, number + np.int32(5) if higher else at
        higher = g[i] > best
        best, at = g[i] if higher else best, number + np.int32(6) if higher else at
        higher = h[i] > best
        best, at = h[i] if higher else best, number + np.int32(7) if higher else at
        peak[i], row[i] = best, at


@compiled
def _lowest(a, b, c, d, e, f, g, h, low, zeros):  # type: ignore[no-untyped-def]
    """Of eight rows, keep the smallest value of each column, and count the zeros."""
    one, none, zero = np.int32(1), np.int32(0), np.float32(0)
    for i in range(len(low)):
        v = min(min(min(a[i], b[i]), min(c[i], d[i])), min(min(e[i], f[i]), min(g[i], h[i])))
        low[i] = min(v, low[i])
        first = (one if a[i] == zero else none) + (one if b[i] == zero else none)
        second = (one if c[i] == zero else none) + (one if d[i] == zero else none)
        third = (one if e[i] == zero else none) + (one if f[i] == zero else none)
        fourth = (one if g[i] == zero else none) + (one if h[i] == zero else none)
        zeros[i] += (first + second) + (third + fourth)


@compiled
def _summed(a, b, c, d, e, f, g, h, total, square):  # type: ignore[no-untyped-def]
    """Add eight rows, and their squares, in double precision."""
    for i in range(len(total)):
        s, t, u, v = np.float64(a[i]), np.float64(b[i]), np.float64(c[i]), np.float64(d[i])
        w, x, y, z = np.float64(e[i]), np.float64(f[i]), np.float64(g[i]), np.float64(h[i])
        total[i] += ((s + t) + (u + v)) + ((w + x) + (y + z))
        square[i] += ((s * s + t * t) + (u * u + v * v)) + ((w * w + x * x) + (y * y + z * z))


@compiled
def _normalized(row, scale, shift, low, high):  # type: ignore[no-untyped-def]
    """Carry out scale·x + shift and the cutting off below `low` and above `high`, in place."""
    for i in range(len(row)):
        row[i] = min(max(row[i] * scale[i] + shift[i], low), high)


@compiled
def summarize(  # type: ignore[no-untyped-def]
    maps, count, group, first, peak, place, low, total, square, zeros, floats, ints, doubles, scale, shift, ends
):
    """Boil each of the first `count` maps down to six numbers a channel; each goes to column `first` + channel.

    `maps` is (N, positions / group, group × channels): several positions side by side keep the loops long where there
    are few channels. `peak` is the largest value, `place` its first position, `low` the smallest; `total` and `square`
    are sums of values and squares. `floats`, `ints` and `doubles` are room to work in, (2, at least a row's width).
    Where `scale` is not empty, what was looked at is then normalized in place, while it is at hand.
    """
    _, rows, width = maps.shape
    channels = width // group
    m, lo, k, z = floats[0, :width], floats[1, :width], ints[0, :width], ints[1, :width]
    s, q = doubles[0, :width], doubles[1, :width]
    for n in range(count):
        m[:], lo[:], k[:], z[:], s[:], q[:] = maps[n, 0], maps[n, 0], 0, 0, 0, 0
        row = 0
        while row + 8 <= rows:
            x = maps[n, row : row + 8]
            a, b, c, d, e, f, g, h = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
            _highest(a, b, c, d, e, f, g, h, m, k, np.int32(row))
            _lowest(a, b, c, d, e, f, g, h, lo, z)
            _summed(a, b, c, d, e, f, g, h, s, q)
            if len(scale):
                for i in range(8):
                    _normalized(x[i], scale, shift, ends[0], ends[1])
            row += 8
        while row < rows:
            for i in range(width):
                v = maps[n, row, i]
                if v > m[i]:
                    m[i], k[i] = v, row
                lo[i] = min(v, lo[i])
                s[i] += np.float64(v)
                q[i] += np.float64(v) * np.float64(v)
                z[i] += np.int32(v == 0)
            if len(scale):
                _normalized(maps[n, row], scale, shift, ends[0], ends[1])
            row += 1
        for c in range(channels):
            best, where, smallest, t, u, v = m[c], np.int32(2147483647), lo[c], 0.0, 0.0, np.int64(0)
            for j in range(1, group):
                best = max(best, m[j * channels + c])
            for j in range(group):
                i = j * channels + c
                smallest, t, u, v = min(smallest, lo[i]), t + s[i], u + q[i], v + z[i]
                if m[i] == best:
                    where = min(where, np.int32(k[i] * group + j))
            peak[n, first + c], place[n, first + c], low[n, first + c] = best, where, smallest
            total[n, first + c], square[n, first + c], zeros[n, first + c] = t, u, v


@compiled
def _bins(row, out):  # type: ignore[no-untyped-def]
    """The bin of each value, from the bits of float32: eight bins an octave, smallest magnitudes from 2^-16 on."""
    for i in range(len(out)):
        bits = row[i]
        size = bits & np.int32(0x7FFFFFFF)
        step = min(max((size >> np.int32(20)) - np.int32(FIRST), np.int32(0)), np.int32(254))
        signed = np.int32(ZERO + 1) + step if bits >= 0 else np.int32(ZERO - 1) - step
        out[i] = np.int32(ZERO) if size == 0 else signed


@compiled
def count_bins(maps, count, height, width, stride, first, counts, room):  # type: ignore[no-untyped-def]
    """Add the values on a lattice of each of the first `count` maps to the histograms, `counts` (units, BINS).

    `maps` is (N, height × width, channels), the bits of float32 as int32. Every `stride`-th row and column counts,
    from the middle of a stride on. `room` (positions, 32) is to work in.
    """
    channels = maps.shape[2]
    for begin in range(0, channels, 32):
        wide, held = min(32, channels - begin), 0
        for n in range(count):
            for y in range((min(stride, height) - 1) // 2, height, stride):
                for x in range((min(stride, width) - 1) // 2, width, stride):
                    _bins(maps[n, y * width + x, begin : begin + wide], room[held, :wide])
                    held += 1
                    if held == len(room):
                        _add(room, held, wide, first + begin, counts)
                        held = 0
        _add(room, held, wide, first + begin, counts)


@compiled
def _add(room, held, wide, first, counts):  # type: ignore[no-untyped-def]
    for c in range(wide):  # a channel at a time: its histogram stays in the cache
        row = counts[first + c]
        for p in range(held):
            row[room[p, c]] += 1
