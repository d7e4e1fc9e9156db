"""The ways of points from map to map: dark where they begin and bright where they end, pale where they mean nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from ...base.pixels import Floats
from .scatters import COLORS

_DARK, _PALE = np.array([20, 20, 40]), "#e4e4e4"
_DOT = 1.6  # of the end of a trail, in widths of the line


def trails(
    centers: Floats,
    meant: NDArray[np.bool_],
    labels: Sequence[str | None],
    colors: Mapping[str, str],
    width: float,
    size: int,
) -> NDArray[np.uint8]:
    """Lines through centers (t, n, 2), y and x in pixels, on a square of `size` pixels, (size, size, 3).

    A step is in the color of the point's class, from dark to full over time; steps that are not `meant` (t - 1, n) are
    pale, and lie behind the others.
    """
    canvas = PIL.Image.new("RGB", (size, size), "white")
    pen, steps = PIL.ImageDraw.Draw(canvas), len(centers) - 1
    ends = [_rgb(colors.get(label or "", COLORS[0] if not colors else "#b8b8b8")) for label in labels]
    for step in range(steps):
        for i in np.flatnonzero(~meant[step]).tolist():
            _line(pen, centers[step : step + 2, i], _PALE, width)
    for step in range(steps):
        share = (step + 1) / steps
        for i in np.flatnonzero(meant[step]).tolist():
            _line(pen, centers[step : step + 2, i], _mixed(ends[i], share), width)
    for i, (y, x) in enumerate(centers[-1].tolist()):
        reach = _DOT * width
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=_mixed(ends[i], 1.0))
    return np.asarray(canvas)


def _line(pen: PIL.ImageDraw.ImageDraw, ends: Floats, color: str, width: float) -> None:
    (y, x), (other_y, other_x) = ends.tolist()
    pen.line((x, y, other_x, other_y), fill=color, width=max(1, round(width)))


def _rgb(color: str) -> NDArray[np.int64]:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.int64)


def _mixed(end: NDArray[np.int64], share: float) -> str:
    red, green, blue = np.rint(_DARK + (end - _DARK) * share).astype(int).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"
