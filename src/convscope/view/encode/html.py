"""Maps as one file that a browser opens without a server: the page of the explorer, the points, and small pictures.

It asks for nothing: its content policy lets it run its own script alone. The same map gives the same bytes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html as markup
from pathlib import Path
from typing import Any

from ...base.errors import BadKnob, CannotWrite
from ...contract.result import Result
from ...results.embedding import Embedding
from ...results.evolution import Evolution
from .frames import framed
from .map_content import arrays_of, header_of, thumbnail_pages

PAGE = Path(__file__).parents[1] / "static"  # built by web/build.py
_POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
_TEXT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<div id="app"></div>
<noscript>The map is a program in this page: switch JavaScript on to use it.</noscript>
{data}
<script>{script}</script>
</body>
</html>
"""


def html(result: Result, **view: Any) -> bytes:
    """The page of a map or of maps over training; raises BadKnob for other results, and CannotWrite where the page of
    this installation was not built."""
    if not isinstance(result, Embedding | Evolution):
        raise BadKnob("A page must be of a map. Save a .png.")
    script, style = _built("map.js").replace("</script", "<\\/script"), _built("map.css")
    pages, size, left_out = thumbnail_pages(result)
    frame = framed(header_of(result, len(pages), size, left_out), arrays_of(result))
    data = [_asset("map", gzip.compress(frame, mtime=0)), *(_asset(f"page-{i}", page) for i, page in enumerate(pages))]
    policy = _POLICY.format(script=_digest(script), style=_digest(style))
    title = markup.escape(f"Map of {len(result.ids):,} images at {result.unit}")
    return _TEXT.format(policy=policy, title=title, style=style, data="\n".join(data), script=script).encode()


def _built(name: str) -> str:
    try:
        return (PAGE / name).read_text("utf-8")
    except FileNotFoundError:
        raise CannotWrite(
            "The page of a map must be built to be saved, and is not in this copy of convscope. Build it: "
            "python web/build.py."
        ) from None


def _asset(name: str, data: bytes) -> str:
    return f'<script type="application/octet-stream" id="{name}">{base64.b64encode(data).decode()}</script>'


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
