"""How the layers of a network hang together: which of them read what others put out, from the executed graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..base.errors import CannotExport
from .trace import INPUT, Graph, executed

if TYPE_CHECKING:
    from ..network.network import Network


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
