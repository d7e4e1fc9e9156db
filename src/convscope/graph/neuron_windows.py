"""What each neuron of a layer can see, exactly: along y and along x, on the executed graph.

The graph is followed backwards, each axis and each channel by itself, with the places that really exist: what lies in
the padding of some map in between is not seen. `axis_map` says what operations look at along an axis, `channel_map`
what they do with channels, `operators` has a rule for each, `backtrack` walks. See `docs/how/receptive-fields.md`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..base.errors import CannotExport
from ..base.pixels import Ints
from ..base.receptive_field import Status
from ..base.unit import Unit
from ..network.isolation.parts import unwrap
from ..network.layers.layers import Layer
from .backtrack import AxisWindows, BackwardTrace, entangled, start_state, trace_back
from .dependency import Dependency, Map
from .operators import dependencies
from .trace import Graph, executed

if TYPE_CHECKING:
    from ..network.network import Family, Network

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


_FIELDS: WeakKeyDictionary[Family, dict[tuple[str, str, bool], Field]] = WeakKeyDictionary()  # by digest, layer, gates


def layer_field(net: Network, layer: str, gates: bool = False) -> Field:
    """The windows of all neurons of a layer, with or without what they see through gates only (for crops: without).

    Raises CannotExport where the graph cannot be found.
    """
    return layer_fields(net, [layer], gates)[layer]


def layer_fields(net: Network, layers: Sequence[str], gates: bool = False) -> dict[str, Field]:
    """The windows of all neurons of several layers, on one graph, each found once; see `layer_field`."""
    known, digest = _FIELDS.setdefault(net.family, {}), net.digest
    missing = [layer for layer in layers if (digest, layer, gates) not in known]
    traced = _traced(net, missing) if missing else None
    for layer in missing:
        formal, local = neuron_windows(net, Unit(layer), traced)
        known[digest, layer, gates] = _field(formal, formal if gates else local)
    return {layer: known[digest, layer, gates] for layer in layers}


def remember(net: Network, fields: Mapping[str, Field]) -> None:
    """Take what was found in another process for what `layer_fields` would find of this network."""
    known, digest = _FIELDS.setdefault(net.family, {}), net.digest
    known.update({(digest, layer, False): field for layer, field in fields.items()})


def _field(formal: Windows, told: Windows) -> Field:
    whole = all(axis.full.all() for axis in formal)
    return Field(told[0].seen, told[1].seen, field_status(formal, whole))


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


def field_status(both: Windows, whole: bool) -> Status:
    """How exact windows are; `whole`: whether they are the whole input."""
    y, x = (axis.trace for axis in both)
    if y.bound or x.bound or entangled(y, x):
        return "upper bound"
    return "whole input" if whole else "exact"
