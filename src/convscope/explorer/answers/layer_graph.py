"""How the layers of a network hang together, and what of the image their neurons see: both from the executed graph.

Finding them takes seconds, so they are kept in the store under the network's digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...base.errors import CannotExport
from ...base.receptive_field import Status
from ...base.version import VERSION
from ...graph.receptive_field import layer_fields
from ...graph.trace import INPUT, Graph, executed
from ...network.network import Network
from ...store import Store

_PART = "wiring"


@dataclass(frozen=True, eq=False)
class Seen:
    """What a layer's neurons see: those of row y input rows rows[y], first and last-exclusive; `columns` likewise."""

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    status: Status


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """Of each layer: the earlier layers whose outputs it reads, and what its neurons see."""

    inputs: dict[str, tuple[str, ...]]
    fields: dict[str, Seen]

    def seen(self, net: Network, layer: str) -> Seen:
        """What a layer's neurons see; of what a function puts out it is found when it is first asked for."""
        if layer not in self.fields:
            self.fields.update(_fields(net, [layer]))
        return self.fields[layer]


def layer_graph(net: Network, store: Store) -> LayerGraph:
    """The wiring of a network. Where its graph cannot be found each layer reads the one before, and sees everything."""
    key = hashlib.sha256(f"{net.digest} {VERSION}".encode()).hexdigest()
    kept = store.get(key, _PART)
    if kept is not None:
        return _from_json(kept)
    found = _found(net)
    store.put(key, _PART, _to_json(found))
    return found


def _found(net: Network) -> LayerGraph:
    names = list(net.layers)
    try:
        inputs = layer_inputs(executed(net, *names), names)
    except CannotExport:
        inputs = {name: tuple(names[at - 1 : at]) for at, name in enumerate(names)} | {names[0]: ()}
    return LayerGraph(inputs, _fields(net, names))


def _fields(net: Network, names: list[str]) -> dict[str, Seen]:
    try:
        found = layer_fields(net, names)
    except CannotExport:
        return {name: _everything(net, name) for name in names}
    seen = {name: (f.rows.astype(np.int32), f.columns.astype(np.int32)) for name, f in found.items()}
    return {name: Seen(*both, found[name].status) for name, both in seen.items()}


def layer_inputs(graph: Graph, names: list[str]) -> dict[str, tuple[str, ...]]:
    """The earlier layers, of `names` in their order, whose outputs each of them reads.

    Several layers may put out the same value, as a block and the last layer in it: each of these reads the one before,
    and whoever reads the value reads the last of them that comes earlier. So all layers lie on the way.
    """
    calls = {call.name: call for call in graph.calls}
    owners: dict[str, str] = {INPUT: "input"}  # of each value, the last layer so far that puts it out
    found: dict[str, tuple[str, ...]] = {}

    def read(value: str) -> Iterator[str]:
        waiting, known = [value], {value}
        while waiting:
            for ref in calls[waiting.pop()].refs:
                if ref in owners:
                    yield owners[ref]
                elif ref in calls and ref not in known:
                    known.add(ref)
                    waiting.append(ref)

    for name in names:
        value = graph.outputs[name]
        own = () if name == "input" else (owners[value],) if value in owners else tuple(dict.fromkeys(read(value)))
        found[name] = tuple(sorted(own, key=names.index))
        owners[value] = name
    return found


def _everything(net: Network, name: str) -> Seen:
    shape = net.layers[name].shape
    places = shape[1:] if len(shape) == 3 else (1, 1)
    rows, columns = (
        np.tile(np.array([0, size], np.int32), (count, 1))
        for size, count in zip(net.preprocessing.size, places, strict=True)
    )
    return Seen(rows, columns, "upper bound")


def _to_json(made: LayerGraph) -> bytes:
    fields = {name: [seen.rows.tolist(), seen.columns.tolist(), seen.status] for name, seen in made.fields.items()}
    return json.dumps({"inputs": made.inputs, "fields": fields}).encode()


def _from_json(data: bytes) -> LayerGraph:
    told = json.loads(data)
    inputs = {name: tuple(layers) for name, layers in told["inputs"].items()}
    fields = {
        name: Seen(np.array(rows, np.int32), np.array(columns, np.int32), status)
        for name, (rows, columns, status) in told["fields"].items()
    }
    return LayerGraph(inputs, fields)
