"""What the units of a box are called: by the layer whose output they are, as everywhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ..graph.trace import INPUT, Graph, Ref
from ..network.network import Network
from .boxes import BoxGraph, FlowBox

_IDLE = {"Identity", "Dropout", "Sequential"}


def box_names(net: Network, graph: Graph, boxes: BoxGraph, end: str) -> dict[str, str]:
    """The layer of each box, by its last value; `end` is that of the last box.

    It is the layer that puts that value out, else the last one inside of the box. Where there is none, as at an earlier
    run of a module that is used several times, it is the name of the module whose weights are used, with the number of
    that use behind #: no address.
    """
    layers: dict[str, list[str]] = {}
    for layer, value in graph.outputs.items():
        layers.setdefault(value, []).append(layer)
    uses = _uses(graph, boxes)
    found = {box.end: _layer(net, layers, box) or uses.get(box.end, box.end) for box in boxes.boxes[1:]}
    return {INPUT: "input", **found, boxes.root.end: end}


def _layer(net: Network, layers: Mapping[str, list[str]], box: FlowBox) -> str | None:
    """The outermost layer that puts out the last value of a box, or the last one inside of it that a layer puts out.

    Sequences of layers and what does nothing are named where there is no other.
    """
    made = [one.name for one in sorted(box.operations, key=lambda one: one.number, reverse=True)]
    for value in made:
        names = [name for name in layers.get(value, ()) if net.layers[name].units == box.count]
        if names:
            return min(names, key=lambda name: (net.layers[name].kind in _IDLE, name.count(".")))
    return None


def _uses(graph: Graph, boxes: BoxGraph) -> dict[str, str]:
    """The module and the number of its use, where a box has weights."""
    times: Counter[str] = Counter()
    found: dict[str, str] = {}
    for operation in boxes.operations:
        box = boxes.box_of(operation.name) if operation.name in boxes.holders else None
        weight = next((arg for arg in operation.call.args[1:2] if isinstance(arg, Ref)), None)
        tensor = graph.tensors.get(weight.name) if weight is not None else None
        if box is not None and isinstance(tensor, str):
            module = tensor.rpartition(".")[0]
            times[module] += 1
            found.setdefault(box.end, f"{module}#{times[module]}")
    return found
