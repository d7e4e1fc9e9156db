"""Expanded weights to a view: a tile a channel of the earlier layer, those with most weight first."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from ...results.connections import ExpandedWeights
from ..panels.captions import note, title
from ..view import Panel, View, symmetric

_CELLS = 32  # of a row, where a layer has no places


def draw_expanded_weights(
    result: ExpandedWeights,
    *,
    top: Annotated[int, Field(ge=1, le=512, description="channels to show, those with most weight")] = 32,
) -> View:
    """Draw what each channel of an earlier layer gives to a neuron by weights alone, on one scale."""
    about = title(result, f"of {result.unit} on {result.layer}")
    if result.values.ndim == 1:
        return _flat(result, about)
    panels, arrays = list[Panel](), {}
    if result.layer == "input" and len(result.values) == 3:
        arrays["color"] = result.values.transpose(1, 2, 0)[None]
        panels.append(Panel("in color; grey is zero", "color", symmetric(arrays["color"], "color", label="weight")))
    first = result.order[:top]
    arrays["channels"] = result.values[first]
    scale = symmetric(arrays["channels"], label="weight")
    panels.append(Panel(_said(result, len(first)), "channels", scale, tuple(map(str, first.tolist()))))
    return View(about, tuple(panels), arrays, note(result))


def _said(result: ExpandedWeights, shown: int) -> str:
    top, left, bottom, right = result.window.tolist()
    few = f"{shown} of {len(result.values)} channels" if shown < len(result.values) else f"all {shown} channels"
    return (
        f"{few}, most weight first; red excites, blue inhibits; {bottom - top} × {right - left} places of "
        f"{' × '.join(map(str, result.side))}, from row {top}, column {left}"
    )


def _flat(result: ExpandedWeights, about: str) -> View:
    columns = min(len(result.values), _CELLS)
    cells = np.full((-(-len(result.values) // columns), columns), np.nan, np.float32)
    cells.flat[: len(result.values)] = result.values
    scale = symmetric(result.values, label="weight")
    panel = Panel(f"one cell a channel, {columns} a row, channel 0 at the top left", "cells", scale, side=448)
    return View(about, (panel,), {"cells": cells[None]}, note(result))
