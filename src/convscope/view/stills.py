"""A picture alone as PNG, 8 or 16 bits a color, with its request and its color profile.

Pillow writes no 16-bit colors; a PNG is a few chunks, so both depths are written here.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLORS = 2  # PNG's number for red, green and blue


def still(
    picture: NDArray[np.float32], depth: int = 8, text: tuple[str, str] | None = None, profile: bytes = b""
) -> bytes:
    """A picture (H, W, 3) from 0 to 1; `text` is a keyword and what it stands for, `profile` an ICC profile."""
    height, width, _ = picture.shape
    parts = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, _COLORS, 0, 0, 0))]
    if profile:
        parts.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    if text is not None:
        parts.append(_chunk(b"iTXt", text[0].encode("latin-1") + b"\0\0\0\0\0" + text[1].encode()))
    parts.append(_chunk(b"IDAT", zlib.compress(_rows(picture, depth), 6)))
    return _SIGNATURE + b"".join(parts) + _chunk(b"IEND", b"")


def _rows(picture: NDArray[np.float32], depth: int) -> bytes:
    """Rows of big-endian numbers, each but the first less the row above it, which compresses better."""
    most = 2**depth - 1
    numbers = np.rint(np.clip(picture, 0, 1).astype(np.float64) * most).astype(">u2" if depth == 16 else np.uint8)
    rows = np.ascontiguousarray(numbers).view(np.uint8).reshape(len(picture), -1)
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.concatenate([np.full((len(rows), 1), 2, np.uint8), rows - above], 1)
    return filtered.tobytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
