"""States as an earlier version wrote them: the checksum in them left out names, kinds and shapes of arrays."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

EARLIER = "convscope scan 2"
_KINDS = {
    "uint8": ("images.seen", "images.refused"),
    "int32": ("top.counts", "top.places", "sample.places", "predictions.classes"),
    "uint64": ("sample.keys",),
    "float32": (
        "moments.low", "moments.high", "top.values", "sample.peaks", "predictions.scores", "predictions.probabilities",
    ),
}  # fmt: skip


def check_earlier(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, str]) -> None:
    """Raise ValueError, as the end of a sentence, where the checksum is of other bytes, or an array of another kind."""
    told = {key: value for key, value in about.items() if key != "crc"}
    crc = zlib.crc32(json.dumps(told, sort_keys=True).encode())
    for name in sorted(arrays):
        crc = zlib.crc32(arrays[name].reshape(-1).view(np.uint8).data, crc)
    if about.get("crc") != f"{crc:08x}":
        raise ValueError("is damaged: its checksum is that of other bytes")
    kinds = {name: kind for kind, names in _KINDS.items() for name in names}
    for name, array in arrays.items():
        if array.dtype != kinds.get(name, "int64"):
            raise ValueError(f"is damaged: {name} is {array.dtype}, not {kinds.get(name, 'int64')}")
