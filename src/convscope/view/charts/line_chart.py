"""A small line chart as a picture, drawn with the same font and density as everything else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from ..render.fonts import font
from ..render.layout import DENSITY

_WIDTH, _HEIGHT = 336, 224
_LEFT, _BOTTOM, _TOP, _RIGHT = 48, 34, 24, 24
_NEAR = 0.06  # of the height
_COLORS = ("#cc3311", "#0077bb", "#009988")


def lines(x: NDArray[np.float32], several: Mapping[str, NDArray[np.float32]], label: str) -> NDArray[np.uint8]:
    """Lines over x, which runs from 0 to 1, with their names above them, as a picture (height, width, 3).

    Missing values, NaN, are left out. `label` is what x is.
    """
    size = _WIDTH * DENSITY, _HEIGHT * DENSITY
    picture = PIL.Image.new("RGB", size, "white")
    pen = PIL.ImageDraw.Draw(picture)
    known = np.concatenate([y[np.isfinite(y)] for y in several.values()])
    low, high = min(0.0, float(known.min())), max(0.0, float(known.max()))
    high = high if high > low else low + 1
    _axes(pen, low, high, label)
    for number, (name, y) in enumerate(several.items()):
        points = [(_across(a), _up(b, low, high)) for a, b in zip(x, y, strict=True) if np.isfinite(b)]
        pen.line(points, fill=_COLORS[number], width=2 * DENSITY, joint="curve")
        place = _across(0) + 90 * number * DENSITY, 14 * DENSITY
        pen.text(place, f"– {name}", fill=_COLORS[number], font=font(11), anchor="ls")
    return np.asarray(picture)


def _axes(pen: PIL.ImageDraw.ImageDraw, low: float, high: float, label: str) -> None:
    small = font(10)
    near = min(abs(low), abs(high)) < _NEAR * (high - low)  # to zero, so that two numbers would lie on each other
    for value in dict.fromkeys((low, high) if near else (low, 0.0, high)):
        y = _up(value, low, high)
        pen.line([(_across(0), y), (_across(1), y)], fill="#dddddd", width=DENSITY)
        pen.text(
            (_across(0) - 4 * DENSITY, y), f"{value:.3g}".replace("-", "−"), fill="#1a1a1a", font=small, anchor="rm"
        )
    for share in (0, 0.5, 1):
        place = _across(share), (_HEIGHT - _BOTTOM + 14) * DENSITY
        pen.text(place, f"{share:.0%}", fill="#1a1a1a", font=small, anchor="ms")
    pen.text((_across(0.5), (_HEIGHT - 4) * DENSITY), label, fill="#1a1a1a", font=small, anchor="ms")


def _across(share: float) -> float:
    return (_LEFT + float(share) * (_WIDTH - _LEFT - _RIGHT)) * DENSITY


def _up(value: float, low: float, high: float) -> float:
    return (_HEIGHT - _BOTTOM - (float(value) - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)) * DENSITY
