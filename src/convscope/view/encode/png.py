"""Scenes to PNG, without a plotting library; a PNG carries the request that makes it again."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.PngImagePlugin
from numpy.typing import NDArray

from ...base.errors import BadJson, BadKnob, CannotRerun
from ...base.marks import marking
from ...base.pixels import to_bytes
from ...contract import knobs
from ...contract.request import Request
from ...contract.result import Result
from ...results.adversarial import Adversarial
from ...results.synthesis import Stylized
from ..figures.registry import choices, draw, drawer_of
from ..render.fonts import font
from ..render.layout import Scene, TileSheet, scene
from ..view import View
from .png16 import quantized, still

KEY = "convscope"  # the PNG text chunk that holds the request
_PAPER, _INK = "white", "#1a1a1a"
_BAND = 1024  # rows that are copied at once
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def render(result: Result, **view: Any) -> PIL.Image.Image:
    """Draw a result on white, at least two pixels per CSS pixel; a stylized or adversarial picture alone, as it is."""
    if is_attacked_picture(result, view):
        return PIL.Image.fromarray(result.image)
    if is_plain_picture(result, view):
        return PIL.Image.fromarray(to_bytes(result.image))
    return painted(draw(result, **view))


def painted(view: View) -> PIL.Image.Image:
    """A view on white."""
    return _paint(scene(view))


def png(result: Result, **view: Any) -> bytes:
    """The PNG file of a result; the same request gives the same bytes."""
    if is_attacked_picture(result, view):
        return result.file.png(_request_of(result, view))
    if is_plain_picture(result, view):
        return stylized_png(result, result.image, view)
    info = PIL.PngImagePlugin.PngInfo()
    for name, text in _request_of(result, view).items():
        info.add_itxt(name, text)
    buffer = io.BytesIO()
    render(result, **view).save(buffer, "PNG", pnginfo=info, optimize=False)
    return buffer.getvalue()


def is_attacked_picture(result: Result, view: Mapping[str, Any]) -> TypeGuard[Adversarial]:
    """Whether a result is an adversarial picture that is to be written as it was checked, pixel by pixel."""
    return isinstance(result, Adversarial) and not knobs.check(drawer_of(Adversarial), view)["figure"]


def is_plain_picture(result: Result, view: Mapping[str, Any]) -> TypeGuard[Stylized]:
    """Whether a result is a picture that is to be written as it is; raises BadKnob where it cannot be."""
    if not isinstance(result, Stylized):
        return False
    chosen = knobs.check(drawer_of(Stylized), view)
    if (chosen["figure"] or result.labels) and (chosen["depth"] == 16 or chosen["profile"]):
        raise BadKnob("depth=16 and profile must be of a picture alone, not of a figure. Leave figure or them out.")
    return not (chosen["figure"] or result.labels)


def stylized_png(result: Stylized, picture: NDArray[np.float32], view: Mapping[str, Any]) -> bytes:
    """One of a result's pictures as a PNG file, with the request, at the depth and with the profile asked for.

    One of the size the network takes, 8 bits a color, is marked as its view.
    """
    chosen = knobs.check(drawer_of(Stylized), view)
    texts = _request_of(result, view)
    numbers = quantized(picture, chosen["depth"])
    if numbers.shape[:2] == result.taken and numbers.dtype == np.uint8:
        texts |= marking(numbers)
    return still(numbers, texts, result.profile if chosen["profile"] else b"")


def archive(result: Result, **view: Any) -> bytes:
    """A ZIP archive of a result's pictures, each a PNG that holds the request."""
    if not isinstance(result, Stylized) or not result.frames:
        raise BadKnob("An archive must be of several pictures. Give several contents, or save a .png.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for number, picture in enumerate(result.frames):
            entry = zipfile.ZipInfo(f"{number + 1:05}.png")  # dated 1980: the same pictures give the same bytes
            file.writestr(entry, stylized_png(result, picture, view))
    return buffer.getvalue()


def request_in(path: Path) -> Request:
    """The request a PNG holds; raises CannotRerun for a file that holds none."""
    try:
        with PIL.Image.open(path, formats=["PNG"]) as picture:
            text = getattr(picture, "text", {}).get(KEY)
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise CannotRerun(f"{path} is not a PNG that can be read. Give a picture that convscope made.") from error
    if text is None:
        raise CannotRerun(f"{path} holds no request: it is no result of convscope, or another program saved it again.")
    try:
        return Request.from_json(text)
    except BadJson as error:
        raise CannotRerun(
            f"The request in {path} cannot be read: it was changed, or another version of convscope wrote it. {error}"
        ) from error


def _request_of(result: Result, view: Mapping[str, Any]) -> dict[str, str]:
    """The text of a PNG that makes the result again, where that is known."""
    if result.request is None:
        return {}
    return {KEY: dataclasses.replace(result.request, view=choices(type(result), view)).to_json()}


def _paint(laid_out: Scene) -> PIL.Image.Image:
    density = laid_out.density
    canvas = PIL.Image.new("RGB", (round(laid_out.width * density), round(laid_out.height * density)), _PAPER)
    for sheet in laid_out.sheets:
        _lay(canvas, sheet, density)
    pen = PIL.ImageDraw.Draw(canvas)
    for text in laid_out.texts:
        place = text.x * density, text.y * density
        pen.text(place, text.text, fill=_INK, font=font(text.size, density), anchor=_ANCHORS[text.anchor])
    return canvas


def _lay(canvas: PIL.Image.Image, sheet: TileSheet, density: float) -> None:
    """Lay a sheet on a canvas, by bands where it has its size already, so that a large one is not copied."""
    x, y, pixels = round(sheet.x * density), round(sheet.y * density), sheet.pixels
    size = round(sheet.width * density), round(sheet.height * density)
    if pixels.shape[1] != size[0]:
        pixels = np.asarray(PIL.Image.fromarray(pixels).resize(size, PIL.Image.Resampling.NEAREST))
    for top in range(0, len(pixels), _BAND):
        band = PIL.Image.fromarray(pixels[top : top + _BAND])
        canvas.paste(band, (x, y + top), band if band.mode == "RGBA" else None)
