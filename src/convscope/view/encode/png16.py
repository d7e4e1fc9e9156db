"""A picture alone as PNG, 8 or 16 bits a color, with its request and its color profile.

Pillow writes no 16-bit colors; a PNG is a few chunks, so both depths are written here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLORS = 2  # PNG's number for red, green and blue


def quantized(picture: NDArray[np.float32], depth: int) -> NDArray[np.unsignedinteger]:
    """A picture (H, W, 3) from 0 to 1 in `depth` bits a color."""
    levels = np.rint(np.clip(picture, 0, 1).astype(np.float64) * (2**depth - 1))
    numbers: NDArray[np.unsignedinteger] = levels.astype(np.uint16 if depth == 16 else np.uint8)
    return numbers


def still(numbers: NDArray[np.unsignedinteger], texts: Mapping[str, str], profile: bytes = b"") -> bytes:
    """A picture (H, W, 3) of bytes or of 16 bits; `texts` by their keywords, `profile` an ICC profile."""
    height, width, _ = numbers.shape
    parts = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * numbers.itemsize, _COLORS, 0, 0, 0))]
    if profile:
        parts.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    for name, text in texts.items():
        parts.append(_chunk(b"iTXt", name.encode("latin-1") + b"\0\0\0\0\0" + text.encode()))
    parts.append(_chunk(b"IDAT", zlib.compress(_rows(numbers), 6)))
    return _SIGNATURE + b"".join(parts) + _chunk(b"IEND", b"")


def _rows(numbers: NDArray[np.unsignedinteger]) -> bytes:
    """Rows of big-endian numbers, each but the first less the row above it, which compresses better."""
    ordered = numbers.astype(numbers.dtype.newbyteorder(">"))
    rows = np.ascontiguousarray(ordered).view(np.uint8).reshape(len(numbers), -1)
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.concatenate([np.full((len(rows), 1), 2, np.uint8), rows - above], 1)
    return filtered.tobytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
