"""What is left of a batch of images: a few numbers for every image and unit. The maps themselves are never kept."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.errors import ForwardFailed
from ...execution.fused_ops import Affine
from ...network.layers.layers import Layer
from . import fold_kernels, map_kernels

_ROW = 1024  # values side by side for which the loops of a kernel are long enough
_HELD = 128  # positions whose bins are found before they are counted


@dataclass(frozen=True, eq=False)
class Summary:
    """Of N images and all units: `peak` (N, units) is the largest activation, `place` its first position y·W + x.

    `low` is the smallest activation; `total` and `square` are the sums of the activations and of their squares, and
    `zeros` counts exact zeros. `classes` (N, k) are the most probable classes of each image, best first, with their
    `scores` and `probabilities`, where predictions are kept; else k is 0.
    """

    peak: NDArray[np.float32]
    place: NDArray[np.int32]
    low: NDArray[np.float32]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    zeros: NDArray[np.int64]
    classes: NDArray[np.int32]
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @classmethod
    def empty(cls, images: int, units: int, most: int = 0) -> Summary:
        """Room for so many images, units, and probable classes."""
        kinds = (np.float32, np.int32, np.float32, np.float64, np.float64, np.int64)
        ranked = (np.zeros((images, most), kind) for kind in (np.int32, np.float32, np.float32))
        return cls(*(np.zeros((images, units), kind) for kind in kinds), *ranked)

    @classmethod
    def joined(cls, summaries: Sequence[Summary]) -> Summary:
        """Several batches as one."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(*(np.concatenate([getattr(one, name) for one in summaries]) for name in names))

    def check(self, layers: Sequence[Layer], first: dict[str, int], ids: Sequence[str]) -> None:
        """Raise ForwardFailed, naming layer and image, where something is not finite."""
        bad = ~(np.abs(self.square) < fold_kernels.LIMIT)
        if bad.any():
            image, unit = np.argwhere(bad)[0]
            layer = [layer.name for layer in layers if first[layer.name] <= unit][-1]
            raise ForwardFailed(
                f"{layer} put out numbers that are not finite, or larger than 2^40, for the image {ids[image]}. "
                "Leave that image out, or scan layers before it."
            )


@dataclass(frozen=True, eq=False)
class Lattice:
    """Which positions of a layer's maps the histograms count: every `stride`-th row and column."""

    height: int
    width: int
    stride: int

    @classmethod
    def of(cls, shape: Sequence[int], positions: int) -> Lattice:
        """At most so many positions of the maps of a layer of this shape, (C, H, W) or (C,); 0 for all."""
        height, width = shape[1:] or (1, 1)
        stride = 1
        while positions and cls(height, width, stride).counted > positions:
            stride += 1
        return cls(height, width, stride)

    @property
    def counted(self) -> int:
        """How many positions of a map are counted."""
        return len(self.rows) * len(self.columns)

    @property
    def rows(self) -> range:
        """Which rows are counted, from the middle of a stride on."""
        return range((min(self.stride, self.height) - 1) // 2, self.height, self.stride)

    @property
    def columns(self) -> range:
        """Which columns are counted."""
        return range((min(self.stride, self.width) - 1) // 2, self.width, self.stride)


class Histograms:
    """Signed-log histograms of all units, (units, BINS) int64, that several lanes may add to at once."""

    def __init__(self, units: int) -> None:
        self.counts = np.zeros((units, map_kernels.BINS), np.int64)
        self._locks: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()

    def merge(self, other: Histograms) -> None:
        """Add the counts of another part."""
        self.counts += other.counts

    def alone(self, column: int) -> threading.Lock:
        """What a lane must hold while it adds to the layer that begins at this column."""
        with self._lock:
            return self._locks.setdefault(column, threading.Lock())


class Summarizer:
    """Boils the maps of one layer after the other down, into one Summary; one lane uses one."""

    def __init__(self, positions: int) -> None:
        self._positions = positions
        self._bins = np.empty((_HELD, 32), np.int32)
        self._room = self._roomy(_ROW)

    def __call__(
        self,
        layer: Layer,
        tensor: Tensor,
        count: int,
        into: Summary,
        column: int,
        histograms: Histograms | None,
        norm: Affine | None = None,
    ) -> NDArray[np.float32]:
        """Look at the first `count` images of a layer's (N, C, H, W) or (N, C); returns them as (N, positions, C).

        A `norm` is then carried out on all N images in place; the tensor must then be float32 and channels last.
        """
        if tensor.device.type != "cpu":
            return _elsewhere(layer, tensor[:count], into, column, histograms, self._positions)
        last = tensor.movedim(1, -1) if tensor.ndim == 4 else tensor
        maps = last.float().contiguous().numpy().reshape(len(tensor), -1, layer.units)
        if histograms is not None:
            lattice = Lattice.of(layer.shape, self._positions)
            how = (lattice.height, lattice.width, lattice.stride)
            with histograms.alone(column):
                map_kernels.count_bins(maps.view(np.int32), count, *how, column, histograms.counts, self._bins)
        group = _group(maps.shape[1], layer.units)
        if group * layer.units > self._room[0].shape[1]:
            self._room = self._roomy(group * layer.units)
        wide = maps.reshape(len(maps), maps.shape[1] // group, -1)
        fields = (into.peak, into.place, into.low, into.total, into.square, into.zeros)
        map_kernels.summarize(wide, count, group, column, *fields, *self._room, *_numbers(norm, group))
        return maps

    @staticmethod
    def _roomy(width: int) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float64]]:
        return np.empty((2, width), np.float32), np.empty((2, width), np.int32), np.empty((2, width), np.float64)


def _numbers(norm: Affine | None, group: int) -> tuple[NDArray[np.float32], ...]:
    """Scale, shift and ends of a norm, for rows of `group` positions; empty where there is none."""
    if norm is None:
        none = np.zeros(0, np.float32)
        return none, none, none
    ends = (-np.inf, np.inf) if norm.clamp is None else (norm.clamp.low, norm.clamp.high)
    parts = [np.tile(part.flatten().numpy(), group) for part in (norm.scale, norm.shift)]
    return parts[0], parts[1], np.array(ends, np.float32)


def _group(positions: int, channels: int) -> int:
    """How many positions go side by side in a kernel's row: as many as make it long, and divide all positions."""
    return max(g for g in range(1, max(1, min(positions, _ROW // channels)) + 1) if positions % g == 0)


def _elsewhere(
    layer: Layer, tensor: Tensor, into: Summary, column: int, histograms: Histograms | None, positions: int
) -> NDArray[np.float32]:
    """The same by PyTorch's own operations, on whatever device the tensor is."""
    maps = tensor.float().flatten(2) if tensor.ndim == 4 else tensor.float()[..., None]
    own = slice(column, column + layer.units)
    exact = maps.double()
    found = (maps.amax(2), maps.argmax(2), maps.amin(2), exact.sum(2), exact.square().sum(2), (maps == 0).sum(2))
    fields: tuple[NDArray[Any], ...] = (into.peak, into.place, into.low, into.total, into.square, into.zeros)
    for field, tensor_ in zip(fields, found, strict=True):
        field[: len(maps), own] = tensor_.numpy(force=True)
    if histograms is not None:
        lattice = Lattice.of(layer.shape, positions)
        shaped = maps.reshape(*maps.shape[:2], lattice.height, lattice.width)
        sampled = shaped[:, :, lattice.rows.start :: lattice.stride, lattice.columns.start :: lattice.stride]
        bins = _bins(sampled.contiguous()).movedim(1, 0).flatten(1)
        flat = bins + map_kernels.BINS * torch.arange(layer.units, device=bins.device)[:, None]
        counts = torch.bincount(flat.flatten(), minlength=layer.units * map_kernels.BINS)
        with histograms.alone(column):
            histograms.counts[own] += counts.reshape(layer.units, map_kernels.BINS).numpy(force=True)
    return maps.movedim(1, 2).contiguous().numpy(force=True)


def _bins(values: Tensor) -> Tensor:
    bits = values.view(torch.int32)
    size = bits & 0x7FFFFFFF
    step = ((size >> 20) - map_kernels.FIRST).clamp(0, 254)
    signed = torch.where(bits >= 0, map_kernels.ZERO + 1 + step, map_kernels.ZERO - 1 - step)
    return torch.where(size == 0, map_kernels.ZERO, signed).long()
