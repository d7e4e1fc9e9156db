"""What each ending of a file asks for: one encoder an ending."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.plain import to_json
from ...contract.result import Result
from .films import gif, webp
from .html import html
from .mp4 import mp4
from .parquet import parquet
from .png import archive, png
from .svg import svg_file


def _arrays(result: Result, **view: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, summary=np.array(to_json(result.summary())), **result.arrays())
    return buffer.getvalue()


def _summary(result: Result, **view: Any) -> bytes:
    return to_json(result.summary(), indent=1).encode()


ENCODERS: dict[str, Callable[..., bytes]] = {
    ".png": png,
    ".npz": _arrays,
    ".json": _summary,
    ".zip": archive,
    ".mp4": mp4,
    ".gif": gif,
    ".webp": webp,
    ".parquet": parquet,
    ".html": html,
    ".svg": svg_file,
}
