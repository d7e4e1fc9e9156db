"""Laying out a view: where each sheet of tiles, color bar and word goes, in CSS pixels. Drawing is left to others."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ..view import Panel, Scale, View
from .colormaps import colored

WIDTH = 960  # no scene is wider
DENSITY = 2  # sheet pixels per CSS pixel, so that pictures are sharp on dense screens; the least of a scene
_GAP, _PAD = 4, 16
_TITLE, _TEXT, _SMALL = 15, 12, 9
_ONE, _MANY, _FEW = 224, 112, 28  # sides: a lone map, the largest and the smallest tile of a grid


@dataclass(frozen=True, eq=False)
class TileSheet:
    """RGB or RGBA pixels, drawn at x, y in width × height; a photo may lose a little when stored, a map may not.

    `vector` shows the same as SVG, where there is such a drawing.
    """

    pixels: NDArray[np.uint8]
    x: float
    y: float
    width: float
    height: float
    photo: bool = False
    vector: str = ""


@dataclass(frozen=True)
class Text:
    """One line of words; y is its baseline."""

    text: str
    x: float
    y: float
    size: int
    anchor: Literal["start", "middle", "end"] = "start"


@dataclass(frozen=True, eq=False)
class Scene:
    """Sheets and words on a canvas of width × height CSS pixels."""

    width: int
    height: int
    sheets: tuple[TileSheet, ...]
    texts: tuple[Text, ...]

    @property
    def density(self) -> float:
        """Sheet pixels per CSS pixel: of the densest sheet, so that none of its pixels is lost."""
        return float(max([DENSITY, *(sheet.pixels.shape[1] / sheet.width for sheet in self.sheets)]))


def scene(view: View, title: bool = True) -> Scene:
    """Lay out a view: panels side by side as far as they fit; the title can be left to whoever embeds the scene."""
    sheets: list[TileSheet] = []
    texts: list[Text] = []
    x, y, row_height, right = _PAD, _PAD, 0, 0
    if title:
        y = _paragraph(texts, view.title, y, _TITLE)
    for panel in view.panels:
        width, height, parts, words = _panel(panel, view.arrays[panel.array])
        if x > _PAD and x + width > WIDTH:
            x, y, row_height = _PAD, y + row_height + _PAD, 0
        sheets += [replace(s, x=s.x + x, y=s.y + y) for s in parts]
        texts += [replace(t, x=t.x + x, y=t.y + y) for t in words]
        x, row_height, right = x + width + _PAD, max(row_height, height), max(right, x + width)
    y += row_height
    if view.note:
        y = _paragraph(texts, view.note, y + 4, _TEXT, max(right - _PAD, _ONE))
    widest = max((_extent(text) for text in texts), default=0)
    return Scene(min(WIDTH, math.ceil(max(right, widest))) + _PAD, y + _PAD // 2, tuple(sheets), tuple(texts))


def _panel(panel: Panel, tiles: NDArray[Any]) -> tuple[int, int, list[TileSheet], list[Text]]:
    """One panel at the origin: its width, height, sheets and words."""
    columns, width, height = _grid(panel, tiles)
    lines = textwrap.wrap(panel.title, max(16, int(min(columns * (width + _GAP), WIDTH) / _TEXT / 0.56)))
    texts = [Text(line, 0, (i + 1) * (_TEXT + 3) - 4, _TEXT) for i, line in enumerate(lines)]
    top = len(lines) * (_TEXT + 3) + (2 if lines else 0)
    label_height = _SMALL + 3 if panel.labels and width >= 2 * _SMALL else 0
    left = 30 if label_height and panel.columns else 0
    pitch = height + _GAP + (0 if left else label_height)
    whole = panel.exact and panel.side and len(tiles) == 1  # however dense it is
    sheet = tiles[0] if whole else _sheet(colored(tiles, panel.scale), columns, (width, height), pitch)
    across, down = (width, height) if len(tiles) == 1 else (sheet.shape[1] / DENSITY, sheet.shape[0] / DENSITY)
    sheets = [TileSheet(sheet, left, top, across, down, panel.scale is None and not panel.exact, panel.vector)]
    if label_height:
        texts += _labels(panel, columns, (width, height), pitch, (left, top))
    bottom = top + math.ceil(sheets[0].height) + 4 + (0 if left else label_height)
    span = left + math.ceil(sheets[0].width)
    if panel.scale is not None:
        bar, words = _bar(panel.scale, bottom, min(span, _ONE))
        sheets, texts, bottom = [*sheets, bar], [*texts, *words], bottom + 10 + _TEXT + 6
    return max(span, *(math.ceil(_extent(text)) for text in texts), 0), bottom, sheets, texts


def _grid(panel: Panel, tiles: NDArray[Any]) -> tuple[int, int, int]:
    """Columns, and the width and height of one tile."""
    count, h, w = tiles.shape[:3]
    space = WIDTH - _PAD
    if count == 1:
        longest = max(h, w)
        side = panel.side if panel.scale is None else max(longest, panel.side)  # values keep a pixel each, pictures not
        zoom = _zoom(longest, min(side if panel.side else _ONE, space))
        return 1, max(1, round(w * zoom)), max(1, round(h * zoom))
    columns = panel.columns or math.ceil(math.sqrt(count * 1.6))
    low = 6 if panel.columns else _FEW
    side = min(_MANY, max(low, (space - 30 * bool(panel.columns)) // columns - _GAP))
    zoom = _zoom(max(h, w), min(panel.side, space) or side)
    width, height = max(1, round(w * zoom)), max(1, round(h * zoom))
    return panel.columns or min(count, (space + _GAP) // (width + _GAP)), width, height


def _zoom(length: int, space: int) -> float:
    """Whole numbers when enlarging, so that every value is a square of the same size."""
    return space // length if length <= space else space / length


def _sheet(tiles: NDArray[np.uint8], columns: int, size: tuple[int, int], pitch: int) -> NDArray[np.uint8]:
    """All tiles on one transparent sheet, row by row, at sheet density."""
    width, height = size[0] * DENSITY, size[1] * DENSITY
    if len(tiles) == 1 and width >= tiles.shape[2]:
        alone: NDArray[np.uint8] = tiles[0]  # whoever draws it enlarges it
        return alone
    rows = -(-len(tiles) // columns)
    step_x, step_y = (size[0] + _GAP) * DENSITY, pitch * DENSITY
    canvas = np.zeros(((rows - 1) * step_y + height, (columns - 1) * step_x + width, 4), np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // columns * step_y, i % columns * step_x
        canvas[y : y + height, x : x + width] = _resized(tile, width, height)
    return canvas


def _resized(tile: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    enlarge = width >= tile.shape[1]
    filter = PIL.Image.Resampling.NEAREST if enlarge else PIL.Image.Resampling.BOX
    return np.asarray(PIL.Image.fromarray(tile).resize((width, height), filter))


def _labels(panel: Panel, columns: int, size: tuple[int, int], pitch: int, origin: tuple[int, int]) -> list[Text]:
    """Numbers under the tiles, or before the rows where a row is one filter."""
    texts = []
    for i, label in enumerate(panel.labels):
        row, column = divmod(i, columns)
        if panel.columns and label:
            texts.append(Text(label, origin[0] - 4, origin[1] + row * pitch + size[1] / 2 + 3, _SMALL, "end"))
        elif label:
            x = origin[0] + column * (size[0] + _GAP) + size[0] / 2
            texts.append(Text(label, x, origin[1] + row * pitch + size[1] + _SMALL + 1, _SMALL, "middle"))
    return texts


def _bar(scale: Scale, y: int, width: int) -> tuple[TileSheet, list[Text]]:
    """A color bar with numbers; an arrow-like sign where values lie beyond its ends."""
    ramp = np.linspace(scale.low, scale.high, width * DENSITY)
    values = np.repeat(ramp[:, None], 3, 1) if scale.map == "color" else ramp
    sheet = TileSheet(np.repeat(colored(values, scale)[None], 8 * DENSITY, 0), 0, y, width, 8)
    under = y + 8 + _TEXT
    low = ("≤ " if scale.clipped and scale.low < 0 else "") + _number(scale.low)
    high = ("≥ " if scale.clipped else "") + _number(scale.high)
    texts = [Text(low, 0, under, _SMALL + 1), Text(high, width, under, _SMALL + 1, "end")]
    if scale.label and width >= 140:
        texts.append(Text(scale.label, width / 2, under, _SMALL + 1, "middle"))
    elif scale.low < 0 and width >= 140:
        texts.append(Text(_number((scale.low + scale.high) / 2), width / 2, under, _SMALL + 1, "middle"))
    return sheet, texts


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _paragraph(texts: list[Text], words: str, y: int, size: int, width: int = WIDTH - _PAD) -> int:
    for line in textwrap.wrap(words, int(width / size / 0.56)):
        y += size + 4
        texts.append(Text(line, _PAD, y - 4, size))
    return y + 6


def _extent(text: Text) -> float:
    """The right end of a line, by the average width of a letter."""
    width = len(text.text) * text.size * 0.58
    return text.x + {"start": width, "middle": width / 2, "end": 0.0}[text.anchor]
