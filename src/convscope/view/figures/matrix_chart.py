"""A matrix as a picture: a colored cell a number, with the names of rows and columns, and the number where it fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from ..render.colormaps import colored
from ..render.fonts import font
from ..render.layout import DENSITY
from ..view import Scale

_CELL = 34
_TEXT = 10
_LONGEST = 30  # letters of a name


def matrix(
    values: NDArray[Any], rows: Sequence[str], columns: Sequence[str], scale: Scale, missing: str = "–"
) -> NDArray[np.uint8]:
    """Values (rows, columns) as a picture (height, width, 3), names of columns on end above; NaN is `missing`."""
    letters = font(_TEXT)
    rows, columns = ([_shortened(name) for name in names] for names in (rows, columns))
    left, top = (round(max(letters.getlength(name) for name in names)) + 8 * DENSITY for names in (rows, columns))
    cell = _CELL * DENSITY
    picture = PIL.Image.new("RGB", (left + cell * len(columns), top + cell * len(rows)), "white")
    pen = PIL.ImageDraw.Draw(picture)
    for y, name in enumerate(rows):
        pen.text((left - 4 * DENSITY, top + (y + 0.5) * cell), name, fill="#1a1a1a", font=letters, anchor="rm")
    for x, name in enumerate(columns):
        _on_end(picture, name, round(left + (x + 0.5) * cell), top - 4 * DENSITY)
    shades = colored(np.nan_to_num(values, nan=scale.low), scale)[..., :3]
    for (y, x), value in np.ndenumerate(values):
        _cell(pen, (left + x * cell, top + y * cell), float(value), shades[y, x], missing)
    return np.asarray(picture)


def _cell(pen: PIL.ImageDraw.ImageDraw, at: tuple[int, int], value: float, shade: NDArray[Any], missing: str) -> None:
    x, y, side = *at, _CELL * DENSITY
    known = bool(np.isfinite(value))
    fill = tuple(int(part) for part in shade) if known else (238, 238, 238)
    pen.rectangle((x, y, x + side - 1, y + side - 1), fill=fill)
    ink = "#1a1a1a" if sum(fill) > 380 else "white"
    words = _number(value) if known else missing
    pen.text((x + side / 2, y + side / 2), words, fill=ink, font=font(_TEXT), anchor="mm")


def _number(value: float) -> str:
    """Two decimals, without a zero before them; what rounds to zero has no sign."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−").replace("0.", ".")


def _on_end(picture: PIL.Image.Image, words: str, x: int, bottom: int) -> None:
    """Words that run upwards from (x, bottom)."""
    letters = font(_TEXT)
    size = round(letters.getlength(words)) + 2, (_TEXT + 4) * DENSITY
    strip = PIL.Image.new("RGB", size, "white")
    PIL.ImageDraw.Draw(strip).text((0, size[1] / 2), words, fill="#1a1a1a", font=letters, anchor="lm")
    picture.paste(strip.rotate(90, expand=True), (x - size[1] // 2, bottom - size[0]))


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"
