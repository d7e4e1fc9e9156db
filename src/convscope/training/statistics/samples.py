"""A fixed sample of a tensor's values, and its histogram in the bins of a scan, about the sample's own size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...scan.statistics.map_kernels import BINS, count_bins

OF_WEIGHTS = 4096  # values
OF_OUTPUTS = 1024
NO_POWER = -128  # of a sample without a finite value that is not zero


def sampled_values(tensor: Tensor, most: int) -> Tensor:
    """Up to `most` values at places that are always the same, spread evenly over the tensor's memory."""
    flat = _flat(tensor.detach())
    stride = max(1, flat.numel() // most) | 1  # odd: it meets every channel where they are a power of two
    return flat[::stride][:most].float()


def _flat(x: Tensor) -> Tensor:
    if not x.is_contiguous() and x.ndim == 4:
        x = x.permute(0, 2, 3, 1)  # of channels last, this is how its memory lies
    return x.reshape(-1)


def scaled_histogram(values: NDArray[np.float32]) -> tuple[NDArray[np.int32], int]:
    """How many values of a sample lie in each bin (BINS,) of `bin_edges() * 2.0**power`, and that power.

    The power of two is that of the root of the mean square, so that 2^-16 to 2^15 of it has bins: gradients are small.
    Beyond, the first and the last bins hold all there is; what is not finite is left out.
    """
    finite = np.ascontiguousarray(values, np.float32)
    wide = finite.astype(np.float64)
    square = float(np.dot(wide, wide))
    if not math.isfinite(square):
        finite = finite[np.isfinite(finite)]
        wide = finite.astype(np.float64)
        square = float(np.dot(wide, wide))
    counts = np.zeros((1, BINS), np.int64)
    if square == 0:
        counts[0, BINS // 2] = len(finite)
        return counts[0].astype(np.int32), NO_POWER
    power = math.frexp(math.sqrt(square / len(finite)))[1]
    about = np.ldexp(finite, -power)
    room = np.empty((64, 32), np.int32)
    count_bins(about.view(np.int32).reshape(1, -1, 1), 1, len(about), 1, 1, 0, counts, room)
    return counts[0].astype(np.int32), power
