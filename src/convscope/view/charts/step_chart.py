"""A number over the steps of a training, beside what chance would make of it: steps on a logarithmic axis."""

from __future__ import annotations

import math

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from ...base.pixels import Floats
from ..render.fonts import font
from ..render.layout import DENSITY

WIDTH, _HEIGHT = 448, 200  # pixels of a page
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 24, 28, 36
_LINE, _BAND, _INK, _GRID = "#cc3311", "#d9d9d9", "#1a1a1a", "#dddddd"
_APART = 34  # pixels between the numbers of two steps


def step_chart(
    steps: NDArray[np.int64], values: Floats, null: Floats, names: tuple[str, str], at: int | None = None
) -> NDArray[np.uint8]:
    """A line through values (t,) over steps (t,), and a band (t, 2) of what is chance, as a picture (h, w, 3).

    `names` are those of the line and the band; `at`, the number of one of the steps, gets a mark.
    """
    picture = PIL.Image.new("RGB", (WIDTH * DENSITY, _HEIGHT * DENSITY), "white")
    pen = PIL.ImageDraw.Draw(picture)
    known = np.concatenate([values[np.isfinite(values)], null[np.isfinite(null)], [1.0]])
    low, high = min(0.0, float(known.min())), float(known.max()) * 1.05
    across = [_across(step, steps) for step in steps.tolist()]
    edges = [
        *zip(across, null[:, 0].tolist(), strict=True),
        *reversed([*zip(across, null[:, 1].tolist(), strict=True)]),
    ]
    pen.polygon([(x, _up(y, low, high)) for x, y in edges if math.isfinite(y)], fill=_BAND)
    _axes(pen, steps, across, low, high)
    points = [(x, _up(y, low, high)) for x, y in zip(across, values.tolist(), strict=True) if math.isfinite(y)]
    pen.line(points, fill=_LINE, width=2 * DENSITY, joint="curve")
    for x, y in points if at is None else [(across[at], _up(float(values[at]), low, high))]:
        reach = (2 if at is None else 4) * DENSITY
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=_LINE)
    _legend(pen, names)
    return np.asarray(picture)


def _axes(pen: PIL.ImageDraw.ImageDraw, steps: NDArray[np.int64], across: list[float], low: float, high: float) -> None:
    small, right = font(10), (WIDTH - _RIGHT) * DENSITY
    for value in (0.0, 0.5, 1.0, 1.5):
        if low <= value <= high:
            y = _up(value, low, high)
            pen.line([(_LEFT * DENSITY, y), (right, y)], fill=_GRID, width=DENSITY)
            pen.text(((_LEFT - 5) * DENSITY, y), f"{value:g}", fill=_INK, font=small, anchor="rm")
    free = right + _APART * DENSITY
    for step, x in reversed([*zip(steps.tolist(), across, strict=True)]):  # the last step always has its number
        if free - x >= _APART * DENSITY:
            pen.text((x, (_HEIGHT - _BOTTOM + 14) * DENSITY), f"{step}", fill=_INK, font=small, anchor="ms")
            free = x
    middle = (_LEFT + WIDTH - _RIGHT) / 2 * DENSITY
    pen.text((middle, (_HEIGHT - 6) * DENSITY), "step", fill=_INK, font=small, anchor="ms")


def _legend(pen: PIL.ImageDraw.ImageDraw, names: tuple[str, str]) -> None:
    y, written = 12 * DENSITY, font(11)
    pen.line([(_LEFT * DENSITY, y), ((_LEFT + 16) * DENSITY, y)], fill=_LINE, width=2 * DENSITY)
    pen.text(((_LEFT + 22) * DENSITY, y), names[0], fill=_INK, font=written, anchor="lm")
    x = (_LEFT + 42) * DENSITY + written.getlength(names[0])
    pen.rectangle((x, y - 5 * DENSITY, x + 16 * DENSITY, y + 5 * DENSITY), fill=_BAND)
    pen.text((x + 22 * DENSITY, y), names[1], fill=_INK, font=written, anchor="lm")


def _across(step: int, steps: NDArray[np.int64]) -> float:
    first, last = math.log1p(int(steps[0])), math.log1p(int(steps[-1]))
    share = (math.log1p(step) - first) / (last - first) if last > first else 0.5
    return (_LEFT + share * (WIDTH - _LEFT - _RIGHT)) * DENSITY


def _up(value: float, low: float, high: float) -> float:
    return (_HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)) * DENSITY
