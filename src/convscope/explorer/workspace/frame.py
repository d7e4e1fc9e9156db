"""Frames: a message and arrays in one answer, which the browser reads without copying. See `web/src/hosts/frame.ts`.

Four bytes with the length of a JSON head (little-endian), the head, and the raw arrays. The head is
{"header": …, "arrays": [{"name", "dtype", "shape", "offset"}]}; offsets count from its end, which is padded with spaces
so that everything lies at multiples of eight.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

_KINDS = ("uint8", "int32", "float32")
_ALIGN = 8


def encode(header: BaseModel, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A message and arrays of uint8, int32 or float32 as one frame."""
    rows, parts, offset = [], [], 0
    for name, array in arrays.items():
        if array.dtype.name not in _KINDS:
            raise TypeError(f"{name} must be one of {', '.join(_KINDS)}, not {array.dtype}")
        data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        rows.append({"name": name, "dtype": array.dtype.name, "shape": array.shape, "offset": offset})
        parts.append(_padded(data, len(data)))
        offset += len(parts[-1])
    head = json.dumps({"header": header.model_dump(mode="json"), "arrays": rows}, ensure_ascii=False).encode()
    head = _padded(head, len(head) + 4, b" ")
    return b"".join([len(head).to_bytes(4, "little"), head, *parts])


def decode(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The header, as plain values, and the arrays of a frame."""
    start = 4 + int.from_bytes(data[:4], "little")
    head = json.loads(data[4:start])
    arrays = {
        row["name"]: np.frombuffer(
            data, np.dtype(row["dtype"]).newbyteorder("<"), math.prod(row["shape"]), start + row["offset"]
        ).reshape(row["shape"])
        for row in head["arrays"]
    }
    return head["header"], arrays


def _padded(data: bytes, length: int, filling: bytes = b"\0") -> bytes:
    return data + filling * (-length % _ALIGN)
