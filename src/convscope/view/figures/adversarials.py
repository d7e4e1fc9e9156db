"""Adversarial examples to views: the picture alone, as its file is read, or as a figure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...results.adversarial import Adversarial
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
