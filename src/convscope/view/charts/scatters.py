"""Points as dots, in colors that the color-blind tell apart too, and the legend beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from ...base.pixels import Floats, Ints
from ..render.fonts import font

Pixels = NDArray[np.uint8]

COLORS = (  # found by search: in Lab any two are 23 apart or more, also without red, green or blue cones
    "#0077bb", "#ff6600", "#66eeaa", "#995566", "#ffbbff", "#445500",
    "#2200ff", "#99dd66", "#998855", "#7722cc", "#990077", "#ff55ff",
)  # fmt: skip
MOST = len(COLORS)  # classes that have colors of their own
_OTHER = "#b8b8b8"  # of what has none
_INK = "#1a1a1a"
_FINE = 8  # the dot is drawn so many times larger first
_LINE, _LETTERS, _TEXT = 17, 24, 11  # of a legend: height of a line, longest name, size of the letters


def colors_of(labels: Sequence[str | None]) -> dict[str, str]:
    """A color for each class, in the order of their names; of more than 12 classes the most frequent have one.

    A class of one image then has none: 12 colored dots among hundreds would mean nothing.
    """
    counts = Counter(label for label in labels if label is not None)
    chosen = {name for name, count in counts.most_common(MOST) if len(counts) <= MOST or count > 1}
    return dict(zip(sorted(chosen, key=_numbered), COLORS, strict=False))


def scatter(
    centers: Floats,
    labels: Sequence[str | None],
    colors: Mapping[str, str],
    width: float | Sequence[float],
    size: int,
    depth: Floats | None,
    names: Mapping[int, str] | None = None,
) -> Pixels:
    """Dots at centers (n, 2), y and x in pixels, on a square of `size` pixels, (size, size, 3).

    Those without a color lie behind the others, and the rest in an order drawn once, so that no class hides another by
    its place in the alphabet. With `depth` (n,), from 0 to 1, the nearer lie in front, and what is far is pale. A
    width of each dot, instead of one of all, puts the smaller in front; `names` are written beside dots, by number.
    """
    fills = [colors.get(label, "") if label is not None else "" for label in labels]
    plain = COLORS[0] if not any(fills) else _OTHER
    canvas = PIL.Image.new("RGB", (size, size), "white")
    widths = [width] * len(labels) if isinstance(width, int | float) else [round(one, 1) for one in width]
    order = _order(fills, depth) if isinstance(width, int | float) else np.argsort(-np.array(widths), kind="stable")
    for i in order.tolist():
        dot, ring = _disk(widths[i]), _disk(widths[i] + 2)
        shown = _paler(fills[i] or plain, 1.0 if depth is None else float(depth[i]))
        for color, mask in (("white", ring), (shown, dot)) if widths[i] >= 4 else ((shown, dot),):
            top, left = np.rint(centers[i] - mask.height / 2).astype(int).tolist()
            canvas.paste(color, (left, top), mask)
    _write(canvas, centers, widths, names or {})
    return np.asarray(canvas)


def sizes(levels: Mapping[str, float], density: float) -> Pixels:
    """What the widths of dots mean, (height, width, 3): by a name of each, its width in pixels."""
    step, largest = int(max(_LINE * density, 1.15 * max(levels.values()))), max(levels.values())
    written = font(_TEXT, density)
    left = int(largest + 6 * density)
    width = left + int(max(written.getlength(name) for name in levels)) + 2
    picture = PIL.Image.new("RGB", (width, step * len(levels)), "white")
    pen = PIL.ImageDraw.Draw(picture)
    for number, (name, wide) in enumerate(levels.items()):
        middle, dot = (number + 0.5) * step, _disk(round(wide, 1))
        picture.paste(_OTHER, (round((largest - dot.width) / 2), round(middle - dot.height / 2)), dot)
        pen.text((left, middle), name, fill=_INK, font=written, anchor="lm")
    return np.asarray(picture)


def legend(labels: Sequence[str | None], colors: Mapping[str, str], density: float) -> Pixels:
    """The names of classes and how many images each has, beside their dots, (height, width, 3)."""
    counts = Counter(labels)
    without, others = counts.pop(None, 0), sum(count for name, count in counts.items() if name not in colors)
    rows = [(color, f"{_short(name)} ({counts[name]:,})") for name, color in colors.items()]
    rows += [(_OTHER, f"{len(counts) - len(colors)} other classes ({others:,})")] if others else []
    rows += [(_OTHER, f"no class ({without:,})")] if without else []
    written = font(_TEXT, density)
    width = int(_LINE * density + max(written.getlength(words) for _, words in rows))
    picture = PIL.Image.new("RGB", (width, int(_LINE * len(rows) * density)), "white")
    pen, dot = PIL.ImageDraw.Draw(picture), _disk(9 * density)
    for number, (color, words) in enumerate(rows):
        middle = (number + 0.5) * _LINE * density
        picture.paste(color, (0, round(middle - dot.height / 2)), dot)
        pen.text((_LINE * density, middle), words, fill=_INK, font=written, anchor="lm")
    return np.asarray(picture)


def _numbered(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts numbers in names as numbers, before letters."""
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def _short(name: str) -> str:
    name = name.split(",")[0]
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"


def _write(canvas: PIL.Image.Image, centers: Floats, widths: Sequence[float], names: Mapping[int, str]) -> None:
    """Names beside dots, on the side that has room, with a white edge so that they are read over others."""
    pen, written = PIL.ImageDraw.Draw(canvas), font(_TEXT, canvas.width / min(canvas.width // 2, 720))
    for i, name in names.items():
        y, x = (float(at) for at in centers[i])
        right = x + widths[i] / 2 + written.getlength(name) + 6 < canvas.width
        place = (x + widths[i] / 2 + 3, y) if right else (x - widths[i] / 2 - 3, y)
        pen.text(
            place, name, fill=_INK, font=written, anchor="lm" if right else "rm", stroke_width=2, stroke_fill="white"
        )


def _order(fills: Sequence[str], depth: Floats | None) -> Ints:
    if depth is not None:
        return np.argsort(depth, kind="stable")
    drawn = np.random.default_rng(0).permutation(len(fills))
    has = np.array([bool(fills[i]) for i in drawn])
    return np.asarray(drawn[np.argsort(has, kind="stable")])


def _paler(color: str, nearness: float) -> tuple[int, ...]:
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    return tuple(np.rint(255 + (rgb - 255) * (0.25 + 0.75 * nearness)).astype(int).tolist())


@cache
def _disk(width: float) -> PIL.Image.Image:
    """How much of each pixel a disk covers, in a square a little larger than it."""
    side = int(np.ceil(width)) + 2
    large = PIL.Image.new("L", (side * _FINE, side * _FINE))
    ends = [(side - width) / 2 * _FINE, (side + width) / 2 * _FINE - 1]
    PIL.ImageDraw.Draw(large).ellipse((ends[0], ends[0], ends[1], ends[1]), fill=255)
    return large.resize((side, side), PIL.Image.Resampling.BOX)
