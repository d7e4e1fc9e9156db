"""The mark of a network's view: a text in a PNG that says the picture is one, and is true of its very pixels only."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
from numpy.typing import NDArray

MARK = "convscope-view"  # the PNG text chunk that holds it


def fingerprint(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of shape and pixels, (H, W, 3)."""
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def marking(pixels: NDArray[np.uint8]) -> dict[str, str]:
    """The text that marks these pixels as a network's view."""
    return {MARK: fingerprint(pixels)}


def is_marked(texts: Mapping[Any, Any], pixels: NDArray[np.uint8]) -> bool:
    """Whether texts of a file mark these pixels: what was edited since, or was never marked, is a picture as any."""
    return MARK in texts and texts[MARK] == fingerprint(pixels)


def png_of(pixels: NDArray[np.uint8], texts: Mapping[str, str], profile: bytes = b"", level: int = 6) -> bytes:
    """A picture as a PNG file with texts and an ICC profile; `level` is zlib's, 6 is its usual."""
    told, buffer = PIL.PngImagePlugin.PngInfo(), io.BytesIO()
    for name, text in texts.items():
        told.add_itxt(name, text)
    PIL.Image.fromarray(pixels).save(buffer, "PNG", pnginfo=told, icc_profile=profile or None, compress_level=level)
    return buffer.getvalue()
