"""A map of the units of a layer: dots in the color of the class each tells best, the surer the larger."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ....base.pixels import Floats
from ....results.neuron_projection import NeuronProjection
from ...charts.scatters import colors_of, legend, scatter, sizes
from ...panels.captions import note, title
from ...panels.parts import with_panel
from ...view import Panel, View

_SMALL, _LARGE = 0.35, 1.7  # widths of the dots of an area of .5 and less, and of 1, of the usual one
_LEVELS = (0.5, 0.7, 0.9, 1.0)  # areas in the legend


def draw_neuron_projection(
    result: NeuronProjection,
    *,
    size: Annotated[int, Field(ge=200, le=4096, description="pixels of the map's side")] = 1000,
    named: Annotated[
        int, Field(ge=0, le=20, description="units of each class whose number is written, the surest first")
    ] = 1,
) -> View:
    """Draw a map of units: the color says which class a unit tells best, the size how surely on the half that tests."""
    density = size / min(size // 2, 720)
    usual = min(max(0.5 * size / math.sqrt(len(result.channels)), 6.0), size / 45)
    colored = bool(set(result.classes) - {None})
    widths = _widths(result.auroc, usual) if colored else np.full(len(result.channels), 0.6 * usual)
    colors = colors_of(result.classes)
    centers = _centers(result.values, size, max(widths.max(), size / 40))
    names = _named(result, named) if colored else {}
    pixels = scatter(centers, result.classes, colors, widths.tolist(), size, None, names)
    told = result.evidence
    about = title(result, f"of {told['units']:,} units at {result.unit} over {told['images']:,} images")
    view = View(about, (), {}, "; ".join(filter(None, [_made(result), *_said(told), note(result)])))
    words = "a dot a unit; near: they say the same of images, or the opposite"
    view = with_panel(view, Panel(words, "map", side=round(size / density), exact=True), pixels[None])
    if not colored:
        return view
    keys = {"classes": ("class it tells best (units)", legend(result.classes, colors, density))}
    levels = {f"{level:g}".replace("0.", "."): float(_widths(np.array([level]), usual)[0]) for level in _LEVELS}
    keys["areas"] = ("area under the ROC curve, tested", sizes(levels, density))
    for name, (head, drawn) in keys.items():
        side = int(np.ceil(max(drawn.shape[:2]) / density))
        view = with_panel(view, Panel(head, name, side=side, exact=True), drawn[None])
    return view


def _widths(areas: NDArray[np.float64], usual: float) -> NDArray[np.float64]:
    """The width of a dot, which grows with what the area under the curve is above chance."""
    shares = (2 * np.nan_to_num(areas, nan=0.5) - 1).clip(0, 1)
    return np.asarray(usual * (_SMALL + (_LARGE - _SMALL) * shares))


def _named(result: NeuronProjection, count: int) -> dict[int, str]:
    """The units of each class that tell it best, by their place among those shown, with their numbers."""
    taken: dict[str | None, int] = {None: count}
    found = {}
    for i in np.argsort(-np.nan_to_num(result.auroc, nan=0), kind="stable").tolist():
        name = result.classes[i]
        if taken.setdefault(name, 0) < count:
            taken[name] += 1
            found[i] = str(result.channels[i])
    return found


def _centers(points: Floats, size: int, margin: float) -> Floats:
    """Where points lie in a square of `size` pixels, (n, 2) of y and x, as large as half a margin around lets them."""
    places = points[:, 1::-1].astype(np.float64)
    low, high = places.min(axis=0), places.max(axis=0)
    span = float((high - low).max()) or 1.0
    return np.asarray((places - (low + high) / 2) * ((size - 1.5 * margin) / span) + size / 2, np.float32)


def _made(result: NeuronProjection) -> str:
    made = result.evidence
    how = f"MDS, stress {made['stress']:.2f}" if made["method"] == "mds" else f"t-SNE, seed {made['seed']}"
    kept = (
        ""
        if result.correlation is None
        else f"; rank correlation of 1 − |r| and distance here {result.correlation:.2f}"
    )
    return f"distances 1 − |r| of units, by {how}{kept}"


def _said(told: Mapping[str, Any]) -> list[str]:
    return [str(told[name]) for name in ("few", "uncolored") if name in told]
