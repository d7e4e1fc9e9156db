"""What an operation looks at along one axis of a map: which places exactly, and how far it would look without edges.

The first is a table of outputs and inputs, so that padding, dilation, uneven bins and places that nothing looks at need
no special case. The second is the arithmetic of Araujo, Norris and Sim 2019, "Computing receptive fields of
convolutional neural networks", which goes on beyond the edges: it gives the sizes that papers publish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..base.pixels import Ints
from .window import Reach

Array: TypeAlias = NDArray[Any]  # (positions, axes of a value…): seen or not, or ends; 0 where nothing is seen
Ends: TypeAlias = Callable[[Ints, Ints], tuple[Ints, Ints]]

_FAR = 1 << 40  # ends are kept as _FAR − low and _FAR + high: a maximum is then a hull, and 0 is nothing


@dataclass(frozen=True, eq=False)
class AxisMap:
    """`table` (outputs, inputs): who looks at whom; `ends`: the first and last input of outputs low to high.

    `whole`: looks at everything, so that how far it would look without edges has no meaning. Tables are made when they
    are needed, which they are not where only the windows of an operation are: of lite0's they take as long as its plan.
    """

    made: Callable[[], NDArray[np.bool_]]
    ends: Ends
    whole: bool = False

    @cached_property
    def table(self) -> NDArray[np.bool_]:
        """Who looks at whom, (outputs, inputs)."""
        return self.made()

    def seen(self, cells: Array, axis: int) -> Array:
        """Which inputs are looked at, given which outputs are."""
        found = np.moveaxis(cells, axis, -1).astype(np.float32) @ self.table.astype(np.float32)
        cells = np.moveaxis(found > 0, -1, axis)
        return cells

    def hull(self, ends: Array, axis: int) -> Array:
        """How far the inputs that are looked at reach, given how far the outputs do, which may have no axis."""
        there = ends.max(axis) > 0
        low, high = unpack_ends(ends, axis) if ends.shape[axis] == 2 else (there * 0, there * 0)
        found: Array = pack_ends(*self.ends(low, high), axis) * np.expand_dims(there, axis)
        return found


def pack_ends(low: Ints, high: Ints, axis: int) -> Array:
    """First and last places as a new axis of two."""
    return np.stack([_FAR - low, _FAR + high], axis)


def unpack_ends(ends: Array, axis: int) -> tuple[Ints, Ints]:
    """First and last places again."""
    low, high = np.moveaxis(ends, axis, 0)
    return _FAR - low, high - _FAR


def window(reach: Reach, inputs: int, outputs: int) -> AxisMap:
    """A convolution, a pooling, or padding with a constant."""

    def table() -> NDArray[np.bool_]:
        places = np.arange(outputs)[:, None] * reach.stride - reach.before + reach.dilation * np.arange(reach.kernel)
        return _table(places, inputs)

    return AxisMap(table, reach.sees)


def transposed(reach: Reach, inputs: int, outputs: int) -> AxisMap:
    """A transposed convolution: an output looks at the inputs whose window, in the forward direction, holds it."""

    def ends(low: Ints, high: Ints) -> tuple[Ints, Ints]:
        first, last = -((reach.span - 1 - low - reach.before) // reach.stride), (high + reach.before) // reach.stride
        return np.minimum(first, last), np.maximum(first, last)

    return AxisMap(lambda: window(reach, outputs, inputs).table.T, ends)


def bins(inputs: int, outputs: int) -> AxisMap:
    """Adaptive pooling: bin o holds inputs ⌊o·inputs/outputs⌋ to ⌈(o + 1)·inputs/outputs⌉, exclusive."""

    def ends(low: Ints, high: Ints) -> tuple[Ints, Ints]:
        return low * inputs // outputs, -(-(high + 1) * inputs // outputs) - 1

    def table() -> NDArray[np.bool_]:
        first, last = ends(np.arange(outputs), np.arange(outputs))
        places = np.arange(inputs)
        return (places >= first[:, None]) & (places <= last[:, None])

    return AxisMap(table, ends, whole=outputs == 1 < inputs)


def everything(inputs: int, outputs: int = 1) -> AxisMap:
    """Every output looks at every input."""
    ends = lambda low, high: (low * 0, high * 0 + inputs - 1)  # noqa: E731
    return AxisMap(lambda: np.ones((outputs, inputs), bool), ends, inputs > 1)


def same_for_all(outputs: int) -> AxisMap:
    """All outputs look at the only input: an axis that is broadcast."""
    return AxisMap(lambda: np.ones((outputs, 1), bool), lambda low, high: (low * 0, high * 0))


def picked(indices: Ints, inputs: int) -> AxisMap:
    """A slice, or one place: output o is input indices[o]."""
    step = int(indices[1] - indices[0]) if len(indices) > 1 else 1
    start = int(indices[0]) if len(indices) else 0
    return AxisMap(
        lambda: _table(indices[:, None], inputs), lambda low, high: (start + step * low, start + step * high)
    )


def mirrored(before: int, after: int, inputs: int, mode: str) -> AxisMap:
    """Padding that repeats places of the map: reflect, replicate or circular."""
    names: Any = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    indices = np.pad(np.arange(inputs), (before, after), mode=names)
    return AxisMap(lambda: _table(indices[:, None], inputs), lambda low, high: (low - before, high - before))


def interpolated(table: NDArray[np.bool_]) -> AxisMap:
    """Interpolation; beyond the edges it goes on as it does on the average."""
    outputs, inputs = table.shape
    first, last = table.argmax(1), inputs - 1 - table[:, ::-1].argmax(1)

    def ends(low: Ints, high: Ints) -> tuple[Ints, Ints]:
        inner, outer = np.clip(low, 0, outputs - 1), np.clip(high, 0, outputs - 1)
        return first[inner] + (low - inner) * inputs // outputs, last[outer] - (outer - high) * inputs // outputs

    return AxisMap(lambda: table, ends)


def grown(factor: int, inputs: int) -> AxisMap:
    """Pixel shuffle: `factor` outputs look at one input."""
    places = np.arange(inputs * factor) // factor
    return AxisMap(lambda: _table(places[:, None], inputs), lambda low, high: (low // factor, high // factor))


def _table(places: Ints, inputs: int) -> NDArray[np.bool_]:
    """Who looks at whom, given what places (outputs, k) each looks at, of which some may not exist."""
    table = np.zeros((len(places), inputs), bool)
    output, _ = np.nonzero((places >= 0) & (places < inputs))
    table[output, places[(places >= 0) & (places < inputs)]] = True
    return table
