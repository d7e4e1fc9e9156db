"""Entries as columns of a table: unit, image, position, and the part of the source image that the neuron sees."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...contract.silence import floor
from ...network.preprocessing import Preprocessing
from ..statistics.state import State


@dataclass(frozen=True, eq=False)
class Entries:
    """Names units and images of a state, and finds what neurons see."""

    state: State

    @cached_property
    def shapes(self) -> NDArray[np.int64]:
        """Height and width of every unit's maps, (units, 2)."""
        rows = [(shape[1:] or (1, 1), shape[0]) for _, _, shape in self.state.ledger.layers]
        return np.repeat(np.array([size for size, _ in rows], np.int64), [units for _, units in rows], 0)

    @cached_property
    def values(self) -> NDArray[np.int64]:
        """How many activations of each unit were looked at."""
        counted: NDArray[np.int64] = len(self.state.images.seen) * self.shapes.prod(1)
        return counted

    @cached_property
    def constant(self) -> NDArray[np.bool_]:
        """The units whose activations, more than one, were all the same."""
        constant: NDArray[np.bool_] = (self.state.moments.low == self.state.moments.high) & (self.values > 1)
        return constant

    @cached_property
    def dead(self) -> NDArray[np.bool_]:
        """The units no image made fire: none rose above what counts as silence in its layer; unknown without images."""
        low, high = self.state.moments.low, self.state.moments.high
        sizes, edges = np.maximum(np.abs(low), np.abs(high)), self.state.population.edges
        floors = [floor(sizes[first:last]) for first, last in itertools.pairwise(edges)]
        dead: NDArray[np.bool_] = (high <= np.repeat(floors, np.diff(edges))) & (self.values > 0)
        return dead

    @cached_property
    def held(self) -> NDArray[np.int32]:
        """How many top entries each unit has; none where it is dead, or constant: no image drives it more."""
        return np.where(self.dead | self.constant, 0, self.state.top.counts).astype(np.int32)

    @cached_property
    def units(self) -> dict[str, Any]:
        """The columns that name a unit, one row a unit."""
        names = [name for name, _, _ in self.state.ledger.layers]
        units = [shape[0] for _, _, shape in self.state.ledger.layers]
        layers = pa.DictionaryArray.from_arrays(np.repeat(np.arange(len(names), dtype=np.int32), units), names)
        return {"layer": layers, "channel": np.concatenate([np.arange(u, dtype=np.int32) for u in units])}

    @cached_property
    def images(self) -> dict[str, NDArray[Any]]:
        """The images that were seen, in the order of their numbers, as columns."""
        columns = list(zip(*sorted(self.state.images.seen), strict=True)) or [()] * 5
        kinds = (np.int64, object, np.int64, np.int64, np.int64)
        names = ("number", "id", "label", "height", "width")
        return {n: np.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)}

    def named(self, unit: NDArray[np.int64]) -> dict[str, Any]:
        """The columns that name units, given their places among all."""
        return {"layer": self.units["layer"].take(pa.array(unit)), "channel": self.units["channel"][unit]}

    def placed(
        self, unit: NDArray[np.int64], numbers: NDArray[np.int64], places: NDArray[Any], more: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Columns of entries: unit, what is special to the table, image, position, and the box that the neuron sees."""
        row = np.searchsorted(self.images["number"], numbers).astype(np.int32)
        y, x = np.divmod(places, self.shapes[unit, 1])
        ids = pa.DictionaryArray.from_arrays(row, pa.array(self.images["id"], pa.string()))
        columns = {**self.named(unit), **more, "image": numbers, "id": ids}
        columns |= {"y": y.astype(np.int32), "x": x.astype(np.int32)}
        names = ("top", "left", "bottom", "right")
        return columns | dict(zip(names, self._boxes(unit, row, y, x), strict=True))

    def _boxes(
        self, unit: NDArray[np.int64], row: NDArray[np.int32], y: NDArray[Any], x: NDArray[Any]
    ) -> list[NDArray[np.int32]]:
        """Top, left, bottom and right in pixels of the source images, whole ones, cut off at their edges."""
        layer = np.searchsorted(self.state.population.edges, unit, "right") - 1
        rows, columns = self._windows("rows"), self._windows("columns")
        tall, wide = rows[0][rows[1][layer] + y], columns[0][columns[1][layer] + x]
        origin, scale = self._inputs
        size = np.stack([self.images["height"], self.images["width"]], 1)[row]
        low = np.floor(origin[row] + scale[row] * np.stack([tall[:, 0], wide[:, 0]], 1) + 1e-6)
        high = np.ceil(origin[row] + scale[row] * np.stack([tall[:, 1], wide[:, 1]], 1) - 1e-6)
        low, high = low.clip(0, size - 1).astype(np.int32), high.clip(1, size).astype(np.int32)
        return [low[:, 0], low[:, 1], high[:, 0], high[:, 1]]

    def _windows(self, axis: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """What every row, or column, of every layer's maps sees, (n, 2), and where each layer begins."""
        parts = [np.array(self.state.fields[name][axis], np.int64) for name, _, _ in self.state.ledger.layers]
        return np.concatenate(parts), np.cumsum([0, *(len(part) for part in parts[:-1])])

    @cached_property
    def _inputs(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the network's input lies in each image: its origin and the size of its pixels, (images, 2), y and x."""
        preprocessing = Preprocessing.of(self.state.ledger.preprocessing)
        views = (number in self.state.images.views for number in self.images["number"].tolist())
        kinds = list(zip(self.images["height"].tolist(), self.images["width"].tolist(), views, strict=True))
        known = {(h, w, view): preprocessing.to_source((h, w), (0, 0, 1, 1), view) for h, w, view in set(kinds)}
        ends = np.array([known[kind] for kind in kinds], np.float64).reshape(-1, 4)
        return ends[:, [1, 0]], ends[:, [3, 2]] - ends[:, [1, 0]]
