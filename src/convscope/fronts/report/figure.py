"""A figure of the report: one result drawn, what it shows, what to look for, and the line of Python that makes it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ...base.errors import BadScan, ConvscopeError
from ...base.progress import listening
from ...catalog.catalog import entry
from ...contract.result import Result
from ...network.network import Network
from ...view.figures.registry import draw
from ...view.render.layout import scene
from ...view.render.svg import svg
from .captions import CAPTIONS


def figure(
    net: Network,
    technique: str,
    *subjects: Any,
    caption: str = "",
    knobs: Mapping[str, Any] = MappingProxyType({}),
    view: Mapping[str, Any] = MappingProxyType({}),
    without: tuple[type[ConvscopeError], ...] = (),
) -> str:
    """One result as a figure; what cannot be shown says why in its place, and the report goes on.

    Where one of the errors `without` is raised there is nothing in its place.
    """
    told = CAPTIONS[caption or technique]
    try:
        with listening(lambda *_: None):  # its steps are not those of the report
            result = entry(technique).function(net, *subjects, **knobs)
    except BadScan:  # not one figure's trouble
        raise
    except without:
        return ""
    except ConvscopeError as error:
        return f"<figure><h3>{technique.replace('_', ' ')}</h3><p class=error>{html.escape(str(error))}</p></figure>"
    seen = draw(result, **view)
    words = f"<p>{told.shows} <b>Look for:</b> {told.look} <cite>{told.paper}</cite></p>"
    drawing = svg(scene(seen, title=False), seen.title)
    title = html.escape(seen.title.partition(" · ")[2])
    return f"<figure><h3>{title}</h3>{drawing}<figcaption>{words}{_code(result, view)}</figcaption></figure>"


def _code(result: Result, view: Mapping[str, Any]) -> str:
    if result.request is None:
        return ""
    choices = ", ".join(f"{name}={value!r}" for name, value in view.items())
    return f"<pre>{html.escape(result.request.python())}.picture({choices})</pre>"
