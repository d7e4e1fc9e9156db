"""What is kept of all images so far. Every reducer can be updated by a batch and merged with another, in any order.

The result does not depend on the order to the last bit: sums are integers, and where only some entries are kept, a
total order says which.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.pixels import Ints
from . import fold_kernels
from .batch_summary import Summary


@dataclass(eq=False)
class Moments:
    """Of every unit: `sums` (4, limbs, units) of all values, their squares, the responses and their squares.

    A response is a unit's peak in one image, or zero where that is negative. `zeros` counts zero activations and
    `fired` images with a peak above zero; `low` and `high` are the extreme activations.
    """

    sums: Ints
    zeros: Ints
    fired: Ints
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def empty(cls, units: int) -> Moments:
        """Of no image."""
        low, high = np.full(units, np.inf, np.float32), np.full(units, -np.inf, np.float32)
        zeros, fired = np.zeros((2, units), np.int64)
        return cls(np.zeros((4, fold_kernels.LIMBS, units), np.int64), zeros, fired, low, high)

    def update(self, s: Summary) -> None:
        """Fold a batch in."""
        own = (self.sums, self.zeros, self.fired, self.low, self.high)
        fold_kernels.fold_moments(*own, s.total, s.square, s.zeros, s.low, s.peak)

    def merge(self, other: Moments) -> None:
        """Fold another part in."""
        self.sums += other.sums
        fold_kernels.carry(self.sums.reshape(4, fold_kernels.LIMBS, -1))
        self.zeros += other.zeros
        self.fired += other.fired
        np.minimum(self.low, other.low, out=self.low)
        np.maximum(self.high, other.high, out=self.high)

    def sum(self, which: int) -> NDArray[np.float64]:
        """One of the four sums as float64, (units,)."""
        return fold_kernels.value(self.sums[which])


@dataclass(eq=False)
class Top:
    """The k best entries of every unit, (units, k): larger value, then earlier image, then earlier place; heaps."""

    values: NDArray[np.float32]
    images: Ints
    places: NDArray[np.int32]
    counts: NDArray[np.int32]

    @classmethod
    def empty(cls, units: int, k: int) -> Top:
        """Without entries."""
        values, places = np.zeros((units, k), np.float32), np.full((units, k), -1, np.int32)
        return cls(values, np.full((units, k), -1, np.int64), places, np.zeros(units, np.int32))

    def update(self, s: Summary, numbers: Ints) -> None:
        """Offer the peak of each image."""
        fold_kernels.fold_top(self.values, self.images, self.places, self.counts, s.peak, numbers, s.place)

    def merge(self, other: Top) -> None:
        """Offer all entries of another part."""
        theirs = (other.values, other.images, other.places, other.counts)
        fold_kernels.merge_top(self.values, self.images, self.places, self.counts, *theirs)

    def ordered(self) -> Top:
        """The same, best first; what holds no entry is (0, -1, -1)."""
        held = np.arange(self.values.shape[1]) < self.counts[:, None]
        order = np.lexsort((self.places, self.images, -self.values, ~held))
        values = np.take_along_axis(self.values, order, 1)
        images, places = np.take_along_axis(self.images, order, 1), np.take_along_axis(self.places, order, 1)
        values[~held], images[~held], places[~held] = 0, -1, -1
        return Top(values, images, places, self.counts.copy())


@dataclass(eq=False)
class PeakSample:
    """All peaks and places of the m images whose hash is smallest: drawn at random, and the same in any order.

    `keys` (m,) are the hashes, `numbers` (m,) the images; `peaks` and `places` are (m, units). Only the first `held`
    rows are filled; left out, all of them.
    """

    keys: NDArray[np.uint64]
    numbers: Ints
    peaks: NDArray[np.float32]
    places: NDArray[np.int32]
    held: int = -1

    @classmethod
    def empty(cls, units: int, room: int) -> PeakSample:
        """Of no image, with room for `room`."""
        rows = np.empty((room, units), np.float32), np.empty((room, units), np.int32)
        return cls(np.zeros(room, np.uint64), np.zeros(room, np.int64), *rows, held=0)

    def __post_init__(self) -> None:
        self.held = len(self.keys) if self.held < 0 else self.held

    def update(self, s: Summary, numbers: Ints) -> None:
        """Keep those of a batch that belong to the sample."""
        self._offer(_hash(numbers), numbers, s.peak, s.place)

    def merge(self, other: PeakSample) -> None:
        """Keep those of another part that belong to the sample."""
        self._offer(other.keys[: other.held], other.numbers, other.peaks, other.places)

    def ordered(self) -> PeakSample:
        """The same without empty rows, in the order of the images."""
        order = np.argsort(self.numbers[: self.held])
        rows = (self.keys[order], self.numbers[order], self.peaks[order], self.places[order])
        return PeakSample(*rows, self.held)

    def _offer(self, keys: NDArray[np.uint64], numbers: Ints, peaks: NDArray[Any], places: NDArray[Any]) -> None:
        for i, key in enumerate(keys):
            row = self.held if self.held < len(self.keys) else int(self.keys.argmax())
            if row == self.held or key < self.keys[row]:
                self.keys[row], self.numbers[row] = key, numbers[i]
                self.peaks[row], self.places[row] = peaks[i], places[i]
                self.held = max(self.held, row + 1)


@dataclass(eq=False)
class Classes:
    """Sums of the responses to the images of each class, (2, classes, units), and how many images each class has.

    The first of a sum's two limbs counts ones, the second 2^-60.
    """

    sums: Ints
    images: Ints

    @classmethod
    def empty(cls, classes: int, units: int) -> Classes:
        """Of no image."""
        return cls(np.zeros((2, classes, units), np.int64), np.zeros(classes, np.int64))

    def update(self, s: Summary, labels: Ints) -> None:
        """Fold a batch in; images with label -1 count for no class."""
        fold_kernels.fold_classes(self.sums, s.peak, labels)
        np.add.at(self.images, labels[labels >= 0], 1)

    def merge(self, other: Classes) -> None:
        """Fold another part in."""
        fold_kernels.merge_classes(self.sums, other.sums)
        self.images += other.images

    def means(self) -> NDArray[np.float64]:
        """The mean response of each unit to each class, (classes, units); NaN for a class without images."""
        with np.errstate(invalid="ignore", divide="ignore"):
            means: NDArray[np.float64] = (self.sums[0] + self.sums[1] * 2.0**-60) / self.images[:, None]
        return means


@dataclass(eq=False)
class Population:
    """Population sparsity (Treves and Rolls) of every layer, summed over the images in which it fired at all."""

    sums: Ints
    images: Ints
    edges: Ints = field(repr=False)

    @classmethod
    def empty(cls, edges: Ints) -> Population:
        """Of no image; layer i has the units `edges[i]` to `edges[i + 1]`."""
        return cls(np.zeros((fold_kernels.LIMBS, len(edges) - 1), np.int64), np.zeros(len(edges) - 1, np.int64), edges)

    def update(self, s: Summary) -> None:
        """Fold a batch in."""
        response = np.maximum(s.peak, 0).astype(np.float64)
        units = np.diff(self.edges)
        total = np.add.reduceat(response, self.edges[:-1], 1)
        square = np.add.reduceat(response * response, self.edges[:-1], 1)
        fired = square > 0
        fold_kernels.fold_sums(self.sums, sparseness(total, np.where(fired, square, 1), units), fired)
        self.images += fired.sum(0)

    def merge(self, other: Population) -> None:
        """Fold another part in."""
        self.sums += other.sums
        fold_kernels.carry(self.sums[None])
        self.images += other.images

    def mean(self) -> NDArray[np.float64]:
        """The mean over images, (layers,); NaN where a layer never fired."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: NDArray[np.float64] = fold_kernels.value(self.sums) / self.images
        return mean


def sparseness(total: NDArray[np.float64], square: NDArray[np.float64], n: Ints | int) -> NDArray[np.float64]:
    """Treves and Rolls 1991 as Vinje and Gallant 2000 scaled it: 0 where all n respond alike, 1 where one does.

    From the sum of n responses that are not negative, and the sum of their squares; 0 for a single one.
    """
    alike = total * total / square / n
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled: NDArray[np.float64] = np.where(np.asarray(n) > 1, (1 - alike) / (1 - 1 / np.asarray(n)), 0.0)
    return scaled


def _hash(numbers: Ints) -> NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        z = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        hashed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return hashed
