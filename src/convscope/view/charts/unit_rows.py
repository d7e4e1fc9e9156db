"""A row a unit: its name, a bar with its interval, and pictures beside it, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from ..render.fonts import font
from ..render.layout import DENSITY

Pixels = NDArray[np.uint8]

_SIDE, _GAP, _PITCH = 64, 4, 76  # of a picture, between pictures, and of a row, in pixels of the page
_NAME, _BAR, _PAD = 180, 170, 18  # widths of the name and of the bar, and what is between columns
_TOP, _THICK = 34, 14  # height of the heads, and of a bar
_INK, _QUIET, _GRID = "#1a1a1a", "#666666", "#dddddd"
_LETTERS = 30  # of a name
_FRAME = 3  # pixels of a frame


@dataclass(frozen=True)
class UnitRow:
    """What is drawn of one unit: `words` under its name, a `share` from 0 to 1 between `low` and `high`, and pictures.

    `framed` says which of the pictures get a frame in the color of the row; `last` stands apart, at the end.
    """

    name: str
    words: tuple[str, ...]
    share: float
    low: float
    high: float
    color: str
    pictures: Sequence[Pixels] = ()
    framed: Sequence[bool] = ()
    last: Pixels | None = None


def unit_rows(rows: Sequence[UnitRow], heads: tuple[str, str, str, str], marked: float) -> Pixels:
    """Rows as one picture (height, width, 3); `heads` stand above name, bar, pictures and the last picture.

    Bars run from 0.5, or from where the lowest interval ends, to 1; a line is drawn at what is `marked`.
    """
    most = max((len(row.pictures) for row in rows), default=0)
    ends = min([0.5, *(row.low for row in rows)]), 1.0
    columns = _columns(most, any(row.last is not None for row in rows))
    canvas = PIL.Image.new("RGB", (columns[-1] * DENSITY, (_TOP + _PITCH * len(rows)) * DENSITY), "white")
    pen = PIL.ImageDraw.Draw(canvas)
    for x, head in zip(columns, heads, strict=False):
        _text(pen, x, 10, head, 11, _QUIET)
    _axis(pen, columns[1], len(rows), ends, marked)
    for number, row in enumerate(rows):
        middle = _TOP + _PITCH * (number + 0.5)
        _name(pen, columns[0], middle, row)
        _bar(pen, columns[1], middle, row, ends)
        _pictures(canvas, columns[2], columns[3], middle, row)
    return np.asarray(canvas)


def _columns(most: int, last: bool) -> list[int]:
    """Where columns begin, and where the picture ends."""
    bar = _NAME + _PAD
    pictures = bar + _BAR + _PAD
    alone = pictures + most * (_SIDE + _GAP) - _GAP + _PAD if most else pictures
    return [0, bar, pictures, alone, alone + _SIDE if last else alone]


def _axis(pen: PIL.ImageDraw.ImageDraw, left: int, rows: int, ends: tuple[float, float], marked: float) -> None:
    low, high = ends
    for value in sorted({round(low, 2), 0.5, marked, 1.0}):
        x, color = left + _BAR * (value - low) / (high - low), _QUIET if value == marked else _GRID
        for y in range(_TOP, _TOP + rows * _PITCH, 6):
            ends_at = y + (3 if value == marked else 6)
            pen.line([x * DENSITY, y * DENSITY, x * DENSITY, ends_at * DENSITY], color, DENSITY)
        if value in (0.5, marked, 1.0):
            _text(pen, x, _TOP - 9, f"{value:g}".replace("0.", "."), 9, _QUIET, "m")


def _name(pen: PIL.ImageDraw.ImageDraw, left: float, middle: float, row: UnitRow) -> None:
    lines = [row.name if len(row.name) <= _LETTERS else f"…{row.name[1 - _LETTERS :]}", *row.words]
    top = middle - 7.5 * (len(lines) - 1)
    for number, line in enumerate(lines):
        _text(pen, left, top + 15 * number, line, 10 if number else 11, _QUIET if number else _INK)


def _bar(pen: PIL.ImageDraw.ImageDraw, left: int, middle: float, row: UnitRow, ends: tuple[float, float]) -> None:
    def across(value: float) -> float:
        return (left + _BAR * (value - ends[0]) / (ends[1] - ends[0])) * DENSITY

    start, stop = sorted((across(0.5), across(row.share)))
    up, down = (middle - _THICK / 2) * DENSITY, (middle + _THICK / 2) * DENSITY
    pen.rectangle([start, up, stop, down], row.color)
    y = middle * DENSITY
    pen.line([across(row.low), y, across(row.high), y], _INK, DENSITY)
    for end in (row.low, row.high):
        pen.line([across(end), y - 4 * DENSITY, across(end), y + 4 * DENSITY], _INK, DENSITY)
    _text(pen, left, middle + _THICK + 2, f"{row.share:.2f} ({row.low:.2f} to {row.high:.2f})", 10, _QUIET, edge=True)


def _pictures(canvas: PIL.Image.Image, left: int, alone: int, middle: float, row: UnitRow) -> None:
    top = middle - _SIDE / 2
    for number, pixels in enumerate(row.pictures):
        framed = number < len(row.framed) and row.framed[number]
        _paste(canvas, pixels, left + number * (_SIDE + _GAP), top, row.color if framed else "")
    if row.last is not None:
        _paste(canvas, row.last, alone, top, "")


def _paste(canvas: PIL.Image.Image, pixels: Pixels, left: float, top: float, frame: str) -> None:
    """A picture in the middle of its square, as large as fits; small ones as squares, so that it shows."""
    side = _SIDE * DENSITY
    if not pixels.size:
        return
    zoom = side / max(pixels.shape[:2])
    size = tuple(max(1, round(extent * zoom)) for extent in pixels.shape[1::-1])
    few = max(pixels.shape[:2]) < _SIDE // 2
    filter = PIL.Image.Resampling.NEAREST if few else PIL.Image.Resampling.LANCZOS
    drawn = PIL.Image.fromarray(pixels).convert("RGB").resize((size[0], size[1]), filter)
    x, y = (round(at * DENSITY + (side - extent) / 2) for at, extent in zip((left, top), size, strict=True))
    canvas.paste(drawn, (x, y))
    outline = (x, y, x + size[0] - 1, y + size[1] - 1)
    PIL.ImageDraw.Draw(canvas).rectangle(outline, outline=frame or "#bbbbbb", width=_FRAME * DENSITY if frame else 1)


def _text(
    pen: PIL.ImageDraw.ImageDraw,
    x: float,
    y: float,
    words: str,
    size: int,
    color: str,
    anchor: str = "l",
    edge: bool = False,
) -> None:
    place, wide = (x * DENSITY, y * DENSITY), 2 * DENSITY if edge else 0
    pen.text(place, words, fill=color, font=font(size), anchor=f"{anchor}m", stroke_width=wide, stroke_fill="white")
