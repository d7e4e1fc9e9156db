"""Frames: a header and arrays in one piece, which a browser reads without copying. See `web/src/hosts/frame.ts`.

Four bytes with the length of a JSON head (little-endian), the head, and the raw arrays. The head is
{"header": …, "arrays": [{"name", "dtype", "shape", "offset"}]}; offsets count from its end, which is padded with spaces
so that everything lies at multiples of eight.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KINDS = ("uint8", "int32", "float32")
_ALIGN = 8


def framed(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A header of plain values and arrays of uint8, int32 or float32 as one frame."""
    rows, parts, offset = [], [], 0
    for name, array in arrays.items():
        if array.dtype.name not in _KINDS:
            raise TypeError(f"{name} must be one of {', '.join(_KINDS)}, not {array.dtype}")
        data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        rows.append({"name": name, "dtype": array.dtype.name, "shape": array.shape, "offset": offset})
        parts.append(_padded(data, len(data)))
        offset += len(parts[-1])
    head = json.dumps({"header": header, "arrays": rows}, ensure_ascii=False).encode()
    head = _padded(head, len(head) + 4, b" ")
    return b"".join([len(head).to_bytes(4, "little"), head, *parts])


def _padded(data: bytes, length: int, filling: bytes = b"\0") -> bytes:
    return data + filling * (-length % _ALIGN)
