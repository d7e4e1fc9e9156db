"""The subject of an inversion: one layer, several of them, or some spread over the depth of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...base.errors import BadKnob
from ...base.unit import Unit, UnitLike, spanning
from ...network.layer_choice import spread_layers
from ...network.network import Network


@dataclass(frozen=True)
class Depths:
    """Layers that a request names, in the order of execution."""

    layers: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join(self.layers)

    @property
    def unit(self) -> Unit:
        """The layer, if it is one."""
        return spanning(self.layers)


def read_depths(net: Network, given: UnitLike | Sequence[UnitLike] | Depths) -> Depths:
    """One layer or several, in the order of execution; text may hold several with ; between them, or be `depth`.

    Raises UnknownLayer, UnknownUnit for the address of one channel, and BadKnob for no layer at all.
    """
    if isinstance(given, Depths):
        return given
    if isinstance(given, str) and given.strip() == "depth" and "depth" not in net.layers:
        return Depths(tuple(spread_layers(net)))
    several: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    names = {net.layer(part) for one in several for part in (one.split(";") if isinstance(one, str) else [one])}
    if not names:
        raise BadKnob("layer must be at least one layer, not an empty list. Name one, or ask for 'depth'.")
    return Depths(tuple(name for name in net.layers.including(*names) if name in names))
