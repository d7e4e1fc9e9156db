"""Spatial control: where in the picture each style holds, from a mask a style or one picture of regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadImage, BadKnob
from ...base.image import Image, open_image
from ...contract.images import split_text
from ...optimize.resample import LUMA

_BIT = 1.5 / 255  # by how much masks may overlap: a rounding


def read_masks(masks: str, size: tuple[int, int], styles: int) -> list[NDArray[np.float32]]:
    """Where each style holds, (H, W) from 0 to 1, an array a style; none at all where nothing is given.

    One file for several styles is a picture of regions: as many shades, from dark to light, as there are styles.
    Raises BadImage for masks of another size than the content's, BadKnob for a wrong number, for masks that overlap
    and for one that is empty.
    """
    files = split_text(masks)
    if not files:
        return []
    pictures = [_opened(file, size) for file in files]
    if len(files) == 1 and styles > 1:
        return _regions(pictures[0], styles)
    if len(files) != styles:
        raise BadKnob(
            f"masks must be one for each of {styles} styles, or one picture of regions, not {len(files)}. Name as many."
        )
    found = [_shade(picture) for picture in pictures]
    if sum(found[1:], start=found[0]).max() > 1 + _BIT:
        raise BadKnob("masks must not overlap, but do: at some pixels they add up to more than white. Cut one of them.")
    for file, mask in zip(files, found, strict=True):
        if not mask.any():
            raise BadKnob(f"A mask must be white somewhere, not {file}, which is black. Draw where its style is to be.")
    return found


def _opened(file: str, size: tuple[int, int]) -> Image:
    try:
        picture = open_image(file)
    except BadImage as error:
        raise BadImage(f"masks must be pictures, not {file!r}. {error}") from error
    if picture.size != size:
        (height, width), (wanted_height, wanted_width) = picture.size, size
        raise BadImage(
            f"A mask must be as large as the content, {wanted_width} × {wanted_height} pixels, not {width} × {height} "
            f"as {file} is. Draw it over the content."
        )
    return picture


def _shade(picture: Image) -> NDArray[np.float32]:
    return np.asarray(picture.pixels @ np.array(LUMA) / 255).astype(np.float32).clip(0, 1)


def _regions(picture: Image, styles: int) -> list[NDArray[np.float32]]:
    shade = np.rint(_shade(picture) * 255)
    shades = np.unique(shade)
    if len(shades) != styles:
        raise BadKnob(
            f"A picture of regions must have as many shades as there are styles, {styles}, not {len(shades)}. "
            "Fill each region evenly, and save it as PNG."
        )
    return [(shade == value).astype(np.float32) for value in shades]
