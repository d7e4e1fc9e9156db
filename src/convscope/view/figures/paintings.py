"""Synthesized pictures to views: each with its objective and value, and a mark on those that show nothing."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray
from pydantic import Field

from ...base.pixels import to_bytes
from ...results.synthesis import Maximized, Sheet
from ..panels.captions import note, title
from ..panels.parts import with_panel
from ..view import Panel, View

_LARGE, _TILE = 224, 112  # sides of a few pictures, and of many
_FEW = 8
_LEAST = 160  # side of small pictures
_NOTHING = "not driven"


def draw_maximized(
    result: Maximized,
    *,
    side: Annotated[int, Field(ge=0, le=1024, description="side of a picture as drawn; 0: by their number")] = 0,
) -> View:
    """Draw the pictures that excite units, each under its objective and final value."""
    count = len(result.images)
    about = f"of {result.objectives[0]}" if len(set(result.objectives)) == 1 else f"of {count} objectives"
    view = View(title(result, _labelled(result, about)), (), {}, note(result))
    pictures = to_bytes(result.images)
    tiles = np.stack([_marked(p, bool(driven)) for p, driven in zip(pictures, result.driven, strict=True)])
    drawn = side or _drawn(max(tiles.shape[1:3]), count)
    labels = tuple(_label(result, i) for i in range(count))
    return with_panel(view, Panel(_how(result), "images", labels=labels, side=drawn), tiles)


def _drawn(longest: int, count: int) -> int:
    """The side of a picture as drawn: small ones are enlarged by a whole factor until captions fit under them."""
    if longest < _LEAST:
        return longest * -(-_LEAST // longest)
    return min(longest, _LARGE if count <= _FEW else _TILE)


def draw_sheet(
    result: Sheet,
    *,
    side: Annotated[int, Field(ge=16, le=256, description="side of a picture as drawn")] = 96,
) -> View:
    """Draw a layer: a picture a channel, under it its number and value, beside it what of photos excites it most."""
    shown = f"{len(result.shown)} of {result.evidence['channels']} channels"
    view = View(title(result, f"of {result.unit}: {shown}"), (), {}, note(result))
    tiles = np.stack([_row(result, i) for i in range(len(result.shown))])
    words = "a picture a channel, under it number and value"
    words += ", beside it the top patches of a scan" if result.patches.shape[1] else ""
    labels = tuple(
        f"{channel} · {value:.3g}" if driven else f"{channel} · {_NOTHING}"
        for channel, value, driven in zip(result.shown, result.values, result.driven, strict=True)
    )
    wide = side * tiles.shape[2] // tiles.shape[1]
    return with_panel(view, Panel(words, "images", labels=labels, side=max(side, wide)), tiles)


def _row(result: Sheet, i: int) -> NDArray[np.uint8]:
    picture = _marked(result.images[i], bool(result.driven[i]))
    patches = [_fitted(patch, len(picture)) for patch in result.patches[i]]
    return np.concatenate([picture, *patches], 1)


def _fitted(patch: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A patch at the height of a picture, a white line before it."""
    drawn = np.asarray(PIL.Image.fromarray(patch).resize((side, side), PIL.Image.Resampling.BICUBIC))
    return np.concatenate([np.full((side, 3, 3), 255, np.uint8), drawn], 1)


def _marked(picture: NDArray[np.uint8], driven: bool) -> NDArray[np.uint8]:
    """The picture, or, where it shows nothing, a crossed empty field: never grey that could be taken for an answer."""
    if driven:
        return picture
    blank = PIL.Image.new("RGB", (picture.shape[1], picture.shape[0]), "#eeeeee")
    pen = PIL.ImageDraw.Draw(blank)
    right, bottom = blank.width - 1, blank.height - 1
    for line in ([0, 0, right, bottom], [0, bottom, right, 0], [0, 0, right, 0, right, bottom, 0, bottom, 0, 0]):
        pen.line(line, fill="#999999", width=1)
    crossed = np.asarray(blank)
    return crossed if picture.shape[2] == 3 else np.insert(crossed, 3, 255, 2)


def _label(result: Maximized, i: int) -> str:
    if not result.driven[i]:
        return f"{result.objectives[i]} · {_NOTHING}"
    label = result.evidence.get("labels", [""] * len(result.images))[i].split(",")[0]
    return f"{label or result.objectives[i]} · {result.values[i]:.3g}"


def _labelled(result: Maximized, about: str) -> str:
    labels = set(result.evidence.get("labels", [""]))
    label = labels.pop() if len(labels) == 1 else ""
    return f"{about} ({label.split(',')[0]})" if label else about


def _how(result: Maximized) -> str:
    asked = result.request.knobs if result.request is not None else {}
    recipe = f"recipe {asked['preset']}, " if asked else ""
    return f"{recipe}{result.evidence['steps']} steps from noise"
