"""Scenes to SVG for HTML: pictures inside, words as text in the page's own color, on paper and in the dark."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from .layout import Scene, Text, TileSheet

FONT = "DejaVu Sans, Verdana, sans-serif"  # the first is what places were measured with


def svg(laid_out: Scene, title: str) -> str:
    """One `<svg>` element as wide as the page lets it be; `title` is what a screen reader says."""
    parts = [_image(sheet) for sheet in laid_out.sheets] + [_text(text) for text in laid_out.texts]
    size = f'viewBox="0 0 {laid_out.width} {laid_out.height}" style="max-width:{laid_out.width}px"'
    return f'<svg role="img" aria-label="{html.escape(title)}" {size}>{"".join(parts)}</svg>'


def data_uri(pixels: NDArray[np.uint8], photo: bool = False) -> str:
    """RGBA or RGB pixels as a data URI: WebP for a photo, else PNG, with a palette where 256 colors are enough."""
    kind, data = ("webp", _webp(pixels)) if photo else ("png", _png(pixels))
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _webp(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "WEBP", quality=88)
    return buffer.getvalue()


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    picture = PIL.Image.fromarray(pixels).convert("RGBA")
    colors, index = np.unique(np.asarray(picture).view(np.uint32)[..., 0], return_inverse=True)
    if len(colors) <= 256:
        picture = PIL.Image.fromarray(index.reshape(pixels.shape[:2]).astype(np.uint8), "P")
        picture.putpalette(colors.view(np.uint8).tobytes(), "RGBA")
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _image(sheet: TileSheet) -> str:
    box = f'x="{sheet.x:g}" y="{sheet.y:g}" width="{sheet.width:g}" height="{sheet.height:g}"'
    if sheet.vector:
        return sheet.vector.replace("<svg", f"<svg {box}", 1)
    return f'<image {box} href="{data_uri(sheet.pixels, sheet.photo)}"/>'


def _text(text: Text) -> str:
    place = f'x="{text.x:g}" y="{text.y:g}" font-size="{text.size}" text-anchor="{text.anchor}"'
    return f"<text {place}>{html.escape(text.text)}</text>"
