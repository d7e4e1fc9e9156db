"""How a change of a picture reaches a class, layer by layer: shares of units that add up to what the score changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..base.image import Image
from ..base.pixels import Floats, Ints
from .tabled import Tabled


@dataclass(frozen=True, eq=False, kw_only=True)
class MarginPath(Tabled):
    """What the units of each layer contribute to the change of a value, such as a margin, from one picture to another.

    All units of `layers` stand side by side, those of layer i from `edges[i]` to `edges[i + 1]`; `values` (units,) are
    their contributions. Those of a layer sum to `through` (layers,): by how much the value changes if that layer alone
    puts out what it does for the other picture. Where everything goes through the layer that is the whole `rise`, from
    `begin` to `end`. `pixels` (C, H, W) are the contributions of the pixels, in the network's normalized input space.
    `seen` and `seen_changed` are the pictures the network was given, (H, W, 3) uint8.
    """

    image: Image
    seen: NDArray[np.uint8]
    seen_changed: NDArray[np.uint8]
    layers: tuple[str, ...]
    edges: Ints
    through: NDArray[np.float64]
    begin: float
    end: float
    pixels: Floats

    @property
    def rise(self) -> float:
        """By how much the value changes from the first picture to the other."""
        return self.end - self.begin

    @property
    def sums(self) -> NDArray[np.float64]:
        """What the contributions of each layer sum to, (layers,)."""
        return np.array([self._own(number).sum(dtype=np.float64) for number in range(len(self.layers))])

    @property
    def table(self) -> pa.Table:
        """A row a unit: `layer`, `channel`, `contribution`."""
        count = np.diff(self.edges)
        names = np.repeat(np.array(self.layers, object), count)
        numbers = np.arange(self.edges[-1]) - np.repeat(self.edges[:-1], count)
        columns = {"layer": pa.array(names, pa.string()), "channel": pa.array(numbers, pa.int32())}
        return pa.table({**columns, "contribution": pa.array(self.values)})

    @property
    def by_layer(self) -> pa.Table:
        """A row a layer: its `sum`, of units `for` and `against` the change, and what is missing of it.

        `gap` is what the sum misses of what goes through the layer, and `beside` what goes other ways.
        """
        rows = zip(self.layers, self.sums.tolist(), self.through.tolist(), strict=True)
        return pa.Table.from_pylist([self._row(i, *row) for i, row in enumerate(rows)])

    def top(self, layer: str, count: int = 3) -> list[tuple[int, float]]:
        """The channels of a layer that contribute most either way, most first, with their contributions."""
        own = self._own(self.layers.index(layer))
        order = np.argsort(-np.abs(own), kind="stable")[: min(count, np.count_nonzero(own))]
        return [(int(channel), float(own[channel])) for channel in order]

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the numbers of each layer."""
        told = {"begin": self.begin, "end": self.end, "rise": self.rise}
        return {**super().summary(), **told, "layers": self.by_layer.to_pylist()}

    def _own(self, number: int) -> Floats:
        return self.values[slice(*self.edges[number : number + 2])]

    def _row(self, number: int, layer: str, total: float, through: float) -> dict[str, Any]:
        own = self._own(number).astype(np.float64)
        return {
            "layer": layer,
            "units": len(own),
            "sum": total,
            "for": float(own[own > 0].sum()),
            "against": float(own[own < 0].sum()),
            "gap": total - through,
            "beside": self.rise - through,
        }
