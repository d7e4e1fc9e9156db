"""Adversarial examples to views: the picture alone, as its file is read, or as a figure."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from ...results.adversarial import Adversarial, Universal
from ..view import Panel, View
from .attributions import with_panel
from .captions import note, title

_SIDE = 448


def draw_adversarial(
    result: Adversarial,
    *,
    figure: Annotated[bool, Field(description="with what it was made of, instead of the picture alone")] = False,
) -> View:
    """Draw an adversarial example beside the picture it was made of."""
    became = f"{result.before} → {result.label}" if result.success else f"still {result.label}"
    view = View(title(result, f"{became}: {result.change}"), (), {}, note(result))
    for name, picture in (("before", result.clean), ("after", result.image)):
        view = with_panel(view, Panel(name, name, side=_SIDE, exact=True), picture[None])
    return view


def draw_universal(
    result: Universal,
    *,
    gain: Annotated[float, Field(gt=0, le=127, description="how much the change is amplified about grey")] = 10.0,
) -> View:
    """Draw a universal change about grey, amplified, with the share of pictures that it fools."""
    low, high = result.interval
    about = f"fools {result.rate:.0%} of {result.held_out} held-out pictures ({low:.0%} to {high:.0%})"
    panel = Panel(f"the change, times {gain:g}, about grey", "change", side=_SIDE, exact=True)
    shown = np.rint(127.5 + gain * result.values).clip(0, 255).astype(np.uint8)
    return with_panel(View(title(result, about), (), {}, note(result)), panel, shown[None])
