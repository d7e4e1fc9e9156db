"""Scenes to PNG, without a plotting library; a PNG carries the request that makes it again."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageDraw
import PIL.PngImagePlugin

from ..base.errors import CannotRerun
from ..base.request import Request
from ..base.results import Result
from .draw import choices, draw
from .fonts import font
from .scene import DENSITY, Scene, Text, scene

KEY = "convscope"  # the PNG text chunk that holds the request
_PAPER, _INK = "white", "#1a1a1a"
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def render(result: Result, **view: Any) -> PIL.Image.Image:
    """Draw a result on white, two pixels per CSS pixel."""
    return _paint(scene(draw(result, **view)))


def png(result: Result, **view: Any) -> bytes:
    """The PNG file of a result; the same request gives the same bytes."""
    info = PIL.PngImagePlugin.PngInfo()
    if result.request is not None:
        info.add_itxt(KEY, dataclasses.replace(result.request, view=choices(type(result), view)).to_json())
    buffer = io.BytesIO()
    render(result, **view).save(buffer, "PNG", pnginfo=info, optimize=False)
    return buffer.getvalue()


def request_in(path: Path) -> Request:
    """The request a PNG holds; raises CannotRerun for a file that holds none."""
    try:
        with PIL.Image.open(path, formats=["PNG"]) as picture:
            text = getattr(picture, "text", {}).get(KEY)
    except OSError as error:
        raise CannotRerun(f"{path} is not a PNG that can be read. Give a picture that convscope made.") from error
    if text is None:
        raise CannotRerun(f"{path} holds no request: convscope did not make it, or another program saved it again.")
    try:
        return Request.from_json(text)
    except (ValueError, TypeError) as error:
        raise CannotRerun(f"The request in {path} cannot be read: another version of convscope made it.") from error


def _paint(laid_out: Scene) -> PIL.Image.Image:
    canvas = PIL.Image.new("RGB", (laid_out.width * DENSITY, laid_out.height * DENSITY), _PAPER)
    for sheet in laid_out.sheets:
        size = round(sheet.width * DENSITY), round(sheet.height * DENSITY)
        picture = PIL.Image.fromarray(sheet.pixels).resize(size, PIL.Image.Resampling.NEAREST)
        canvas.paste(picture, (round(sheet.x * DENSITY), round(sheet.y * DENSITY)), picture)
    pen = PIL.ImageDraw.Draw(canvas)
    for text in laid_out.texts:
        _write(pen, text)
    return canvas


def _write(pen: PIL.ImageDraw.ImageDraw, text: Text) -> None:
    place = text.x * DENSITY, text.y * DENSITY
    pen.text(place, text.text, fill=_INK, font=font(text.size), anchor=_ANCHORS[text.anchor])
