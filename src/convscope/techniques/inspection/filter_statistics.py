"""Statistics of filters: norm, smoothness against what chance would give, near-duplicates.

The null of both measures of smoothness is the same weights with the positions of every kernel shuffled. Its expectation
has a closed form, so nothing is drawn: neighbors of a shuffled kernel are a random pair of its weights, and its energy
apart from the mean is spread evenly over the frequencies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...base.pixels import Floats


def norm(weights: Floats) -> Floats:
    """The L2 norm of each filter, (out,)."""
    length: Floats = np.linalg.norm(weights.reshape(len(weights), -1).astype(np.float64), axis=1).astype(np.float32)
    return length


def roughness(weights: Floats) -> Floats:
    """Total variation of each filter over its expectation when positions are shuffled, (out,).

    1 is noise, below 1 is smooth, above 1 is a checkerboard. NaN for kernels of one weight and for constant ones.
    """
    if weights.ndim != 4 or weights.shape[2] * weights.shape[3] < 2:
        return np.full(len(weights), np.nan, np.float32)
    w = weights.astype(np.float64)
    _, _, height, width = w.shape
    variation = np.abs(np.diff(w, axis=2)).sum((1, 2, 3)) + np.abs(np.diff(w, axis=3)).sum((1, 2, 3))
    edges = (height - 1) * width + height * (width - 1)
    return _ratio(variation, edges * _mean_difference(w.reshape(*w.shape[:2], -1)).sum(1))


def shuffled_roughness(weights: Floats, draws: int, seed: int) -> Floats:
    """The median roughness over the filters when the positions of every kernel are shuffled, for each draw, (draws,).

    Where the filters' own median lies beyond nearly all of these, they are smooth, or rough, for a reason.
    """
    random = np.random.default_rng(seed)
    flat = weights.reshape(*weights.shape[:2], -1)
    found = (roughness(random.permuted(flat, axis=-1).reshape(weights.shape)) for _ in range(draws))
    known = (one[np.isfinite(one)] for one in found)
    return np.array([np.median(one) if len(one) else np.nan for one in known], np.float32)


def high_share(weights: Floats, cutoff: float = 0.25) -> Floats:
    """Share of each filter's energy above `cutoff` cycles a pixel, over its expectation when shuffled, (out,).

    The mean of a kernel counts for neither. NaN where all frequencies a kernel can hold are above the cut-off (3 × 3).
    """
    if weights.ndim != 4:
        return np.full(len(weights), np.nan, np.float32)
    height, width = weights.shape[2:]
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    high, varying = radius > cutoff, radius > 0
    if high.sum() in (0, varying.sum()):
        return np.full(len(weights), np.nan, np.float32)
    w = weights.astype(np.float64)
    flat = (w == w[:, :, :1, :1]).all((2, 3), keepdims=True)  # whose frequencies would be rounding errors
    energy = (np.abs(np.fft.fft2(np.where(flat, 0, w))) ** 2).sum(1)
    return _ratio(energy[:, high].sum(1), energy[:, varying].sum(1) * high.sum() / varying.sum())


def near_duplicates(weights: Floats, similarity: float) -> tuple[NDArray[np.int64], int]:
    """For each filter the first of its group of near-duplicates, (out,), and how many pairs point opposite ways.

    Filters whose cosine is at least `similarity` share a group, and so do chains of them (RoyChowdhury et al. 2018,
    "Reducing duplicate filters"). Opposite filters see opposite things: they are counted, not merged.
    """
    flat = weights.reshape(len(weights), -1).astype(np.float64)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    unit = np.divide(flat, length, out=np.zeros_like(flat), where=length > 0)
    cosine = unit @ unit.T
    similarity -= 1e-9  # so that copies are alike at 1.0 in spite of rounding
    first = np.arange(len(flat))
    alike = cosine >= similarity
    np.fill_diagonal(alike, True)
    while True:  # the smallest index spreads through each group, at least one link a round
        spread = np.where(alike, first, len(flat)).min(1)
        if (spread == first).all():
            return first, int((cosine <= -similarity).sum()) // 2
        first = spread


def _mean_difference(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean |a - b| over all pairs of the last axis, by sorting: each value counts by how many lie to either side."""
    n = values.shape[-1]
    rank = 2 * np.arange(n) - n + 1
    total = (np.sort(values, axis=-1) * rank).sum(-1)
    mean: NDArray[np.float64] = total / (n * (n - 1) / 2)
    return mean


def _ratio(value: NDArray[np.float64], expected: NDArray[np.float64]) -> Floats:
    return np.divide(value, expected, out=np.full_like(value, np.nan), where=expected > 0).astype(np.float32)
