"""The bundled font, so that a picture has the same bytes on every machine with the same libraries."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import PIL.ImageFont

from .layout import DENSITY


@cache
def font(size: int, density: float = DENSITY) -> PIL.ImageFont.FreeTypeFont:
    """DejaVu Sans at a size in CSS pixels."""
    path = Path(__file__).with_name("DejaVuSans.ttf")
    return PIL.ImageFont.truetype(path, size * density, layout_engine=PIL.ImageFont.Layout.BASIC)
