"""The door from results to pictures: who draws and encodes them is imported when the first one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import PIL.Image

    from .result import Result


def drawn(result: Result, view: Mapping[str, Any]) -> PIL.Image.Image:
    """A result as a picture, with these choices."""
    from ..view.encode.png import render

    return render(result, **view)


def encoded(result: Result, suffix: str, view: Mapping[str, Any]) -> bytes:
    """The bytes of a result's file with this ending, such as `.png`."""
    from ..view.encode.encoders import ENCODERS

    return ENCODERS[suffix](result, **view)
