"""Stylized pictures to views: alone, or as a figure with what they were made of and how the losses fell."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ...base.pixels import to_bytes
from ...results.synthesis import Stylized
from ..charts.line_chart import lines
from ..panels.captions import note, title
from ..panels.parts import with_panel
from ..view import Panel, View

_LARGE, _TILE, _LOSSES, _VARIANT = 928, 224, 448, 192  # longest sides as drawn
_COLUMNS = 4  # of variants
_TERMS = ("content", "style", "variation")


def draw_stylized(
    result: Stylized,
    *,
    figure: Annotated[
        bool, Field(description="with contents, styles and losses, instead of the picture alone")
    ] = False,
    depth: Annotated[Literal[8, 16], Field(description="bits a color, of the picture alone")] = 8,
    profile: Annotated[bool, Field(description="keep the ICC profile of the content's file")] = False,
    fps: Annotated[float, Field(ge=1, le=120, description="frames a second, of a video")] = 25.0,
) -> View:
    """Draw a stylized picture, what it was made of, and the losses over the steps."""
    height, width = result.image.shape[:2]
    count = len(result.styles)
    about = f"after {count} picture{'s' * (count > 1)}: {width} × {height} pixels"
    view = View(title(result, about), (), {}, note(result))
    if result.labels:
        view = _variants(view, result)
    else:
        view = with_panel(view, Panel("", "picture", side=_LARGE), to_bytes(result.image)[None])
    for name, several in (("content", (result.content,)), ("style", result.styles)):
        for number, one in enumerate(several):
            view = with_panel(view, Panel(name, f"{name}{number}", side=_TILE), one[None])
    if result.labels:  # losses of variants with other weights say nothing about each other
        return view
    return with_panel(view, Panel("losses over the steps", "losses", side=_LOSSES, exact=True), losses(result)[None])


def _variants(view: View, result: Stylized) -> View:
    """A row a scale, so that a column is a weight."""
    shown = np.stack([to_bytes(one) for one in result.frames])
    for first in range(0, len(shown), _COLUMNS):
        row = slice(first, first + _COLUMNS)
        told = "" if first else "variants of the weight of the style, and of its scale"
        view = with_panel(view, Panel(told, f"variants{first}", labels=result.labels[row], side=_VARIANT), shown[row])
    return view


def losses(result: Stylized) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The losses of every step as a plot, (height, width, 3); those that were none are left out."""
    steps = np.linspace(0, 1, result.values.shape[1], dtype=np.float32)
    shown = {name: row for name, row in zip(_TERMS, result.values, strict=True) if row.any()}
    return lines(steps, shown or {_TERMS[0]: result.values[0]}, "share of the steps")
