"""Where everything of a circuit goes, in CSS pixels: columns of units, edges, and numbers that never meet.

The numbers of the edges into a unit stand one under another in a lane before it, as wide as the widest of all, and a
unit is given as much height as they need. So no two numbers meet, whatever the circuit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..render.fonts import font
from ..render.layout import DENSITY, WIDTH

Ink: TypeAlias = Literal["ink", "pale", "excites", "inhibits"]
SPAN = WIDTH - 20  # of the whole chart
TEXT, SMALL = 9, 8
_LINE, _NUMBER = 12, 11  # heights of a line of words, and of a number on an edge
_MOST = 64  # side of a unit's picture, at most
_THICK = 7  # of the strongest edge
_NUMBERED = 8  # edges into a unit that carry their number, the strongest
_GAP = 14  # between units


@dataclass(frozen=True, eq=False)
class DrawnUnit:
    """A unit: its column, its address, words under it, and pictures: its map, and the part of an image that drives it.

    `about` is what is told where the pointer rests.
    """

    column: int
    address: str
    words: tuple[str, ...]
    about: str
    pictures: tuple[NDArray[np.uint8] | None, ...]


@dataclass(frozen=True)
class DrawnEdge:
    """From one unit to another, by their numbers, with what it gives, and in `about` how that comes about."""

    source: int
    target: int
    value: float
    words: str
    about: str


@dataclass(frozen=True)
class Rectangle:
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Rectangle) -> bool:
        """Whether the two have a place in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True)
class Words:
    """A line of words in the middle of its box."""

    text: str
    box: Rectangle
    size: int
    ink: Ink


@dataclass(frozen=True, eq=False)
class PlacedUnit:
    """A unit with the boxes of its pictures, at least one, and its words."""

    unit: DrawnUnit
    boxes: tuple[Rectangle, ...]
    words: tuple[Words, ...]


@dataclass(frozen=True)
class PlacedEdge:
    """An edge as a curve that is level at both ends, with its number, if it has one; `share` is of the strongest."""

    edge: DrawnEdge
    start: tuple[float, float]
    end: tuple[float, float]
    share: float
    width: float
    number: Words | None

    @property
    def bends(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The two points that a cubic Bézier curve leans to."""
        half = (self.end[0] - self.start[0]) / 2
        return (self.start[0] + half, self.start[1]), (self.end[0] - half, self.end[1])


@dataclass(frozen=True, eq=False)
class CircuitLayout:
    """Everything of a circuit at its place; edges from the weakest to the strongest."""

    width: float
    height: float
    heads: tuple[Words, ...]
    units: tuple[PlacedUnit, ...]
    edges: tuple[PlacedEdge, ...]

    @property
    def words(self) -> tuple[Words, ...]:
        """All words there are."""
        own = [words for unit in self.units for words in unit.words]
        return (*self.heads, *own, *(edge.number for edge in self.edges if edge.number is not None))


def circuit_layout(heads: Sequence[str], units: Sequence[DrawnUnit], edges: Sequence[DrawnEdge]) -> CircuitLayout:
    """Units in columns with a head each, from left to right, and the edges between them."""
    frame = _Frame(heads, units, edges)
    placed = [frame.unit(number) for number in range(len(units))]
    order = sorted(range(len(edges)), key=lambda i: abs(edges[i].value))
    lanes = frame.lanes(placed)
    drawn = [frame.edge(placed, edges[i], lanes.get(i)) for i in order]
    return CircuitLayout(SPAN, frame.height, tuple(frame.heads), tuple(placed), tuple(drawn))


class _Frame:
    """The measures of a circuit: columns, lanes, rows."""

    def __init__(self, heads: Sequence[str], units: Sequence[DrawnUnit], edges: Sequence[DrawnEdge]) -> None:
        self._units, self._edges = units, edges
        self._strongest = max((abs(edge.value) for edge in edges), default=0.0) or 1.0
        into = [self._into(number) for number in range(len(units))]
        self._lane = max((_width(edge.words, SMALL) for edge in edges), default=0.0) + 6
        self._pitch = SPAN / len(heads)
        pictures = max((len(unit.pictures) for unit in units), default=1)
        self.side = min(_MOST, (self._pitch - self._lane - 6) / pictures)
        lines = max((len(unit.words) for unit in units), default=0)
        self._tall = max(self.side, max(map(len, into), default=0) * _NUMBER)
        self._step = self._tall + lines * _LINE + _GAP
        rows = [[i for i, unit in enumerate(units) if unit.column == column] for column in range(len(heads))]
        self._row = {number: (row, len(column)) for column in rows for row, number in enumerate(column)}
        self._most = max(map(len, rows), default=0)
        self.heads = [words for column, head in enumerate(heads) for words in self._head(column, head)]
        self._top = max((words.box.bottom for words in self.heads), default=0.0) + 6
        self.height = self._top + self._most * self._step - _GAP + 4

    def unit(self, number: int) -> PlacedUnit:
        unit, (row, count) = self._units[number], self._row[number]
        top = self._top + ((self._most - count) / 2 + row) * self._step
        width = self.side * len(unit.pictures)
        left = self._pitch * unit.column + self._lane + (self._pitch - self._lane - width) / 2
        high = top + (self._tall - self.side) / 2
        boxes = [
            Rectangle(left + i * self.side, high, left + (i + 1) * self.side, high + self.side)
            for i in range(len(unit.pictures))
        ]
        start = self._pitch * unit.column
        room = start + self._lane, start + self._pitch - 2
        words = [
            _words(text, left + width / 2, top + self._tall + 2 + i * _LINE, TEXT - i, "pale" if i else "ink", room)
            for i, text in enumerate(unit.words)
        ]
        return PlacedUnit(unit, tuple(boxes), tuple(words))

    def lanes(self, placed: Sequence[PlacedUnit]) -> dict[int, Words]:
        """The numbers of edges by the number of the edge, in the order in which their sources lie."""
        found: dict[int, Words] = {}
        for number, unit in enumerate(placed):
            own = sorted(self._into(number), key=lambda i: _height(placed[self._edges[i].source]))
            first = _height(unit) - len(own) * _NUMBER / 2
            for place, i in enumerate(own):
                edge, ink = self._edges[i], _ink(self._edges[i].value)
                width, right = _width(edge.words, SMALL), unit.boxes[0].left - 2
                top = first + place * _NUMBER
                found[i] = Words(edge.words, Rectangle(right - width, top, right, top + _NUMBER), SMALL, ink)
        return found

    def edge(self, placed: Sequence[PlacedUnit], edge: DrawnEdge, number: Words | None) -> PlacedEdge:
        source, target = placed[edge.source], placed[edge.target]
        if number is None:
            end = target.boxes[0].left, _height(target)
        else:
            end = number.box.left - 2, (number.box.top + number.box.bottom) / 2
        share = abs(edge.value) / self._strongest
        return PlacedEdge(edge, (source.boxes[-1].right, _height(source)), end, share, max(0.6, _THICK * share), number)

    def _into(self, number: int) -> list[int]:
        """The edges into a unit that carry their number."""
        own = [i for i, edge in enumerate(self._edges) if edge.target == number]
        return sorted(own, key=lambda i: -abs(self._edges[i].value))[:_NUMBERED]

    def _head(self, column: int, head: str) -> list[Words]:
        middle = self._pitch * (column + 0.5) + self._lane / 2
        room = self._pitch * column + 3, self._pitch * (column + 1) - 3
        return [
            _words(line, middle, 2 + i * _LINE, TEXT + (not i), "pale" if i else "ink", room)
            for i, line in enumerate(head.split("\n"))
        ]


def _words(text: str, middle: float, top: float, size: int, ink: Ink, room: tuple[float, float]) -> Words:
    """A line about a middle, moved into its room; its beginning is left out where there is no room for all of it."""
    low, high = room
    while len(text) > 2 and _width(text, size) > high - low:
        text = f"…{text.removeprefix('…')[1:]}"
    width = _width(text, size)
    left = max(low, min(middle - width / 2, high - width))
    return Words(text, Rectangle(left, top, left + width, top + _LINE), size, ink)


def _width(text: str, size: int) -> float:
    return float(font(size).getlength(text)) / DENSITY


def _height(unit: PlacedUnit) -> float:
    """Of the middle of a unit's picture."""
    return (unit.boxes[0].top + unit.boxes[0].bottom) / 2


def _ink(value: float) -> Ink:
    return "excites" if value > 0 else "inhibits"
