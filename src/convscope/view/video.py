"""Frames to a video file; it carries the request that makes it again, as its comment."""

from __future__ import annotations

import io
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np

from ..base import knobs
from ..base.errors import BadKnob, MissingExtra
from ..base.results import Result
from ..base.syntheses import Dream
from .draw import drawer_of

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
    if not isinstance(result, Dream) or not len(result.frames):
        raise BadKnob("A video must be of a result with frames. Ask for them, such as frames=30.")
    choices = knobs.check(drawer_of(Dream), view)
    height, width = (side // 2 * 2 for side in result.frames.shape[1:3])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        if result.request is not None:
            container.metadata["comment"] = result.request.to_json()
        rate = Fraction(round(choices["fps"] * _TICKS), _TICKS)
        stream: Any = container.add_stream(_codec(av), rate, options=_QUALITY)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for pixels in result.frames:
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
