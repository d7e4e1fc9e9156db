"""Values to colors: perceptually uniform maps, baked into `colormaps.png` as one row of 256 colors each."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ..view import Map, Scale

LEVELS = 255  # odd, so that zero has a color of its own, and with transparent no more than a PNG palette holds
_ROWS: dict[Map, int] = {"sequential": 0, "diverging": 1, "grey": 2, "color": 2}  # viridis, vik, black to white


def colored(values: NDArray[Any], scale: Scale | None) -> NDArray[np.uint8]:
    """RGBA colors, (…, 4) uint8, for values of any shape, (…, 3) for colors, either for photos; NaN is transparent."""
    if scale is None:
        pixels = values.astype(np.uint8)
        return pixels if pixels.shape[-1] == 4 else _opaque(pixels)
    span = scale.high - scale.low
    missing = np.isnan(values)
    position = np.where(missing, 0, (values - scale.low) / span).clip(0, 1)
    index = np.rint(position * (LEVELS - 1)).astype(np.uint8)
    if scale.map == "color":
        return _opaque(table("grey")[index, 0])
    rgba = _opaque(table(scale.map)[index])
    rgba[missing] = 0
    return rgba


@cache
def table(map: Map) -> NDArray[np.uint8]:
    """The RGB colors of a map, (LEVELS, 3) uint8."""
    with PIL.Image.open(Path(__file__).with_name("colormaps.png")) as strip:
        row = np.asarray(strip.convert("RGB"))[_ROWS[map]]
    colors: NDArray[np.uint8] = row[np.rint(np.linspace(0, len(row) - 1, LEVELS)).astype(int)]
    return colors


def _opaque(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], axis=-1)
