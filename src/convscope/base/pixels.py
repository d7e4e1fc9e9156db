"""Arrays: the kinds that have names, and pictures from 0 to 1 or as bytes, grey or in colors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def to_bytes(pictures: Floats) -> NDArray[np.uint8]:
    """Pictures from 0 to 1 as bytes."""
    return np.rint(np.clip(pictures, 0, 1) * 255).astype(np.uint8)


def in_colors(pictures: NDArray[Any]) -> NDArray[Any]:
    """Pictures (…, H, W, C), with or without alpha, of which grey ones get three equal colors."""
    channels = pictures.shape[-1]
    return pictures if channels >= 3 else np.concatenate([pictures[..., :1]] * 3 + [pictures[..., 1:]], -1)
