"""Pillow's resize as what it is, one linear map a side, so that gradients can go back through it.

Pillow resamples rows, rounds to bytes, then columns, and rounds again; its weights are whole multiples of 2⁻²².
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..network.preprocessing import Interpolation

Filter = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_UNITS = 1 << 22  # of Pillow's fixed point
_BLOCK = 16  # rows of a matrix whose columns are cut out together


@dataclass(frozen=True)
class Resampling:
    """One side of a resize: `weights` (outputs, taps) of the inputs from `starts` (outputs,) on."""

    starts: NDArray[np.int64]
    weights: NDArray[np.float64]
    length: int

    @classmethod
    def of(cls, length: int, outputs: int, interpolation: Interpolation, first: int, count: int) -> Resampling:
        """What makes `count` pixels, the `first` of `outputs` and those after it, out of `length`."""
        if interpolation == "nearest":
            starts, weights = _nearest(length, outputs)
        else:
            starts, weights = _antialiased(length, outputs, *_FILTERS[interpolation])
        kept = slice(first, first + count)
        return cls(starts[kept], weights[kept], length)

    def matrix(self) -> NDArray[np.float64]:
        """The map as a matrix, (outputs, inputs), in Pillow's fixed point."""
        found = np.zeros((len(self.starts), self.length))
        columns = self.starts[:, None] + np.arange(self.weights.shape[1])
        rows = np.broadcast_to(np.arange(len(self.starts))[:, None], columns.shape)
        within = columns < self.length
        found[rows[within], columns[within]] = self.weights[within]
        return found


def _nearest(length: int, outputs: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    step = length / outputs
    places = np.add.accumulate(np.r_[step * 0.5, np.full(outputs - 1, step)])  # summed up one by one, as Pillow does
    return places.astype(np.int64), np.ones((outputs, 1))


def _antialiased(
    length: int, outputs: int, kernel: Filter, support: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    scale = length / outputs
    wide = max(scale, 1.0)
    reach = support * wide
    centers = (np.arange(outputs) + 0.5) * scale
    starts = np.maximum((centers - reach + 0.5).astype(np.int64), 0)
    ends = np.minimum((centers + reach + 0.5).astype(np.int64), length)
    taps = np.arange(math.ceil(reach) * 2 + 1)
    weights = kernel((taps + starts[:, None] - centers[:, None] + 0.5) * (1.0 / wide))
    weights[taps >= (ends - starts)[:, None]] = 0
    total = np.add.accumulate(weights, 1)[:, -1:]
    weights = np.divide(weights, total, out=weights, where=total != 0)
    return starts, np.trunc(weights * _UNITS + np.copysign(0.5, weights)) / _UNITS


def _box(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _bilinear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.maximum(1 - np.abs(x), 0)
    return found


def _bicubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    a, x = -0.5, np.abs(x)
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.where((x >= -3) & (x < 3), np.sinc(x) * np.sinc(x / 3), 0)
    return found


_FILTERS: dict[str, tuple[Filter, float]] = {
    "box": (_box, 0.5),
    "bilinear": (_bilinear, 1.0),
    "bicubic": (_bicubic, 2.0),
    "lanczos": (_lanczos, 3.0),
}


class BandedMap:
    """A resampling as a linear map of the last side of tensors, some of its rows at a time.

    Each row of the matrix looks at a few neighbors, so a few rows together look at a short stretch of the picture: a
    photo of a telephone costs a tenth of what the whole matrix would.
    """

    def __init__(self, resampling: Resampling, device: torch.device) -> None:
        matrix = torch.from_numpy(resampling.matrix()).to(device)
        self.same = torch.equal(matrix, torch.eye(len(matrix), resampling.length, dtype=matrix.dtype, device=device))
        reach = resampling.starts + resampling.weights.shape[1]
        self.length, blocks = resampling.length, list[tuple[slice, slice, Tensor]]()
        for first in range(0, len(matrix), _BLOCK):
            rows = slice(first, min(first + _BLOCK, len(matrix)))
            columns = slice(int(resampling.starts[rows].min()), min(int(reach[rows].max()), self.length))
            blocks.append((rows, columns, matrix[rows, columns].contiguous()))
        self._blocks = {dtype: [(r, c, m.to(dtype)) for r, c, m in blocks] for dtype in (torch.float64, torch.float32)}

    def blocks(self, dtype: torch.dtype) -> list[tuple[slice, slice, Tensor]]:
        """Rows, the columns that they look at, and the weights there, in single or double precision."""
        return self._blocks[dtype]

    @property
    def looked_at(self) -> Tensor:
        """Which inputs any output depends on, (inputs,)."""
        blocks = self.blocks(torch.float64)
        found = torch.zeros(self.length, dtype=torch.bool, device=blocks[0][2].device)
        for _, columns, block in blocks:
            found[columns] |= (block != 0).any(0)
        return found

    def __call__(self, x: Tensor) -> Tensor:
        """The map of the last side of x, (…, inputs) to (…, outputs); in double precision it is exact of bytes."""
        found: Tensor = _Banded.apply(x, self)
        return found


class _Banded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, map: BandedMap) -> Tensor:
        ctx.map = map
        return torch.cat([x[..., columns] @ block.T for _, columns, block in map.blocks(x.dtype)], -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        found = gradient.new_zeros((*gradient.shape[:-1], ctx.map.length))
        for rows, columns, block in ctx.map.blocks(gradient.dtype):
            found[..., columns] += gradient[..., rows] @ block
        return found, None
