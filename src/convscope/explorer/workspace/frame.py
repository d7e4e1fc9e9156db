"""Frames: a message and arrays in one answer, which the browser reads without copying. See `view/encode/frames.py`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ...view.encode.frames import framed


def encode(header: BaseModel, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A message and arrays of uint8, int32 or float32 as one frame."""
    return framed(header.model_dump(mode="json"), arrays)


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
