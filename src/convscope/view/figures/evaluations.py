"""Tests of maps to views: curves, maps of networks that forget, points and boxes, and methods side by side."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...results.evaluation import Comparison, Curves, PointingGame, SanityCheck
from ..charts.line_chart import lines
from ..panels.captions import named, note, title
from ..panels.parts import Photo, laid_over, scale_of, with_panel
from ..view import Panel, Percentile, View, suited
from .projections import outlined

_CURVES = 336  # the width of a chart


def draw_curves(result: Curves, *, photo: Photo = True, percentile: Percentile = 99.5) -> View:
    """Draw the deletion and insertion curves beside the map that was tested."""
    areas = ", ".join(f"{name} {result.evidence[name]:.3g}" for name in ("deletion", "insertion"))
    method = str(result.evidence.get("method", "a map")).replace("_", " ")
    view = View(title(result, f"of {method} for {named(result)}: areas {areas}"), (), {}, note(result))
    if photo:
        view = with_panel(view, Panel("what the network sees", "seen"), result.seen[None])
    view = with_panel(view, Panel("the map", "map"), result.map, suited(result.map, percentile))
    chart = lines(result.fractions, dict(zip(("deletion", "insertion"), result.values, strict=True)), "share of pixels")
    return with_panel(view, Panel("the unit's value", "chart", side=_CURVES, exact=True), chart[None])


def draw_sanity_check(result: SanityCheck, *, photo: Photo = True) -> View:
    """Draw the map of the network as it is, then as its layers forget, each with its similarity to the first."""
    method = str(result.evidence.get("method", "a map")).replace("_", " ")
    about = title(result, f"of {method} for {named(result)}")
    view = View(about, (), {}, "; ".join(filter(None, [str(result.evidence.get("verdict", "")), note(result)])))
    if photo:
        view = with_panel(view, Panel("what the network sees", "seen"), result.seen[None])
    shown = np.stack([_relative(values) for values in result.maps])
    labels = ("as it is", *(f"{name[-13:]} {r:.2f}" for name, r in zip(result.names, result.values, strict=True)))
    titled = "the map after each layer forgot, with its rank correlation to the first; each on its own scale"
    panel = Panel(titled, "maps", suited(shown, label="share of its largest"), labels)
    return View(view.title, (*view.panels, panel), {**view.arrays, "maps": shown}, view.note)


def draw_pointing_game(result: PointingGame, *, percentile: Percentile = 99.5) -> View:
    """Draw the picture with the box and the map's maximum, and the map."""
    method = str(result.evidence.get("method", "a map")).replace("_", " ")
    about = title(result, f"of {method} for {named(result)}: {'hit' if result.hit else 'miss'}")
    left, top, right, bottom = (round(side) for side in result.box)
    y, x = result.point
    seen = outlined(result.seen, [(top, left, bottom, right), (y - 3, x - 3, y + 4, x + 4)])
    view = with_panel(View(about, (), {}, note(result)), Panel("the box, and the map's maximum", "seen"), seen[None])
    return with_panel(view, Panel("the map", "map"), result.values, suited(result.values, percentile))


def draw_comparison(
    result: Comparison,
    *,
    photo: Photo = True,
    percentile: Percentile = 99.5,
    overlay: Annotated[bool, Field(description="lay the maps over the picture")] = False,
) -> View:
    """Draw the map of every method with its scores."""
    refused = "; ".join(f"{name} cannot be used: {why}" for name, why in result.refused.items())
    words = f"deletion: the lower the better; insertion: the higher the better. {refused}"
    view = View(
        title(result, f"for {named(result)} = {result.value:.4g}"),
        (),
        {},
        "; ".join(filter(None, [words, note(result)])),
    )
    if photo:
        view = with_panel(view, Panel("what the network sees", "seen"), result.seen[None])
    for name, values, low, high in zip(result.methods, result.values, result.deletion, result.insertion, strict=True):
        panel = Panel(f"{name.replace('_', ' ')}: deletion {low:.3g}, insertion {high:.3g}", name)
        scale = scale_of(values, percentile)
        shown = laid_over(result.seen, values, scale)[None] if overlay else values
        view = with_panel(view, panel, shown, None if overlay else scale)
    return view


def _relative(values: NDArray[np.float32]) -> NDArray[np.float32]:
    end = float(np.percentile(np.abs(values), 99.5)) or 1.0
    return (values / end).clip(-1, 1)
