"""Projection to a view: what was projected back, beside the part of the picture it came from."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray
from pydantic import Field

from ...results.attribution import Projection
from ..panels.captions import named, note, title
from ..panels.parts import Photo, with_panel
from ..view import Panel, Percentile, View, symmetric

_SIDE = 112  # of a crop, in pixels


def draw_projection(
    result: Projection,
    *,
    photo: Photo = True,
    percentile: Percentile = 99.5,
    crops: Annotated[int, Field(ge=0, le=32, description="how many of the kept activations to show as crops")] = 8,
) -> View:
    """Draw a projection in the colors of the picture, and each crop it came from beside its own part of it."""
    values = result.values
    colors = values.transpose(1, 2, 0) if len(values) == 3 else np.repeat(values.transpose(1, 2, 0), 3, 2)
    scale = symmetric(values, "color", percentile)
    view = View(title(result, f"of {named(result)} = {result.value:.4g}"), (), {}, note(result))
    boxes = [tuple(map(int, box)) for box in result.boxes[:crops]]
    if photo:
        seen = outlined(result.seen, boxes)
        view = with_panel(view, Panel("what the network sees", "seen"), seen[None])
    view = with_panel(view, Panel("projected back, each color by itself", "projection"), colors, scale)
    if not boxes:
        return view
    numbers = tuple(
        f"{value:.3g} at {y},{x}" if y >= 0 else f"{value:.3g}"
        for value, (y, x) in zip(result.activations, result.positions, strict=True)
    )[: len(boxes)]
    photos = np.stack([_crop(result.seen, box) for box in boxes])
    view = with_panel(view, Panel("what moved the activations", "crops", labels=numbers), photos)
    parts = np.stack([_crop(_bytes(colors, scale.high), box) for box in boxes])
    return with_panel(view, Panel("the same parts, projected back", "parts", labels=numbers), parts)


def outlined(seen: NDArray[np.uint8], boxes: list[tuple[int, ...]]) -> NDArray[np.uint8]:
    """A picture with boxes, (top, left, bottom, right), drawn in white and black."""
    picture = PIL.Image.fromarray(seen)
    pen = PIL.ImageDraw.Draw(picture)
    for top, left, bottom, right in boxes:
        for inset, color in ((0, "white"), (1, "black")):
            if bottom - top > 2 * inset + 1 and right - left > 2 * inset + 1:
                pen.rectangle([left + inset, top + inset, right - inset - 1, bottom - inset - 1], outline=color)
    return np.asarray(picture)


def _crop(picture: NDArray[np.uint8], box: tuple[int, ...]) -> NDArray[np.uint8]:
    """A part of a picture, enlarged or reduced to a square tile of the same size as the others, its aspect kept."""
    top, left, bottom, right = box
    part = PIL.Image.fromarray(picture[top:bottom, left:right] if bottom > top else picture[:1, :1])
    zoom = _SIDE / max(part.size)
    part = part.resize(
        (max(1, round(part.width * zoom)), max(1, round(part.height * zoom))), PIL.Image.Resampling.BICUBIC
    )
    tile = PIL.Image.new("RGB", (_SIDE, _SIDE), "white")
    tile.paste(part, ((_SIDE - part.width) // 2, (_SIDE - part.height) // 2))
    return np.asarray(tile)


def _bytes(values: NDArray[np.float32], high: float) -> NDArray[np.uint8]:
    return ((values / high).clip(-1, 1) * 127.5 + 127.5).astype(np.uint8)
