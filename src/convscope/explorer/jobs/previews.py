"""What work shows of itself on the way, as a small picture for the browser: a JPEG in a data URL."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...results.embedding import dots
from ...view.render.colormaps import colored
from ...view.view import suited

SIDE = 320  # longest side, in pixels
_LEAST = 160  # pictures smaller than that are enlarged, each pixel a square
_MOST = 16  # pictures at once, the last ones
_GAP = 2
_UNKNOWN = (128, 128, 128)  # grey, which is in none of the maps: not known yet


def data_url(preview: object) -> str:
    """A preview as `data:image/jpeg;base64,…`, empty for what is no picture.

    Pictures are (n, C, H, W), the last of which are tiled, or (H, W, C); maps (H, W), or (C, H, W) summed over
    channels, with NaN where nothing is known yet; more than three pairs of numbers (n, 2) are points.
    """
    if not isinstance(preview, np.ndarray) or not preview.size:
        return ""
    pixels = _pixels(preview)
    if pixels is None:
        return ""
    buffer = io.BytesIO()
    _sized(PIL.Image.fromarray(pixels)).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _pixels(preview: NDArray[Any]) -> NDArray[np.uint8] | None:
    match preview.shape:
        case (_, 1 | 2 | 3 | 4, _, _):
            return _tiled([_picture(one.transpose(1, 2, 0)) for one in preview[-_MOST:]])
        case (_, _, 3 | 4):
            return _picture(preview)
        case (channels, _, _) if channels <= 4:
            return _map(preview.sum(0))
        case (count, 2) if count > 3:
            return dots(preview)
        case (height, width) if min(height, width) > 2:  # else curves, such as those of insertion and deletion
            return _map(preview)
    return None


def _picture(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W, C) from 0 to 1, or bytes, as RGB; what is transparent is white."""
    values = picture / 255 if picture.dtype == np.uint8 else np.nan_to_num(picture).clip(0, 1)
    if values.shape[2] in (2, 4):
        alpha = values[..., -1:]
        values = values[..., :-1] * alpha + 1 - alpha
    rgb = np.broadcast_to(values, (*values.shape[:2], 3)) if values.shape[2] == 1 else values
    return np.rint(rgb * 255).astype(np.uint8)


def _map(values: NDArray[Any]) -> NDArray[np.uint8]:
    rgba = colored(values.astype(np.float32), suited(values, percentile=99.9))
    known = rgba[..., 3:] > 0
    return np.where(known, rgba[..., :3], np.array(_UNKNOWN, np.uint8)).astype(np.uint8)


def _tiled(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    height, width, _ = pictures[0].shape
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = (
            place * (side + _GAP) for place, side in zip(divmod(number, columns), (height, width), strict=True)
        )
        sheet[top : top + height, left : left + width] = picture
    return sheet


def _sized(picture: PIL.Image.Image) -> PIL.Image.Image:
    longest = max(picture.size)
    if longest > SIDE:
        picture.thumbnail((SIDE, SIDE), PIL.Image.Resampling.BILINEAR)
        return picture
    factor = SIDE // longest if longest < _LEAST else 1
    return picture.resize((picture.width * factor, picture.height * factor), PIL.Image.Resampling.NEAREST)
