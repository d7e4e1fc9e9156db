"""Where planes and wires of a network lie in space: levels along, lanes across, skips in arcs above. Pure arithmetic.

The same numbers serve the flat page: a plane is as long along as it is wide across, so nothing overlaps in either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..workspace.kept_graph import Inputs
from .folding import Shapes
from .lanes import lanes_of, longest_levels

_PER_DOUBLING = 0.14  # of the side of a plane, for twice as many numbers
_GAP, _LANE_GAP, _ABOVE, _RISE = 0.5, 0.6, 0.35, 0.45
_ROW, _CELL = 32, 0.16  # so many units without places, at most, make one row; of cells at least so wide
Point = tuple[float, float, float]  # along, across, up


@dataclass(frozen=True)
class Plane:
    """Where a layer is: its middle `along` and `across`, its size, and how its channels are arranged, row by row."""

    level: int
    lane: int
    along: float
    across: float
    width: float
    height: float
    columns: int
    rows: int


@dataclass(frozen=True)
class Wire:
    """From a layer to one that reads it, by way of some points."""

    source: str
    target: str
    skips: bool
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Placed:
    """A network in space."""

    planes: dict[str, Plane]
    wires: tuple[Wire, ...]


def network_layout(shapes: Shapes, inputs: Inputs) -> Placed:
    """Lay out layers of these shapes, (C, H, W) or (C,) each, that read one another; inputs come before outputs."""
    numbers = {name: float(math.prod(shape)) for name, shape in shapes.items()}
    levels = longest_levels(inputs)
    lanes = lanes_of(inputs, levels, numbers)
    grids = {name: columns_and_rows(shapes[name]) for name in inputs}
    sizes = {name: _size(shapes[name], *grids[name]) for name in inputs}
    reach = {name: max(size) for name, size in sizes.items()}
    along = _positions({name: levels[name] for name in inputs}, reach, _GAP)
    across = _positions({name: lanes[name] for name in inputs}, reach, _LANE_GAP)
    planes = {
        name: Plane(levels[name], lanes[name], along[levels[name]], across[lanes[name]], *sizes[name], *grids[name])
        for name in inputs
    }
    ends = [(source, name) for name, read in inputs.items() for source in read]
    return Placed(planes, tuple(_wire(source, target, planes, along) for source, target in ends))


def columns_and_rows(shape: tuple[int, ...]) -> tuple[int, int]:
    """How the channels of a layer are arranged: as a square as far as it goes; few units without places in a row."""
    units, (height, width) = shape[0], shape[1:] if len(shape) == 3 else (1, 1)
    if height == width == 1 and units <= _ROW:
        return units, 1
    columns = min(units, max(1, math.ceil(math.sqrt(units * height / width))))
    return columns, -(-units // columns)


def _size(shape: tuple[int, ...], columns: int, rows: int) -> tuple[float, float]:
    """Width and height: the side of a square of that area grows with the logarithm of how many numbers there are."""
    tall, wide = shape[1:] if len(shape) == 3 else (1, 1)
    shape_of_all = columns * wide / (rows * tall)
    side = _PER_DOUBLING * math.log2(2 + math.prod(shape))
    if rows == 1 and tall == wide == 1:
        side = max(side, _CELL * math.sqrt(columns))
    return side * math.sqrt(shape_of_all), side / math.sqrt(shape_of_all)


def _positions(steps: Mapping[str, int], reach: Mapping[str, float], gap: float) -> dict[int, float]:
    """The middle of each level or lane, of which 0 is at 0, each as wide as the largest plane in it."""
    wide = dict.fromkeys(range(min(steps.values()), max(steps.values()) + 1), 0.0)
    for name, step in steps.items():
        wide[step] = max(wide[step], reach[name])
    ends, end = dict[int, float](), 0.0
    for step, width in wide.items():
        ends[step] = end + width / 2
        end += width + gap
    return {step: middle - ends[0] for step, middle in ends.items()}


def _wire(source: str, target: str, planes: Mapping[str, Plane], along: Mapping[int, float]) -> Wire:
    """Straight to the next level; in the lane of the branch that begins or ends with it; else in an arc above."""
    begin, end = planes[source], planes[target]
    first, last = (begin.along, begin.across, 0.0), (end.along, end.across, 0.0)
    if end.level - begin.level == 1:
        return Wire(source, target, False, (first, last))
    lane = next((lane for lane in (end.lane, begin.lane) if not _crosses(planes, begin.level, end.level, lane)), None)
    if lane is None:
        return Wire(source, target, True, _arc(begin, end, planes))
    across = end.across if lane == end.lane else begin.across
    between = ((along[begin.level + 1], across, 0.0), (along[end.level - 1], across, 0.0))
    return Wire(source, target, False, tuple(dict.fromkeys((first, *between, last))))


def _crosses(planes: Mapping[str, Plane], begin: int, end: int, lane: int) -> bool:
    return any(plane.lane == lane and begin < plane.level < end for plane in planes.values())


def _arc(begin: Plane, end: Plane, planes: Mapping[str, Plane]) -> tuple[Point, ...]:
    """From top to top, above all planes between them, the higher the further."""
    low, high = sorted((begin.lane, end.lane))
    under = [p.height / 2 for p in planes.values() if begin.level <= p.level <= end.level and low <= p.lane <= high]
    up = max(under) + _ABOVE + _RISE * math.log2(end.level - begin.level)
    ends = (begin.along, begin.across, begin.height / 2), (end.along, end.across, end.height / 2)
    lean = 0.25 * min(end.along - begin.along, 4.0)
    tops = ((begin.along + lean, begin.across, up), (end.along - lean, end.across, up))
    return ends[0], *tops, ends[1]
