"""The subject of an inversion: one layer, several of them, or some spread over the depth of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.errors import BadKnob
from ...base.unit import Unit, UnitLike, spanning
from ...network.layers.layers import Layer
from ...network.network import Network

_MOST = 6  # layers of a strip
_SATURATING = ("ReLU6", "Hardtanh", "Hardsigmoid", "Sigmoid", "Tanh")


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


def spread_layers(net: Network) -> list[str]:
    """At most six layers over the depth of a network: the last at each size of map, of the outermost modules.

    Where there are fewer sizes, some between them too. Layers that saturate are avoided, and those left out
    that need weights the file did not hold; raises BadWeights where these are all.
    """
    rows = list(net.layers.values())
    net.check_trained([rows[1].name])
    end = next((i for i, row in enumerate(rows) if row.name in net.untrained), len(rows))
    best: dict[tuple[int, ...], tuple[int, int]] = {}
    for i in range(1, end):
        size, inner = rows[i].shape[1:], rows[i].name.count(".") + _saturates(rows[i - 1], rows[i])
        size = () if max(size, default=1) == 1 else size
        best[size] = min(best.get(size, (inner, -i)), (inner, -i))
    found = _filled(sorted(-i for _, i in best.values()), [row.name for row in rows])
    chosen = np.linspace(0, len(found) - 1, min(_MOST, len(found))).round().astype(int)
    return [rows[found[i]].name for i in chosen]


def _saturates(before: Layer, row: Layer) -> bool:
    """Whether a layer, or what runs last inside it, has slopes at some activations only."""
    return row.kind in _SATURATING or (before.name.startswith(f"{row.name}.") and before.kind in _SATURATING)


def _filled(found: list[int], names: list[str]) -> list[int]:
    """Numbers of layers, with more from the widest gaps, of the outermost modules there, until there are enough."""
    while len(found) < _MOST:
        gap, before = max(((b - a, a) for a, b in zip([0, *found], found, strict=False)), default=(0, 0))
        if gap < 2:
            break
        middle = before + gap / 2
        between = np.arange(before + 1, before + gap).tolist()
        found = sorted([*found, min(between, key=lambda i: (names[i].count("."), abs(i - middle)))])
    return found
