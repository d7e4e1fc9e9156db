"""A network in space: its layers as planes and what reads what as wires, from the executed graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..workspace.space_messages import AskSpace, PlaneInfo, Space, WireInfo
from .folding import between, blocks_of_chain, folded
from .layout import network_layout

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

_IDLE = {"Identity", "Dropout", "Dropout2d"}
_CHAIN = "{} has no graph that can be found, so its layers stand one behind another as they are run."


def network_space(workspace: Workspace, ask: AskSpace) -> Space:
    """Where the layers of a network lie; raises UnknownNetwork."""
    loaded = workspace.loaded(ask.network)
    layers, wiring = loaded.net.layers, loaded.wiring
    shapes = {name: row.shape for name, row in layers.items()}
    idle = {name for name, row in layers.items() if row.kind in _IDLE}
    chain = wiring.passing is None
    passing = blocks_of_chain(shapes) if wiring.passing is None else wiring.passing
    planes = {name: (name,) for name in shapes} if ask.every else folded(wiring.inputs, passing, shapes, idle)
    inputs = between(planes, wiring.inputs)
    found = network_layout(
        {name: (1, *shapes[name][1:]) if name == "input" else shapes[name] for name in planes}, inputs
    )
    numbers = {name: number for number, name in enumerate(planes)}
    return Space(
        network=ask.network,
        planes=tuple(
            PlaneInfo(
                layer=name,
                kind=layers[planes[name][0]].kind,
                joined=planes[name],
                shape=shapes[name],
                **vars(found.planes[name]),
            )
            for name in planes
        ),
        wires=tuple(
            WireInfo(source=numbers[w.source], target=numbers[w.target], skips=w.skips, points=w.points)
            for w in found.wires
        ),
        told=_CHAIN.format(loaded.net.name) if chain else "",
    )
