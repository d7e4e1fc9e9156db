"""Results to answers: the frame a browser draws, the files it can save, and the digest they are kept under."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...base.plain import to_json
from ...contract.request import Request
from ...contract.result import Result
from ...store import Store
from ...view.figures.registry import choices, draw
from .frame import encode
from .messages import Answer

THUMB = 96  # longest side of the small picture that a gallery shows
_KINDS = {"f": np.float32, "i": np.int32, "u": np.uint8, "b": np.uint8}


def kept_under(request: Request, kind: type[Result], view: Mapping[str, Any]) -> str:
    """The digest under which a result of this type is kept: the request's, and another one for each other picture."""
    chosen = choices(kind, view)
    return derived(request.digest, json.dumps(chosen, sort_keys=True)) if chosen else request.digest


def derived(digest: str, *words: str) -> str:
    """The digest of what belongs to another one, and is not the same."""
    return hashlib.sha256("\n".join([digest, *words]).encode()).hexdigest()


def frame_of(result: Result, view: Mapping[str, Any], digest: str = "") -> bytes:
    """A result as a browser draws it: an Answer frame. `digest` is what it is kept under, if not the usual."""
    assert result.request is not None
    shown = draw(result, **view)
    drawn = {panel.array for panel in shown.panels if panel.vector}  # by the browser
    header = Answer(
        digest=digest or kept_under(result.request, type(result), view),
        technique=result.request.technique,
        unit=str(result.unit),
        spec=plain(shown.spec()),
        evidence=plain(result.evidence),
        python=result.request.python(),
    )
    return encode(header, {name: narrowed(array) for name, array in shown.arrays.items() if name not in drawn})


def artifact_parts(result: Result, view: Mapping[str, Any], digest: str = "") -> dict[str, bytes]:
    """All that is kept of a result, by name: every file it can be saved as, its `frame` last."""
    assert result.request is not None
    chosen = choices(type(result), view)
    left = {".html"} if _has_video() else {".html", ".mp4"}  # the page shows a map itself
    endings = [ending for ending in result.endings(result.asked) if ending not in left]
    of_view = {".png", ".mp4", ".zip", ".svg"}
    made = {ending[1:]: result.encoded(ending, **(chosen if ending in of_view else {})) for ending in endings}
    return {**made, "frame": frame_of(result, chosen, digest)}


def keep(store: Store, result: Result, view: Mapping[str, Any], digest: str = "") -> str:
    """Keep a result in the store, and say under which digest; a whole one with its small picture, where it has one."""
    assert result.request is not None
    digest = digest or kept_under(result.request, type(result), view)
    small = result.thumbnail()
    if small is not None and "partial" not in result.evidence:
        store.put(result.request.digest, "thumb", _thumb(small))
    store.put_all(digest, artifact_parts(result, view, digest))
    return digest


def plain(value: Any) -> Any:
    """As plain JSON has it: no arrays, no NaN."""
    return json.loads(to_json(value))


def narrowed(array: NDArray[Any]) -> NDArray[Any]:
    """An array of one of the three types that frames hold: float32, int32 or uint8."""
    kind = np.int32 if array.dtype.kind == "u" and array.dtype != np.uint8 else _KINDS[array.dtype.kind]
    return np.ascontiguousarray(array, dtype=kind)


def _thumb(pixels: NDArray[np.uint8]) -> bytes:
    """A picture, small; nothing of nothing."""
    if not pixels.size:
        return b""
    picture = PIL.Image.fromarray(pixels).convert("RGB")
    picture.thumbnail((THUMB, THUMB), PIL.Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _has_video() -> bool:
    return importlib.util.find_spec("av") is not None
