"""Rows of horizontal bars on one axis as a picture, each with a name to the left of it and words to the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from ..render.fonts import font
from ..render.layout import DENSITY

RED, BLUE, GREY, INK = "#cc3311", "#0077bb", "#999999", "#1a1a1a"
_ROW, _TOP, _BOTTOM, _GAP = 22, 24, 34, 8  # CSS pixels
_TEXT, _LONGEST = 10, 34  # size of letters, and how many of a name
_PALE = "#dddddd"
_TICKS = 4


@dataclass(frozen=True)
class Bar:
    """From `low` to `high`, in one of the lanes of its row; `spread` is drawn either way of `high`, a `head` there."""

    low: float
    high: float
    color: str
    lane: int = 0
    spread: float = 0.0
    head: bool = False


@dataclass(frozen=True)
class BarRow:
    """A name, bars, a mark across them where there is one, and words."""

    name: str
    bars: tuple[Bar, ...]
    words: str = ""
    mark: float | None = None


def bar_chart(
    rows: Sequence[BarRow],
    legend: dict[str, str],
    label: str,
    line: tuple[str, float] | None = None,
    within: float = math.inf,
    width: int = 300,
) -> NDArray[np.uint8]:
    """The rows from top to bottom as a picture (height, width, 3).

    `legend` gives what each color is, `label` what the axis is, and `line` a name and value that all rows share. What
    goes beyond `within`, either way, is cut off there. `width` is that of the bars alone, in CSS pixels.
    """
    letters = font(_TEXT)
    left = _width([_shortened(row.name) for row in rows]) + _GAP
    right = _width([row.words for row in rows]) + 2 * _GAP
    size = (left + width + right) * DENSITY, (_TOP + _ROW * len(rows) + _BOTTOM) * DENSITY
    picture = PIL.Image.new("RGB", size, "white")
    pen = PIL.ImageDraw.Draw(picture)
    chart = _Chart(pen, left, width, len(rows), *np.clip(_ends(rows, line), -within, within).tolist())
    chart.axis(label)
    chart.legend(legend, line)
    lanes = 1 + max((bar.lane for row in rows for bar in row.bars), default=0)
    for number, row in enumerate(rows):
        middle = _TOP + (number + 0.5) * _ROW
        pen.text(_at(left - _GAP, middle), _shortened(row.name), fill=INK, font=letters, anchor="rm")
        pen.text(_at(left + width + _GAP, middle), row.words, fill=INK, font=letters, anchor="lm")
        chart.row(row, middle, lanes)
    if line is not None:
        chart.line(line[1])
    return np.asarray(picture)


@dataclass(frozen=True)
class _Chart:
    pen: PIL.ImageDraw.ImageDraw
    left: int
    width: int
    rows: int
    low: float
    high: float

    def across(self, value: float) -> float:
        """Where a value lies, in CSS pixels."""
        return self.left + (min(max(value, self.low), self.high) - self.low) / (self.high - self.low) * self.width

    def axis(self, label: str) -> None:
        """Pale lines at round numbers, which stand under them, and what the axis is."""
        bottom = _TOP + _ROW * self.rows
        for value in _round_numbers(self.low, self.high):
            x = self.across(value)
            self.pen.line([_at(x, _TOP), _at(x, bottom)], fill=_PALE, width=DENSITY)
            words = f"{value + 0.0:.4g}".replace("-", "−")
            self.pen.text(_at(x, bottom + 13), words, fill=INK, font=font(_TEXT), anchor="ms")
        middle = self.left + self.width / 2
        self.pen.text(_at(middle, bottom + 28), label, fill=INK, font=font(_TEXT), anchor="ms")

    def legend(self, legend: dict[str, str], line: tuple[str, float] | None) -> None:
        """What the colors are, above the rows."""
        x: float = self.left
        for words, color in (legend | ({line[0]: INK} if line else {})).items():
            marks = [(x, 6, x + 8, 14)] if words in legend else [(x + 3, y, x + 4, y + 2) for y in (5, 9, 13)]
            for one in marks:
                self.pen.rectangle([*_at(*one[:2]), *_at(*one[2:])], fill=color)
            self.pen.text(_at(x + 12, 14), words, fill=color, font=font(_TEXT), anchor="ls")
            x += 12 + _width([words]) + 2 * _GAP

    def row(self, row: BarRow, middle: float, lanes: int) -> None:
        """The bars of a row, lane under lane, and its mark."""
        height = (_ROW - 6) / lanes
        for bar in row.bars:
            top = middle - (_ROW - 6) / 2 + bar.lane * height
            if bar.low != bar.high or bar.spread:
                self.bar(bar, top, top + height)
        if row.mark is not None:
            x = self.across(row.mark)
            self.pen.line([_at(x, middle - _ROW / 2 + 1), _at(x, middle + _ROW / 2 - 1)], fill=INK, width=2 * DENSITY)

    def bar(self, bar: Bar, top: float, bottom: float) -> None:
        """One bar, with its spread or head."""
        start, end = self.across(bar.low), self.across(bar.high)
        middle = (top + bottom) / 2
        inset = (bottom - top) / 3 if bar.head else 0.5
        low, high = sorted((start, end))
        self.pen.rectangle([*_at(low, top + inset), *_at(max(high, low + 0.5), bottom - inset)], fill=bar.color)
        if bar.head:
            back = end - math.copysign(min(5.0, abs(end - start)), end - start)
            self.pen.polygon([_at(end, middle), _at(back, top), _at(back, bottom)], fill=bar.color)
        if bar.spread:
            ends = [_at(self.across(value), middle) for value in _spread(bar)]
            self.pen.line(ends, fill=INK, width=DENSITY)

    def line(self, value: float) -> None:
        """A dashed line through all rows."""
        x = self.across(value)
        for top in range(_TOP, _TOP + _ROW * self.rows, 6):
            self.pen.line([_at(x, top), _at(x, top + 3)], fill=INK, width=DENSITY)


def _spread(bar: Bar) -> tuple[float, float]:
    """Where the spread of a bar ends: not beyond where the bar begins."""
    return max(bar.high - bar.spread, min(bar.low, bar.high)), bar.high + bar.spread


def _at(x: float, y: float) -> tuple[float, float]:
    return x * DENSITY, y * DENSITY


def _width(words: Sequence[str]) -> int:
    return math.ceil(max((font(_TEXT).getlength(one) for one in words), default=0) / DENSITY)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"


def _ends(rows: Sequence[BarRow], line: tuple[str, float] | None) -> tuple[float, float]:
    bars = [bar for row in rows for bar in row.bars]
    values = [0.0, *(value for bar in bars for value in (bar.low, bar.high, *_spread(bar)))]
    values += [row.mark for row in rows if row.mark is not None] + ([line[1]] if line else [])
    low, high = min(values), max(values)
    return (low, high) if high > low else (low, low + 1)


def _round_numbers(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten that lie between two numbers."""
    wide = (high - low) / _TICKS
    power = 10 ** math.floor(math.log10(wide))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wide)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
