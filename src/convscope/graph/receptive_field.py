"""Receptive fields: which part of the input a neuron can see, exactly, on the executed graph.

The executed graph is traced backwards, each axis and each channel by itself, with the places that really exist: what
lies in the padding of some map in between is not seen. `axis_map` says what operations look at along an axis,
`channel_map` what they do with channels, `operators` has a rule for each, `backtrack` walks. See
`docs/how/receptive-fields.md`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..base.errors import CannotExport
from ..base.receptive_field import Box, ReceptiveField, Status
from ..base.unit import Unit, UnitLike, parse
from ..network.isolation.parts import unwrap
from ..network.layers.layers import Layer
from .backtrack import AxisWindows, BackwardTrace, entangled, start_state, trace_back
from .dependency import Dependency, Map
from .operators import dependencies
from .trace import Graph, executed
from .window import Ints

if TYPE_CHECKING:
    from ..network.network import Network

Boxes: TypeAlias = Ints
Windows: TypeAlias = tuple[AxisWindows, AxisWindows]  # along y and x
Traced: TypeAlias = tuple[Graph, dict[str, Map], dict[str, list[Dependency]]]


@dataclass(frozen=True, eq=False)
class Field:
    """What the neurons of a layer can see: those in row y input rows rows[y], first and last-exclusive, (H, 2).

    Cut off at the edges of the input; `columns` (W, 2) likewise. `status` as of a ReceptiveField, gates counted in.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    status: Status

    def boxes(self, positions: Ints) -> Boxes:
        """Top, left, bottom and right of neurons at `positions` (n, 2), y and x."""
        return boxes(self.rows[positions[:, 0]], self.columns[positions[:, 1]])


def boxes(rows: Ints, columns: Ints) -> Boxes:
    """Top, left, bottom and right, given the windows along both axes; all 0 where one of these is empty."""
    found = np.stack([rows[:, 0], columns[:, 0], rows[:, 1], columns[:, 1]], 1)
    return found * (found[:, :2] < found[:, 2:]).all(1, keepdims=True)


def layer_field(net: Network, layer: str, gates: bool = False) -> Field:
    """The windows of all neurons of a layer, with or without what they see through gates only (for crops: without).

    Raises CannotExport where the graph cannot be found.
    """
    return layer_fields(net, [layer], gates)[layer]


def layer_fields(net: Network, layers: Sequence[str], gates: bool = False) -> dict[str, Field]:
    """The windows of all neurons of several layers, on one graph; see `layer_field`."""
    traced = _traced(net, layers) if layers else None
    found = {layer: neuron_windows(net, Unit(layer), traced) for layer in layers}
    return {layer: _field(formal, formal if gates else local) for layer, (formal, local) in found.items()}


def _field(formal: Windows, told: Windows) -> Field:
    whole = all(axis.full.all() for axis in formal)
    return Field(told[0].seen, told[1].seen, _status(formal, whole))


def receptive_boxes(net: Network, layer: str, positions: Ints) -> Boxes:
    """Top, left, bottom and right (exclusive) of what neurons at `positions` (n, 2), y and x, can see, (n, 4).

    Cut off at the edges of the input, gates ignored. Behind an operation that looks at everything it is the whole
    input. Raises CannotExport where the graph cannot be found.
    """
    return layer_field(net, layer).boxes(positions)


def neuron_windows(net: Network, unit: Unit, traced: Traced | None = None) -> tuple[Windows, Windows]:
    """Along y and x, what each neuron of a unit's layer or channel can see: with gates, and without.

    `traced` may be a graph that has the unit's layer among its outputs.
    """
    row, (graph, maps, found) = net.layers[unit.source], traced or _traced(net, [unit.source])
    value = graph.outputs[unit.source]
    if value not in maps:  # depends on nothing in the image
        raise CannotExport(f"{unit.source} of {net.name} does not depend on the image.")
    source, channels = maps[value], len(row.shape) if row.layout == "NHWC" else 1
    if not _known(source, row):
        bound = _anything(net, row, 0), _anything(net, row, 1)
        return bound, bound

    def walked(axis: int, gates: bool) -> AxisWindows:
        return trace_back(maps, found, value, start_state(source, axis, unit.channel, channels), axis, gates)

    formal = walked(0, True), walked(1, True)
    gated = any(axis.trace.gated for axis in formal)
    return formal, (walked(0, False), walked(1, False)) if gated else formal


def _traced(net: Network, layers: Sequence[str]) -> Traced:
    graph = executed(net, *layers)
    return graph, *dependencies(graph, graph.weights(unwrap(net.module)))


def _known(found: Map, row: Layer) -> bool:
    """Whether the places of a layer are where its layout says; of a single place it does not matter."""
    expected = {"NCHW": (2, 3), "NHWC": (1, 2)}.get(row.layout)
    return found.places == expected or (found.places == (None, None) and math.prod(row.shape[1:]) == 1)


def _anything(net: Network, row: Layer, number: int) -> AxisWindows:
    """For a layer whose places were lost on the way: each of them sees no more than everything."""
    size = net.preprocessing.size[number]
    whole = np.tile(np.array([0, size]), (row.shape[1 + number] if len(row.shape) == 3 else 1, 1))
    return AxisWindows(whole, whole, size, BackwardTrace(whole=True, bound=True))


def receptive_field(net: Network, address: UnitLike) -> ReceptiveField:
    """What a unit can see; of a layer or channel, the neuron in the middle of the map.

    Where the module's graph cannot be found it is bounded by the whole input.
    """
    from .effective_field import measured

    unit = net.unit(parse(address, net.labels))
    shape = net.layers[unit.source].shape
    y, x = unit.position or ((shape[1] // 2, shape[2] // 2) if len(shape) == 3 else (0, 0))
    later = partial(measured, net, unit, np.array([[y, x]]))
    height, width = net.preprocessing.size
    try:
        formal, local = neuron_windows(net, unit)
    except CannotExport:
        whole = (0, 0, height, width)
        return ReceptiveField(unit, (height, width), whole, whole, "upper bound", whole, later)
    status = _status(formal, bool(formal[0].full[y] and formal[1].full[x]))
    box, inside = (_box(both[0].seen[y], both[1].seen[x]) for both in (formal, local))
    unclipped = _box(formal[0].unclipped[y], formal[1].unclipped[x])
    size = unclipped[2] - unclipped[0], unclipped[3] - unclipped[1]
    return ReceptiveField(unit, size, box, unclipped, status, inside, later)


def _status(both: Windows, whole: bool) -> Status:
    y, x = (axis.trace for axis in both)
    if y.bound or x.bound or entangled(y, x):
        return "upper bound"
    return "whole input" if whole else "exact"


def _box(rows: Ints, columns: Ints) -> Box:
    top, left, bottom, right = boxes(rows[None], columns[None])[0].tolist()
    return top, left, bottom, right
