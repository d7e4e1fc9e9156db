"""Occlusion to a view: Zeiler and Fergus's three pictures, by the position of what hides the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...results.occlusion import Occlusion
from ..panels.parts import Photo, with_panel
from ..view import Panel, Percentile, Scale, View, suited
from .attributions import places

_COLORS = {  # Paul Tol's bright scheme
    "blue": "#4477aa", "red": "#ee6677", "green": "#228833", "yellow": "#ccbb44", "cyan": "#66ccee",
    "purple": "#aa3377",
}  # fmt: skip
_OTHER = "#bbbbbb"


def draw_occlusion(result: Occlusion, *, photo: Photo = True, percentile: Percentile = 100.0) -> View:
    """Draw the drop at each pixel, then for each position: the unit, the correct class, the most probable class."""
    view = places(result, photo, percentile, "all")
    values = result.unit_values
    ends = values[np.isfinite(values)]
    around = Scale("sequential", float(ends.min()), float(ends.max())) if np.ptp(ends) > 0 else suited(values)
    view = with_panel(view, Panel("the unit's value, by position", "unit"), values, around)
    if result.correct < 0:
        return view
    names = {row["class"]: row["label"] for row in result.evidence.get("most_probable", ())}
    correct = _short(str(result.evidence.get("correct", result.correct)))
    panel = Panel(f"probability of {correct}, by position", "probability")
    view = with_panel(view, panel, result.probability, Scale("sequential", 0, 1))
    return _most_probable(view, result, names)


def _most_probable(view: View, result: Occlusion, names: dict[int, str]) -> View:
    """The most probable class by position, in colors whose meaning is said above."""
    classes = [int(row["class"]) for row in result.evidence.get("most_probable", ())]
    picture = np.full((*result.top_class.shape, 3), _rgb(_OTHER), np.uint8)
    for index, color in zip(classes, _COLORS.values(), strict=False):
        picture[result.top_class == index] = _rgb(color)
    picture[result.top_class < 0] = 255
    meant = [f"{color}: {_short(names[index])}" for index, color in zip(classes, _COLORS, strict=False)]
    others = ["grey: others"] if len(classes) > len(_COLORS) else []
    words = f"most probable class, by position. {', '.join(meant + others)}"
    return with_panel(view, Panel(words, "top", exact=True), picture[None])


def _short(label: str) -> str:
    """The first of a class's names, not too long."""
    first = label.partition(",")[0]
    return first if len(first) <= 20 else first[:19] + "…"


def _rgb(color: str) -> NDArray[Any]:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
