"""Receptive fields: which part of the input a unit can see, and how much of it matters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import CannotExport
from ..base.pixels import Ints
from ..base.receptive_field import Box, ReceptiveField
from ..base.unit import UnitLike, parse
from .effective_field import measured
from .neuron_windows import boxes, field_status, neuron_windows

if TYPE_CHECKING:
    from ..network.network import Network


def receptive_field(net: Network, address: UnitLike) -> ReceptiveField:
    """What a unit can see; of a layer or channel, the neuron in the middle of the map.

    Where the module's graph cannot be found it is bounded by the whole input.
    """
    unit = net.unit(parse(address, net.labels))
    shape = net.layers[unit.source].shape
    y, x = unit.position or ((shape[1] // 2, shape[2] // 2) if len(shape) == 3 else (0, 0))
    later = partial(measured, net, unit, np.array([[y, x]]))
    height, width = net.preprocessing.size
    try:
        formal, local = neuron_windows(net, unit)
    except CannotExport:
        whole = (0, 0, height, width)
        return ReceptiveField(unit, (height, width), whole, whole, "upper bound", whole, later)
    status = field_status(formal, bool(formal[0].full[y] and formal[1].full[x]))
    box, inside = (_box(both[0].seen[y], both[1].seen[x]) for both in (formal, local))
    unclipped = _box(formal[0].unclipped[y], formal[1].unclipped[x])
    size = unclipped[2] - unclipped[0], unclipped[3] - unclipped[1]
    return ReceptiveField(unit, size, box, unclipped, status, inside, later)


def _box(rows: Ints, columns: Ints) -> Box:
    top, left, bottom, right = boxes(rows[None], columns[None])[0].tolist()
    return top, left, bottom, right
