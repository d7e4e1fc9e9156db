"""The same circuit as SVG: words stay words, and what made an edge is told where the pointer rests.

Units carry their address, and edges the numbers of their units, for whoever shows the drawing. Colors are attributes,
so that a page may put its own over them.
"""

from __future__ import annotations

import html

import numpy as np
from numpy.typing import NDArray

from ..render.layout import DENSITY
from ..render.svg import FONT, data_uri
from .circuit_chart import EMPTY, FRAME, INKS, faintness, shrunk
from .circuit_layout import CircuitLayout, PlacedEdge, PlacedUnit, Rectangle, Words

_TOUCHED = 9  # width of what the pointer may rest on, along an edge


def circuit_svg(layout: CircuitLayout) -> str:
    """An `<svg>` element without a size: whoever places it gives it one."""
    edges = "".join(_edge(edge) for edge in layout.edges)
    units = "".join(_unit(number, unit) for number, unit in enumerate(layout.units))
    heads = "".join(_words(words) for words in layout.heads)
    numbers = "".join(_number(edge) for edge in layout.edges)
    about = f'class="circuit" viewBox="0 0 {layout.width:g} {layout.height:.6g}" font-family="{FONT}"'
    return f"<svg {about}>{heads}{edges}{numbers}{units}</svg>"


def _edge(placed: PlacedEdge) -> str:
    points = (placed.start, *placed.bends, placed.end)
    first, *rest = (f"{x:.1f} {y:.1f}" for x, y in points)
    path = f'd="M{first}C{" ".join(rest)}" fill="none"'
    drawn = f'<path {path} stroke="{_color(placed)}" stroke-width="{placed.width:.2f}" opacity="{_opacity(placed)}"/>'
    touched = f'<path {path} stroke="#000" stroke-opacity="0" stroke-width="{max(placed.width, _TOUCHED):.2f}"/>'
    return f"<g {_ends('edge', placed)}>{_title(placed.edge.about)}{drawn}{touched}</g>"


def _number(placed: PlacedEdge) -> str:
    """On paper of its own, for an edge that goes on to a later layer may pass under it."""
    if placed.number is None:
        return ""
    paper = f'<rect class="paper" {_rectangle(placed.number.box)} fill="#fff" fill-opacity="0.9"/>'
    return f"<g {_ends('number', placed)}>{_title(placed.edge.about)}{paper}{_words(placed.number)}</g>"


def _unit(number: int, placed: PlacedUnit) -> str:
    address = html.escape(placed.unit.address)
    pictures = "".join(map(_picture, placed.unit.pictures, placed.boxes))
    whole = Rectangle(placed.boxes[0].left, placed.boxes[0].top, placed.boxes[-1].right, placed.boxes[0].bottom)
    frame = f'<rect class="frame" {_rectangle(whole)} fill="none" stroke="{FRAME}"/>'
    words = "".join(map(_words, placed.words))
    told = _title(placed.unit.about)
    return f'<g class="unit" data-unit="{address}" data-number="{number}">{told}{pictures}{frame}{words}</g>'


def _picture(picture: NDArray[np.uint8] | None, box: Rectangle) -> str:
    """A map of few values as it is, each value a square; a larger one no larger than it is drawn."""
    if picture is None:
        return f'<rect class="empty" {_rectangle(box)} fill="{EMPTY}"/>'
    side = round((box.right - box.left) * DENSITY)
    few = max(picture.shape[:2]) < side
    drawn = picture if few else shrunk(picture, side)
    how = 'preserveAspectRatio="none"' + (' image-rendering="pixelated"' if few else "")
    return f'<image {_rectangle(box)} {how} href="{data_uri(drawn)}"/>'


def _words(words: Words) -> str:
    box = words.box
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2 + words.size * 0.36
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{words.size}" text-anchor="middle"'
    return f'<text class="{words.ink}" {place} fill="{INKS[words.ink]}">{html.escape(words.text)}</text>'


def _ends(kind: str, placed: PlacedEdge) -> str:
    edge = placed.edge
    sign = "excites" if edge.value > 0 else "inhibits"
    return f'class="{kind} {sign}" data-source="{edge.source}" data-target="{edge.target}"'


def _title(text: str) -> str:
    return f"<title>{html.escape(text)}</title>"


def _color(placed: PlacedEdge) -> str:
    return INKS["excites" if placed.edge.value > 0 else "inhibits"]


def _opacity(placed: PlacedEdge) -> str:
    return f"{faintness(placed.share):.2f}"


def _rectangle(box: Rectangle) -> str:
    width, height = box.right - box.left, box.bottom - box.top
    return f'x="{box.left:.1f}" y="{box.top:.1f}" width="{width:.1f}" height="{height:.1f}"'
