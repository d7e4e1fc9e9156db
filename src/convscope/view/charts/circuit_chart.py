"""A circuit as a picture: a column of units a layer, the image at the left, and edges whose width is what they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageColor
import PIL.ImageDraw
from numpy.typing import NDArray

from ..render.fonts import font
from ..render.layout import DENSITY, WIDTH

EXCITES, INHIBITS = "#0077bb", "#cc3311"
_INK, _PALE, _FRAME = "#1a1a1a", "#666666", "#888888"
_HEAD, _WORDS, _GAP = 40, 15, 12  # above all units, under each, and between them
_LEAST, _MOST = 28, 64  # sides of a unit's picture
_THICK = 7  # of the strongest edge
_TEXT, _SMALL = 9, 8


@dataclass(frozen=True, eq=False)
class DrawnUnit:
    """A unit: its column, its picture, if it has one, the part of an image that drives it, and words under them."""

    column: int
    words: str
    picture: NDArray[np.uint8] | None
    crop: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class DrawnEdge:
    """From one unit to another, by their numbers."""

    source: int
    target: int
    value: float


def circuit(heads: Sequence[str], units: Sequence[DrawnUnit], edges: Sequence[DrawnEdge]) -> NDArray[np.uint8]:
    """Units in columns with a head each, and edges between them, as a picture (height, width, 3)."""
    places, side, height = _places(len(heads), units)
    picture = PIL.Image.new("RGB", ((WIDTH - 20) * DENSITY, height), "white")
    pen = PIL.ImageDraw.Draw(picture)
    strongest = max((abs(edge.value) for edge in edges), default=1.0) or 1.0
    ends = [_ends(places, units, edge, side) for edge in edges]
    order = sorted(range(len(edges)), key=lambda i: abs(edges[i].value))
    for i in order:
        share = abs(edges[i].value) / strongest
        pen.line(ends[i], fill=_faded(edges[i].value, share), width=max(1, round(_THICK * share * DENSITY)))
    for unit, place in zip(units, places, strict=True):
        _unit(picture, pen, unit, place, side)
    _heads(pen, heads)
    for rank, i in enumerate(order):
        _number(pen, ends[i], edges[i].value, rank)
    return np.asarray(picture)


def _places(columns: int, units: Sequence[DrawnUnit]) -> tuple[list[tuple[int, int]], int, int]:
    """The top left of each unit, the side of its picture, and the height of all."""
    pitch = (WIDTH - 20) * DENSITY / columns
    crops = any(unit.crop is not None for unit in units)
    side = int(min(_MOST * DENSITY, max(_LEAST * DENSITY, pitch * (0.32 if crops else 0.5))))
    step = side + (_WORDS + _GAP) * DENSITY
    counts = [sum(unit.column == column for unit in units) for column in range(columns)]
    most = max(counts, default=1)
    at = [0] * columns
    places = []
    for unit in units:
        top = _HEAD * DENSITY + (most - counts[unit.column]) * step // 2 + at[unit.column] * step
        width = side * (2 if crops and unit.crop is not None else 1)
        places.append((round(pitch * (unit.column + 0.5) - width / 2), top))
        at[unit.column] += 1
    return places, side, _HEAD * DENSITY + most * step


def _ends(
    places: Sequence[tuple[int, int]], units: Sequence[DrawnUnit], edge: DrawnEdge, side: int
) -> list[tuple[float, float]]:
    (left, top), (right, bottom) = places[edge.source], places[edge.target]
    width = side * (2 if units[edge.source].crop is not None else 1)
    return [(left + width, top + side / 2), (right, bottom + side / 2)]


def _unit(
    picture: PIL.Image.Image, pen: PIL.ImageDraw.ImageDraw, unit: DrawnUnit, place: tuple[int, int], side: int
) -> None:
    left, top = place
    for drawn in (unit.picture, unit.crop):
        if drawn is None or not drawn.size:
            continue
        nearest = max(drawn.shape[:2]) < side
        filter = PIL.Image.Resampling.NEAREST if nearest else PIL.Image.Resampling.LANCZOS
        picture.paste(PIL.Image.fromarray(drawn).convert("RGB").resize((side, side), filter), (left, top))
        pen.rectangle((left, top, left + side - 1, top + side - 1), outline=_FRAME)
        left += side
    if unit.picture is None or not unit.picture.size:
        pen.rectangle((place[0], top, place[0] + side - 1, top + side - 1), fill="#f4f4f4", outline=_FRAME)
    middle = ((place[0] + max(left, place[0] + side)) / 2, top + side + 2 * DENSITY)
    pen.text(middle, unit.words, fill=_INK, font=font(_TEXT), anchor="ma")


def _heads(pen: PIL.ImageDraw.ImageDraw, heads: Sequence[str]) -> None:
    pitch = (WIDTH - 20) * DENSITY / len(heads)
    for column, head in enumerate(heads):
        for line, words in enumerate(head.split("\n")):
            place = (pitch * (column + 0.5), (4 + line * 14) * DENSITY)
            pen.text(place, words, fill=_PALE if line else _INK, font=font(_TEXT + 1 - line), anchor="ma")


def _number(pen: PIL.ImageDraw.ImageDraw, ends: Sequence[tuple[float, float]], value: float, rank: int) -> None:
    """What an edge gives, on it; numbers of neighbors stand at different places, so that they do not meet."""
    share = (0.3, 0.5, 0.7)[rank % 3]
    (x0, y0), (x1, y1) = ends
    place = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
    words = (f"{value:+.0f}" if abs(value) >= 10 else f"{value:+.2g}").replace("-", "−")
    letters = font(_SMALL)
    left, top, right, bottom = pen.textbbox(place, words, font=letters, anchor="mm")
    pen.rectangle((left - 2, top - 1, right + 2, bottom + 1), fill="white")
    pen.text(place, words, fill=EXCITES if value > 0 else INHIBITS, font=letters, anchor="mm")


def _faded(value: float, share: float) -> tuple[int, ...]:
    """The color of an edge, the paler the less it gives."""
    color = np.array(PIL.ImageColor.getrgb(EXCITES if value > 0 else INHIBITS), float)
    strength = 0.35 + 0.65 * share
    return tuple(int(part) for part in color * strength + 255 * (1 - strength))
