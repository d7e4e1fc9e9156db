"""What a page asks about a map: where its images lie, who they are, and what they look like."""

from __future__ import annotations

from typing import Any, NoReturn

from ...base.errors import BadKnob


def _not_yet(*_asked: Any) -> NoReturn:
    raise BadKnob("Maps are not answered yet.")


maps = header = grid = ids = search = colors = atlas = picture = image = neighbors = selection = _not_yet
