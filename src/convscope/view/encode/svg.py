"""A result as an SVG file: pictures inside, words as words, and the line of Python that makes it."""

from __future__ import annotations

import html
from typing import Any

from ...contract.result import Result
from ..figures.registry import draw
from ..render.layout import scene
from ..render.svg import FONT, svg


def svg_file(result: Result, **view: Any) -> bytes:
    """The SVG file of a result, on white."""
    seen = draw(result, **view)
    made = "" if result.request is None else f"<desc>{html.escape(result.request.python())}</desc>"
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    opening, _, rest = svg(scene(seen), seen.title).partition(">")
    return f'{opening} xmlns="http://www.w3.org/2000/svg" font-family="{FONT}">{made}{paper}{rest}'.encode()
