"""Which layers share a plane: those that only pass on what another layer puts out are folded into its plane."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ...graph.layer_graph import Passing
from ..workspace.kept_graph import Inputs

Shapes = Mapping[str, tuple[int, ...]]


def folded(
    inputs: Inputs, passing: Mapping[str, Passing], shapes: Shapes, idle: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """The layers of each plane, by the one whose values it shows: the last of those that have as many axes as any.

    A plane is named by one that is `idle`, as it does nothing, only where there is no other. A layer that works on each
    number by itself joins the plane of its input where nobody else reads that.
    """
    readers = _readers(inputs)
    groups = dict[str, list[str]]()  # of each layer
    for name, read in inputs.items():
        group = groups[read[0]] if len(read) == 1 and read[0] != "input" else []
        outside = {reader for member in group for reader in readers[member]} - {*group}
        kind = passing.get(name)
        joins = group and (kind == "same" or (kind is not None and outside == {name}))
        groups[name] = group if joins else []
        groups[name].append(name)
    planes = {id(group): group for group in groups.values()}.values()
    return {_shown(group, shapes, idle): tuple(group) for group in planes}


def between(planes: Mapping[str, tuple[str, ...]], inputs: Inputs) -> Inputs:
    """The planes whose values each plane reads, both by the layer that is shown; input comes before output."""
    shown = {member: name for name, members in planes.items() for member in members}
    found: Inputs = {}
    for name, members in planes.items():
        read = dict.fromkeys(shown[layer] for member in members for layer in inputs[member])
        found[name] = tuple(other for other in read if other != name)
    return found


def blocks_of_chain(shapes: Shapes) -> dict[str, Passing]:
    """In a chain, which is all there is without a graph: blocks that come after a part of theirs of the same shape."""
    found, before = dict[str, Passing](), ""
    for name, shape in shapes.items():
        if before.startswith(f"{name}.") and shapes[before] == shape:
            found[name] = "same"
        before = name
    return found


def _readers(inputs: Inputs) -> dict[str, list[str]]:
    found = {name: list[str]() for name in inputs}
    for name, read in inputs.items():
        for other in read:
            found[other].append(name)
    return found


def _shown(group: list[str], shapes: Shapes, idle: Collection[str]) -> str:
    most = max(len(shapes[name]) for name in group)
    suited = [name for name in group if len(shapes[name]) == most]
    return ([name for name in suited if name not in idle] or suited)[-1]
