"""How the layers of a network hang together and what their neurons see: found in seconds, and kept in the store."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.errors import CannotExport
from ...base.version import VERSION
from ...graph.layer_graph import Passing, layer_graph, passing_layers
from ...graph.neuron_windows import Field, layer_field, layer_fields, remember
from ...network.network import Network
from ...store import Store

_PART = "layers"
Inputs = dict[str, tuple[str, ...]]  # of each layer: the earlier layers whose outputs it reads


@dataclass(frozen=True)
class Wiring:
    """What each layer reads, and which only pass that on; `passing` is None where no graph can be found."""

    inputs: Inputs
    passing: dict[str, Passing] | None


def kept_graph(net: Network, store: Store) -> Wiring:
    """How layers hang together, found now or kept under the network's digest; what neurons see is known from here."""
    key = hashlib.sha256(f"{net.digest} {VERSION}".encode()).hexdigest()
    kept = store.get(key, _PART)
    if kept is not None:
        return _taken_up(net, json.loads(kept))
    wiring, fields = Wiring(layer_graph(net), passing_layers(net)), dict[str, Field]()
    with suppress(CannotExport):
        fields = layer_fields(net, list(net.layers))
    store.put(key, _PART, _written(wiring, fields))
    return wiring


def field_of(net: Network, layer: str) -> Field:
    """What the neurons of a layer see; where no graph can be found, no more than everything."""
    try:
        return layer_field(net, layer)
    except CannotExport:
        shape, (height, width) = net.layers[layer].shape, net.preprocessing.size
        tall, wide = shape[1:] if len(shape) == 3 else (1, 1)
        return Field(np.tile([0, height], (tall, 1)), np.tile([0, width], (wide, 1)), "upper bound")


def _written(wiring: Wiring, fields: dict[str, Field]) -> bytes:
    told = {name: [field.rows.tolist(), field.columns.tolist(), field.status] for name, field in fields.items()}
    return json.dumps({"inputs": wiring.inputs, "passing": wiring.passing, "fields": told}).encode()


def _taken_up(net: Network, told: dict[str, Any]) -> Wiring:
    fields = told["fields"].items()
    remember(net, {name: Field(np.array(rows), np.array(columns), status) for name, (rows, columns, status) in fields})
    return Wiring({name: tuple(map(str, layers)) for name, layers in told["inputs"].items()}, told["passing"])
