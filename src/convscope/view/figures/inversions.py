"""Inversions to views: a strip from what the network was given to what ever deeper layers hold of it."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from ...base.pixels import to_bytes
from ...results.synthesis import Inversion
from ..panels.captions import note, title
from ..panels.parts import with_panel
from ..view import Panel, View

_ROW = 960 - 16  # pixels there are for a row
_GAP, _LARGE, _SMALL = 4, 224, 131  # the smallest side leaves room for seven in a row


def draw_inversion(
    result: Inversion,
    *,
    side: Annotated[int, Field(ge=0, le=1024, description="side of a picture as drawn; 0: a row for a few layers")] = 0,
) -> View:
    """Draw what the network was given, and what each layer holds of it, shallow to deep, with the relative error."""
    tiles = np.concatenate([result.seen[None], to_bytes(result.images)])
    names = (f"{name} · {error:.3g}" for name, error in zip(result.layers, result.values, strict=True))
    about = f"of {result.unit}" if len(result.layers) == 1 else f"of {len(result.layers)} layers, shallow to deep"
    panel = Panel(
        "what the network was given; then, made anew from a layer, with the error relative to its activations",
        "images",
        labels=("given", *names),
        side=side or max(_SMALL, min(_LARGE, _ROW // len(tiles) - _GAP)),
    )
    return with_panel(View(title(result, about), (), {}, note(result)), panel, tiles)
