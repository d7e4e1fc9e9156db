"""Attributions to views: colors one by one or together, places over the picture, and what each kind adds."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...results.attribution import Attribution, ClassActivation, Estimate, UnitResult
from ..panels.captions import named, note, title
from ..panels.parts import Photo, laid_over, scale_of, with_panel
from ..view import Map, Panel, Percentile, Scale, View, from_zero, symmetric

Style = Annotated[
    Literal["all", "absolute", "signed", "grey", "color", "over"],
    Field(
        description="absolute: largest magnitude over the colors; signed: their sum; grey: their mean; color: each; "
        "over: the largest magnitude over the picture"
    ),
]


def draw_attribution(
    result: Attribution,
    *,
    style: Style = "all",
    photo: Photo = True,
    percentile: Percentile = 99.5,
) -> View:
    """Draw what a unit's value depends on, beside the picture the network saw."""
    values = result.values
    if values.ndim == 2:
        return places(result, photo, percentile, style)
    if style == "over":
        strongest = dataclasses.replace(result, values=np.abs(values).max(0))
        return places(strongest, photo, percentile, style)
    maps = {
        "absolute": (np.abs(values).max(0), "largest magnitude over colors"),
        "signed": (values.sum(0), "sum over colors"),
        "grey": (values.mean(0), "mean over colors"),
        "color": (values.transpose(1, 2, 0) if len(values) == 3 else values[0], "each color by itself"),
    }
    chosen = ["absolute", "signed", "grey"] if style == "all" else [style]
    panels, arrays = _photo(result, photo)
    for name in chosen:
        array, label = maps[name]
        arrays[name] = array[None]
        panels.append(Panel(label, name, _attribution_scale(name, array, percentile)))
    return View(title(result, f"for {named(result)} = {result.value:.4g}"), tuple(panels), arrays, note(result))


def _attribution_scale(style: str, array: NDArray[Any], percentile: float) -> Scale:
    if style == "absolute":
        return from_zero(array, percentile)
    maps: dict[str, Map] = {"signed": "diverging", "grey": "grey", "color": "color" if array.ndim == 3 else "grey"}
    return symmetric(array, maps[style], percentile)


def draw_estimate(
    result: Estimate, *, style: Style = "all", photo: Photo = True, percentile: Percentile = 99.5
) -> View:
    """Draw an attribution that was sampled, and how far it may be off."""
    view = draw_attribution(result, style=style, photo=photo, percentile=percentile)
    if style != "all":
        return view
    error = result.error if result.error.ndim == 2 else result.error.max(0)
    panel = Panel("standard error, largest over colors" if result.error.ndim == 3 else "standard error", "error")
    return with_panel(view, panel, error, from_zero(error, percentile))


def draw_class_activation(
    result: ClassActivation, *, style: Style = "all", photo: Photo = True, percentile: Percentile = 99.5
) -> View:
    """Draw a class activation map, enlarged over the picture and as the layer has it."""
    view = draw_attribution(result, style=style, photo=photo, percentile=percentile)
    if style != "all":
        return view
    height, width = result.grid.shape
    panel = Panel(f"{result.layer}, {height} × {width}, before the negative part is cut off", "grid")
    return with_panel(view, panel, result.grid, symmetric(result.grid))


def places(result: Attribution, photo: bool, percentile: float, style: str) -> View:
    """Draw a map of places: over the picture, by itself for any other style, or both for `all`."""
    scale = scale_of(result.values, percentile)
    panels, arrays = _photo(result, photo)
    if style != "over":
        panels.append(Panel("value of each place", "map", scale))
        arrays["map"] = result.values[None]
    if style in ("all", "over"):
        panels.append(Panel("the same over the picture" if style == "all" else "over the picture", "over"))
        arrays["over"] = laid_over(result.seen, result.values, scale)[None]
    about = title(result, f"for {named(result)} = {result.value:.4g}")
    return View(about, tuple(panels), arrays, note(result))


def _photo(result: UnitResult, wanted: bool) -> tuple[list[Panel], dict[str, NDArray[Any]]]:
    return ([Panel("what the network sees", "seen")], {"seen": result.seen[None]}) if wanted else ([], {})
