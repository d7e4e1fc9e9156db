"""Frames to a video file; it carries the request that makes it again, as its comment."""

from __future__ import annotations

import io
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np

from ...base.errors import BadKnob, MissingExtra
from ...contract import knobs
from ...contract.result import Result
from ..figures.registry import drawer_of
from .films import frames_of

_CODECS = ("libx264", "h264", "mpeg4")  # the first this build of PyAV can write
_TICKS = 1000  # frame rates need not be whole
_QUALITY = {"crf": "18"}  # of H.264: hardly to be told from the frames


def mp4(result: Result, **view: Any) -> bytes:
    """The frames of a result as MP4, H.264 where there is an encoder for it; raises MissingExtra without PyAV.

    A video of this kind has even sides; an odd last row or column is left out.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtra("Videos need PyAV, which is not installed: pip install 'convscope[video]'.") from error
    frames = frames_of(result, **view)
    choices = knobs.check(drawer_of(type(result)), view)
    if choices.get("depth") == 16:
        raise BadKnob("A video must have 8 bits a color, not depth=16. Leave depth out, or save a .zip of pictures.")
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        if result.request is not None:
            container.metadata["comment"] = result.request.to_json()
        rate = Fraction(round(choices["fps"] * _TICKS), _TICKS)
        stream: Any = container.add_stream(_codec(av), rate, options=_QUALITY)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def _codec(av: Any) -> str:
    """The first encoder of this build; raises MissingExtra where there is none."""
    for name in _CODECS:
        with suppress(ValueError):  # PyAV's error for an encoder it does not have
            av.codec.Codec(name, "w")
            return name
    raise MissingExtra("This PyAV cannot write video. Install its own build: pip install --force-reinstall av.")
