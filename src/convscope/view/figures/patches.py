"""Patches to a view: the crops that drive a channel over what was projected back, or a sheet of a layer's channels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray
from pydantic import Field

from ...results.patches import Patches
from ..panels.captions import named, note, title
from ..panels.parts import with_panel
from ..view import Panel, View

_WIDTH, _GAP, _APART = 940, 2, 5  # of a row, between the crops of a channel, and beside them, in pixels
_LARGEST, _STRIP = 112, 54  # sides of a lone channel's crop and of a sheet's
_LETTER = 5.3  # the width of a label's letter
_DENSITY = 2  # pixels of a tile for each it is drawn in
_FRAME = "#bbbbbb"  # so that a white crop is seen on white paper
_SHARP = 32  # pixels; smaller crops are drawn as squares, so that it shows how small they are


def draw_patches(
    result: Patches,
    *,
    percentile: Annotated[
        float, Field(gt=50, le=100, description="percentile of a projection's magnitudes that gets the full color")
    ] = 99.5,
) -> View:
    """Draw the crops that drive a channel, each over its projection, or those of each channel of a layer."""
    about = title(result, f"of {named(result)} over {result.evidence['images']} images")
    view = View(about, (), {}, "; ".join(filter(None, [_cut(result), note(result)])))
    if not result.crops:
        return view
    return _sheet(view, result) if result.unit.channel is None else _row(view, result, percentile)


def _row(view: View, result: Patches, percentile: float) -> View:
    side = max(_STRIP, min(_LARGEST, _WIDTH // len(result.crops) - 2 * _GAP))
    tiles = _tiles(result.crops, result.windows, side)
    letters = int(tiles.shape[2] / _DENSITY / _LETTER)
    classes = result.classes or ("",) * len(result.images)
    entries = zip(result.values.tolist(), result.images, classes, strict=True)
    names = tuple(_label(value, id, label, letters) for value, id, label in entries)
    side = max(tiles.shape[1:3]) // _DENSITY
    view = with_panel(view, Panel("drives it most", "crops", labels=names, side=side), tiles)
    if not result.projections:
        return view
    where = tuple(f"at {y},{x}" for y, x in result.positions) if result.positions[0, 0] >= 0 else ()
    parts = _tiles([_colors(values, percentile) for values in result.projections], result.windows, side)
    return with_panel(view, Panel("projected back", "parts", labels=where, side=side), parts)


def _sheet(view: View, result: Patches) -> View:
    """A strip of crops a channel; one that never fired is an empty strip."""
    entries = [result.of(channel) for channel in result.shown.tolist()]
    most = max(map(len, entries))
    tiles = _tiles(result.crops, result.windows, min(_STRIP, (_WIDTH - 2 * _APART) // most - _GAP))
    height, width = tiles.shape[1:3]
    pitch, start = width + _GAP * _DENSITY, _APART * _DENSITY
    strips = np.zeros((len(entries), height, pitch * most + 2 * start - _GAP * _DENSITY, 4), np.uint8)
    for strip, own in zip(strips, entries, strict=True):
        for left, i in zip(range(start, start + pitch * most, pitch), own, strict=False):
            strip[:, left : left + width] = tiles[i]
    labels = tuple(
        f"{channel} · {_peak(result.values[own])}" for channel, own in zip(result.shown, entries, strict=True)
    )
    shown, there = result.evidence["channels"]
    words = (
        f"a strip a channel, under it number and peak: {'all' if shown == there else f'{shown} of'} {there} channels"
    )
    order = result.request.knobs["sort"] if result.request is not None else "channel"
    words += "" if order == "channel" else f", sorted by {order}, largest first"
    side = max(strips.shape[1:3]) // _DENSITY
    return with_panel(view, Panel(words, "strips", labels=labels, side=side), strips)


def _peak(values: NDArray[np.float32]) -> str:
    if not len(values):
        return "no entries"
    return f"{values[0]:.3g}" + (" tied" if len(values) > 1 and np.ptp(values) == 0 else "")


def _tiles(pictures: Sequence[NDArray[np.uint8]], windows: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """Each in the middle of a transparent tile; all on one scale, so that what was cut off at an edge is smaller."""
    spans = (windows[:, 2:] - windows[:, :2]).max(1)
    longest = side * _DENSITY * spans / max(1, spans.max())
    drawn = [_resized(picture, length) for picture, length in zip(pictures, longest, strict=True)]
    height, width = (max(_even(picture.shape[axis]) for picture in drawn) for axis in (0, 1))
    tiles = np.zeros((len(drawn), height, width, 4), np.uint8)
    for tile, picture in zip(tiles, drawn, strict=True):
        top, left = (height - len(picture)) // 2, (width - picture.shape[1]) // 2
        tile[top : top + len(picture), left : left + picture.shape[1]] = np.insert(picture, 3, 255, 2)
    return tiles


def _resized(picture: NDArray[np.uint8], longest: float) -> NDArray[np.uint8]:
    if not picture.size:
        return picture
    zoom, few = longest / max(picture.shape[:2]), max(picture.shape[:2]) < _SHARP
    height, width = (max(1, round(extent * zoom)) for extent in picture.shape[:2])
    filter = PIL.Image.Resampling.NEAREST if few and zoom > 1 else PIL.Image.Resampling.LANCZOS
    drawn = PIL.Image.fromarray(picture).resize((width, height), filter)
    PIL.ImageDraw.Draw(drawn).rectangle([0, 0, width - 1, height - 1], outline=_FRAME)
    return np.asarray(drawn)


def _even(pixels: int) -> int:
    return -(-pixels // _DENSITY) * _DENSITY


def _colors(values: NDArray[np.float32], percentile: float) -> NDArray[np.uint8]:
    """A projection as a picture, each color about grey."""
    high = float(np.percentile(np.abs(values), percentile)) if values.size else 0.0
    colors = (values / (high or 1.0)).clip(-1, 1) * 127.5 + 127.5
    return np.broadcast_to(colors, (3, *values.shape[1:])).transpose(1, 2, 0).astype(np.uint8)


def _label(value: float, id: str, label: str, letters: int) -> str:
    """An activation, then its image's class, or else its folder, and name without ending, as far as there is room."""
    told, path = f"{value:.3g}", PurePosixPath(id)
    folder, name = label.split(",")[0] or path.parent.name, path.stem.removeprefix("sample:") or id
    room = max(4, letters - len(told) - 1)
    if not folder:
        return f"{told} {_end(name, room)}"
    shown = min(len(name), max(4, room - len(folder) - 1))  # more of the name where the folder leaves room
    return f"{told} {_start(folder, room - shown - 1)}/{_end(name, shown)}"


def _start(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(1, room - 1)]}…"


def _end(text: str, room: int) -> str:
    return text if len(text) <= room else f"…{text[1 - room :]}"


def _cut(result: Patches) -> str:
    """What the crops are."""
    if "size" not in result.evidence:
        return ""
    height, width = result.evidence["size"]
    told = {
        "effective": "95 % of the gradient, within",
        "theoretical": f"all a neuron can see ({result.evidence.get('status')}), up to",
        "whole": "all the network sees,",
    }
    crops = f"crops: {told[result.evidence['field']]} {height} × {width} pixels of its input"
    return f"{crops}; each projection on a scale of its own" if result.projections else crops
