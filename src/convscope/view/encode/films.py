"""The frames of results that move, and films of them in the formats of pictures: GIF and WebP."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...base.pixels import to_bytes
from ...contract import knobs
from ...contract.result import Result
from ...results.evolution import Evolution, FilterEvolution
from ...results.synthesis import Dream, Stylized
from ..figures.registry import drawer_of
from ..figures.representation.evolutions import film
from ..figures.representation.filter_evolutions import filter_frames
from .png import painted

_LAST = 8  # frames for which the last one is held
_SMALLER = 2  # of pictures that move: one pixel of a page each, not two
_DESCRIPTION = 0x010E  # of Exif


def frames_of(result: Result, **view: Any) -> list[NDArray[np.uint8]]:
    """The frames as bytes; raises BadKnob for a result without any, and for pictures of several sizes."""
    frames: list[NDArray[np.uint8]] = []
    if isinstance(result, Dream):
        frames = list(result.frames)
    elif isinstance(result, Stylized):
        frames = [to_bytes(one) for one in result.frames]
    elif isinstance(result, Evolution):
        frames = list(film(result))
    elif isinstance(result, FilterEvolution):
        top = knobs.check(drawer_of(FilterEvolution), view)["top"]
        frames = [np.asarray(painted(one)) for one in filter_frames(result, top)]
        frames += frames[-1:] * _LAST
    if not frames:
        raise BadKnob("A video must be of a result with frames. Ask for them, such as frames=30.")
    if len({frame.shape for frame in frames}) > 1:
        raise BadKnob("A video must be of pictures of one size, not of several. Save a .zip of them.")
    return frames


def gif(result: Result, **view: Any) -> bytes:
    """The frames of a result as a GIF that begins again and again; it carries the request, as its comment."""
    asked = {} if result.request is None else {"comment": result.request.to_json().encode()}
    return _moving(result, "GIF", view, optimize=False, **asked)


def webp(result: Result, **view: Any) -> bytes:
    """The frames of a result as a WebP without losses, which begins again and again; it carries the request."""
    exif = PIL.Image.Exif()
    if result.request is not None:
        exif[_DESCRIPTION] = result.request.to_json()
    return _moving(result, "WEBP", view, lossless=True, exif=exif)


def _moving(result: Result, kind: str, view: dict[str, Any], **how: Any) -> bytes:
    first, *others = [PIL.Image.fromarray(frame).reduce(_SMALLER) for frame in frames_of(result, **view)]
    wait = round(100 / knobs.check(drawer_of(type(result)), view)["fps"]) * 10  # GIF counts hundredths of a second
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=others, duration=max(20, wait), loop=0, **how)
    return buffer.getvalue()
