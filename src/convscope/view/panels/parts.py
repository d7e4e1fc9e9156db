"""Parts of figures: one more panel, a map laid over a picture, and whether the picture is shown."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..render.colormaps import colored
from ..view import Panel, Scale, View, suited

Photo = Annotated[bool, Field(description="show the picture the network saw beside it")]


def scale_of(values: NDArray[Any], percentile: float) -> Scale:
    """From zero, or about zero; for values that are all far from zero, such as those of RISE, from the lowest."""
    known = values[np.isfinite(values)]
    low = float(known.min(initial=np.inf))
    if known.size and low > 0.3 * float(known.max()):
        return Scale("sequential", low, float(known.max()) if np.ptp(known) > 0 else low + 1)
    return suited(values, percentile)


def laid_over(seen: NDArray[np.uint8], values: NDArray[Any], scale: Scale) -> NDArray[np.uint8]:
    """A map laid over a picture, (H, W, 3): near zero the picture is grey or dark, far from it lit or colored."""
    grey = np.repeat(seen.mean(2, keepdims=True), 3, 2)
    low = scale.low if scale.map == "sequential" else 0.0
    strength = (np.abs(np.nan_to_num(values, nan=low) - low) / (scale.high - low)).clip(0, 1)[..., None]
    if scale.map == "sequential":  # a spotlight
        mixed = 0.25 * grey * (1 - strength) + seen * strength
    else:
        color = colored(np.nan_to_num(values), scale)[..., :3]
        mixed = grey * (1 - 0.7 * strength) + color * (0.7 * strength)
    return np.asarray(mixed, np.uint8)


def with_panel(view: View, panel: Panel, values: NDArray[Any], scale: Scale | None = None) -> View:
    """A view with one more panel."""
    arrays = {**view.arrays, panel.array: values[None] if scale is not None else values}
    return dataclasses.replace(view, panels=(*view.panels, dataclasses.replace(panel, scale=scale)), arrays=arrays)
