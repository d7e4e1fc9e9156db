"""What a change of a picture does to the units of a network, beside what noise of the same size does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..base.image import Image
from ..base.pixels import Floats, Ints
from .tabled import Tabled

COUNTED, DEAD, CONSTANT = 0, 1, 2  # what is known of a unit
MOVED = 1.0  # of the spread over the data set: what moves by more has moved


@dataclass(frozen=True, eq=False, kw_only=True)
class FlippedUnits(Tabled):
    """How far the units of layers move from one picture to another, in units of their spread over a data set.

    All units of `layers` stand side by side, those of layer i from `edges[i]` to `edges[i + 1]`. `values` (units,) is
    the difference of the responses `after` and `before` over the `spread`; 0 where `state` says that a unit is dead (1)
    or constant (2) over the data set, so that it has no measure. `noisy` (draws, units) are the responses to the
    controls, and `high` the 95th percentile over the data set. `apart` (layers,) is how far all activations of a layer
    are from those of the first picture, over their norm, and `noisy_apart` (draws, layers) that of the controls. `seen`
    and `seen_changed` are the pictures the network was given, (H, W, 3) uint8.
    """

    image: Image
    seen: NDArray[np.uint8]
    seen_changed: NDArray[np.uint8]
    layers: tuple[str, ...]
    edges: Ints
    before: Floats
    after: Floats
    noisy: Floats
    spread: Floats
    high: Floats
    state: NDArray[np.int8]
    apart: Floats
    noisy_apart: Floats

    @property
    def control(self) -> Floats:
        """The differences the controls make, (draws, units), as `values` has them."""
        return np.where(self.state == COUNTED, (self.noisy - self.before) / self.spread, 0).astype(np.float32)

    @property
    def flipped(self) -> NDArray[np.int8]:
        """Which units cross their 95th percentile, (units,): 1 upwards, -1 downwards, 0 not."""
        return self._crossed(self.after)

    @property
    def control_flipped(self) -> NDArray[np.int8]:
        """The same of the controls, (draws, units)."""
        return self._crossed(self.noisy)

    @property
    def table(self) -> pa.Table:
        """A row a unit: `layer`, `channel`, `before`, `after`, `spread`, `high`, `difference`, `control`, `flipped` ….

        `control` is the root mean square of the differences that the controls make, `control_flipped` how many of them
        flip the unit. `flipped` is on, off or null; `state` is null, dead or constant: then there is no difference.
        """
        counted, count = self.state == COUNTED, np.diff(self.edges)
        names = np.repeat(np.array(self.layers, object), count)
        numbers = np.arange(self.edges[-1]) - np.repeat(self.edges[:-1], count)
        columns = {"layer": pa.array(names, pa.string()), "channel": pa.array(numbers, pa.int32())}
        columns |= {name: pa.array(getattr(self, name)) for name in ("before", "after", "spread", "high")}
        columns["difference"] = pa.array(self.values, mask=~counted)
        columns["control"] = pa.array(np.sqrt((self.control**2).mean(0)), mask=~counted)
        columns["flipped"] = _words(self.flipped, {1: "on", -1: "off"})
        columns["control_flipped"] = pa.array((self.control_flipped != 0).sum(0), pa.int32(), mask=~counted)
        return pa.table({**columns, "state": _words(self.state, {DEAD: "dead", CONSTANT: "constant"})})

    @property
    def by_layer(self) -> pa.Table:
        """A row a layer: how many units there are, and which share of those with a measure moved, and flipped.

        `moved` is the share whose difference is above 1 either way, `apart` how far all activations are from those of
        the first picture; `control_…` are the means over the controls, and `…_deviation` how these differ.
        """
        return pa.Table.from_pylist([self._row(number) for number in range(len(self.layers))])

    @property
    def strongest(self) -> Ints:
        """The units that flipped, by their place among all: what fewest controls flip first, then the most moved."""
        found = np.flatnonzero(self.flipped)
        by_chance = (self.control_flipped[:, found] != 0).sum(0)
        return np.asarray(found[np.lexsort((-np.abs(self.values[found]), by_chance))], np.int64)

    def named(self, unit: int) -> str:
        """The address of a unit, given its place among all."""
        layer = int(np.searchsorted(self.edges, unit, "right")) - 1
        return f"{self.layers[layer]}:{unit - self.edges[layer]}"

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the numbers of each layer."""
        return {**super().summary(), "layers": self.by_layer.to_pylist()}

    def _row(self, number: int) -> dict[str, Any]:
        own = slice(*self.edges[number : number + 2])
        counted = self.state[own] == COUNTED
        flips, chance = self.flipped[own], self.control_flipped[:, own]
        moved = _share(np.abs(self.values[own]) > MOVED, counted)
        by_chance = _share(np.abs(self.control[:, own]) > MOVED, counted)
        noisy_apart = self.noisy_apart[:, number]
        return {
            "layer": self.layers[number],
            "units": int(counted.sum()),
            "dead": int((self.state[own] == DEAD).sum()),
            "constant": int((self.state[own] == CONSTANT).sum()),
            "moved": float(moved),
            "control_moved": float(by_chance.mean()),
            "control_moved_deviation": float(by_chance.std()),
            "on": int((flips > 0).sum()),
            "off": int((flips < 0).sum()),
            "control_on": float((chance > 0).sum(1).mean()),
            "control_off": float((chance < 0).sum(1).mean()),
            "apart": float(self.apart[number]),
            "control_apart": float(noisy_apart.mean()),
            "control_apart_deviation": float(noisy_apart.std()),
        }

    def _crossed(self, after: Floats) -> NDArray[np.int8]:
        up, down = (self.before <= self.high) & (after > self.high), (self.before > self.high) & (after <= self.high)
        return np.where(self.state == COUNTED, up.astype(np.int8) - down, 0).astype(np.int8)


def _share(which: NDArray[np.bool_], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(which[..., counted].sum(-1) / max(1, counted.sum()))


def _words(numbers: NDArray[np.int8], words: dict[int, str]) -> pa.Array:
    return pa.array([words.get(number) for number in numbers.tolist()], pa.string())
