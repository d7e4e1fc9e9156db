"""How the layers of a network hang together: which of them read what others put out, from the executed graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from ..base.errors import CannotExport
from .operators import ELEMENTWISE
from .trace import INPUT, Call, Graph, executed

if TYPE_CHECKING:
    from ..network.network import Network


Passing = Literal["same", "each by itself"]
_EACH_BY_ITSELF = ELEMENTWISE | {"batch_norm", "prelu"}
_MOVING = {"view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"}


def layer_graph(net: Network) -> dict[str, tuple[str, ...]]:
    """The earlier layers whose outputs each layer reads; where no graph can be found, each reads the one before."""
    names = list(net.layers)
    try:
        return layer_inputs(executed(net, *names), names)
    except CannotExport:
        return {name: tuple(names[at - 1 : at]) for at, name in enumerate(names)} | {names[0]: ()}


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


def passing_layers(net: Network) -> dict[str, Passing] | None:
    """The layers that only pass on what one other layer puts out; None where no graph can be found.

    "same": the value of an earlier layer, as a block and the last layer in it have; "each by itself": a norm, a
    rectifier or another function of each of its numbers alone, or these in another shape.
    """
    names = list(net.layers)
    try:
        return passed_on(executed(net, *names), names)
    except CannotExport:
        return None


def passed_on(graph: Graph, names: list[str]) -> dict[str, Passing]:
    """Those of `names`, in their order, that only pass on a value; see `passing_layers`."""
    calls = {call.name: call for call in graph.calls}
    known, found = {INPUT}, dict[str, Passing]()
    for name in names:
        value = graph.outputs[name]
        if name != "input" and value in known:
            found[name] = "same"
        elif _each_by_itself(value, known, calls, graph):
            found[name] = "each by itself"
        known.add(value)
    return found


def _each_by_itself(value: str, known: set[str], calls: dict[str, Call], graph: Graph) -> bool:
    while value not in known:
        call = calls[value]
        read = {ref for ref in call.refs if ref not in graph.tensors}
        if len(read) != 1 or call.kind not in _EACH_BY_ITSELF | _MOVING:
            return False
        (value,) = read
    return True
