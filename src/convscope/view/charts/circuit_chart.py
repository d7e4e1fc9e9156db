"""A circuit as a picture: a column of units a layer, the image at the left, and edges whose width is what they give."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageColor
import PIL.ImageDraw
from numpy.typing import NDArray

from ..render.fonts import font
from ..render.layout import DENSITY
from .circuit_layout import CircuitLayout, PlacedEdge, PlacedUnit, Rectangle, Words

INKS = {"ink": "#1a1a1a", "pale": "#5a5a5a", "excites": "#cc3311", "inhibits": "#0077bb"}
FRAME, EMPTY = "#888888", "#f4f4f4"
_BENDS = 96  # straight pieces of a curve
_FINE = 2 * DENSITY  # pixels that a curve is drawn with, per CSS pixel


def circuit(layout: CircuitLayout) -> NDArray[np.uint8]:
    """The picture of a circuit, (height, width, 3), at sheet density."""
    size = round(layout.width * _FINE), round(layout.height * _FINE)
    fine = PIL.Image.new("RGB", size, "white")
    for edge in layout.edges:
        _curve(PIL.ImageDraw.Draw(fine), edge)
    picture = fine.reduce(_FINE // DENSITY)  # so that curves are smooth
    pen = PIL.ImageDraw.Draw(picture)
    for unit in layout.units:
        _unit(picture, pen, unit)
    for words in layout.words:
        _write(pen, words)
    return np.asarray(picture)


def faintness(share: float) -> float:
    """How strong the color of an edge is, the paler the less it gives."""
    return 0.35 + 0.65 * share


def shrunk(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A unit's picture as a square of a side in sheet pixels; values keep their edges, photos do not."""
    few = max(picture.shape[:2]) < side
    filter = PIL.Image.Resampling.NEAREST if few else PIL.Image.Resampling.LANCZOS
    return np.asarray(PIL.Image.fromarray(picture).convert("RGB").resize((side, side), filter))


def _curve(pen: PIL.ImageDraw.ImageDraw, edge: PlacedEdge) -> None:
    t = np.linspace(0, 1, _BENDS + 1)[:, None]
    a, b, c, d = (np.array(point) for point in (edge.start, *edge.bends, edge.end))
    points = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    color = np.array(PIL.ImageColor.getrgb(INKS["excites" if edge.edge.value > 0 else "inhibits"]), float)
    faded = color * faintness(edge.share) + 255 * (1 - faintness(edge.share))
    flat = [tuple(point) for point in (points * _FINE).tolist()]
    pen.line(flat, fill=tuple(faded.astype(int).tolist()), width=max(1, round(edge.width * _FINE)), joint="curve")


def _unit(picture: PIL.Image.Image, pen: PIL.ImageDraw.ImageDraw, unit: PlacedUnit) -> None:
    for drawn, box in zip(unit.unit.pictures, unit.boxes, strict=True):
        left, top, right, bottom = _pixels(box)
        if drawn is None:
            pen.rectangle((left, top, right - 1, bottom - 1), fill=EMPTY)
        else:
            picture.paste(PIL.Image.fromarray(shrunk(drawn, right - left)), (left, top))
        pen.rectangle((left, top, right - 1, bottom - 1), outline=FRAME)


def _pixels(box: Rectangle) -> tuple[int, int, int, int]:
    left, top = round(box.left * DENSITY), round(box.top * DENSITY)
    side = round((box.right - box.left) * DENSITY)
    return left, top, left + side, top + side


def _write(pen: PIL.ImageDraw.ImageDraw, words: Words) -> None:
    box = words.box
    if words.ink in ("excites", "inhibits"):  # an edge that goes on to a later layer may pass under it
        pen.rectangle([v * DENSITY for v in (box.left - 1, box.top + 0.5, box.right + 1, box.bottom - 0.5)], "white")
    middle = (box.left + box.right) / 2 * DENSITY, (box.top + box.bottom) / 2 * DENSITY
    pen.text(middle, words.text, fill=INKS[words.ink], font=font(words.size), anchor="mm")
