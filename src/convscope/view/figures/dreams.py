"""Dreams to views: large, with the picture it came from and some frames of its zoom beside it."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from ...base.pixels import to_bytes
from ...results.synthesis import Dream
from ..panels.captions import note, title
from ..panels.parts import with_panel
from ..view import Panel, View

_LARGE, _BESIDE, _STRIP = 928, 300, 224  # longest sides: of the dream, of the original, of a frame
_FRAMES = 8


def draw_dream(
    result: Dream,
    *,
    original: Annotated[bool, Field(description="show the picture it came from, too")] = False,
    fps: Annotated[float, Field(ge=1, le=120, description="frames a second, of a video")] = 15.0,
) -> View:
    """Draw a dream, the picture it came from, and some frames of its zoom."""
    height, width = result.image.shape[:2]
    octaves = len(result.values)
    about = f"of {_raised(result)}: {width} × {height} pixels, {octaves} octaves"
    view = View(title(result, about), (), {}, note(result))
    view = with_panel(view, Panel("", "dream", side=_LARGE), to_bytes(result.image)[None])
    if original:
        view = with_panel(view, Panel("what it came from", "original", side=_BESIDE), result.original[None])
    if len(result.frames) < 2:
        return view
    shown = np.linspace(0, len(result.frames) - 1, min(_FRAMES, len(result.frames))).round().astype(int)
    words = f"of {len(result.frames)} frames, {len(result.frames) / fps:.3g} s at {fps:g} a second"
    panel = Panel(words, "frames", labels=tuple(str(number + 1) for number in shown), side=_STRIP)
    return with_panel(view, panel, result.frames[shown])


def _raised(result: Dream) -> str:
    """What was raised; of a layer's dream, the layer."""
    objective = str(result.evidence["objective"])
    return str(result.unit) if objective == f"dream({result.unit})" else objective
