"""The pages of a map's thumbnails: made when they are first asked for, from the images in the order of their slots.

An atlas is known by the digest of its images and their slots, so that a page never shows others than those of the map.
"""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...base.errors import BadImage, BadKnob, BadSource
from ...base.image import Image
from ...base.pixels import Ints
from ...data.source import Source
from ...view.charts.mosaics import Pixels, square
from ..workspace.kept_map import KeptMap
from ..workspace.map_detail import CELLS, PAGE
from .at_hand import images_of

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

SIZES = (16, 32, 64)
_LANES = min(4, os.cpu_count() or 1)  # threads that decode
_QUALITY = 85  # of WebP
_EMPTY = 128  # of cells without an image


def page_count(kept: KeptMap) -> int:
    """How many pages there are."""
    return -(-len(kept.ids) // PAGE)


def atlas_page(workspace: Workspace, kept: KeptMap, size: int, page: int) -> tuple[bytes, list[int]]:
    """A page of thumbnails as WebP, and the slots whose image cannot be read: such a page is not kept.

    Raises BadKnob for a page there is not, BadSource where the images are not at hand.
    """
    if page >= page_count(kept):
        raise BadKnob(f"page must be from 0 to {page_count(kept) - 1}, not {page}.")
    found = workspace.store.get(kept.atlas, _part(size, page))
    if found is not None:
        return found, []
    with workspace.drawing:
        found = workspace.store.get(kept.atlas, _part(size, page))  # someone else may have asked meanwhile
        if found is not None:
            return found, []
        cells, missing = _cells(
            images_of(workspace, kept), kept, np.argsort(kept.slots)[page * PAGE : (page + 1) * PAGE]
        )
        parts = {_part(side, page): _encoded(_laid_out(cells, side)) for side in SIZES}
        if not missing:
            workspace.store.put_all(kept.atlas, parts)
    return parts[_part(size, page)], [page * PAGE + cell for cell in missing]


def webp_of(image: Image, side: int) -> bytes:
    """An image as WebP, its longest side at most `side` pixels."""
    picture = image.pil().convert("RGB")
    picture.thumbnail((side, side), PIL.Image.Resampling.LANCZOS)
    return _encoded(np.asarray(picture))


def _cells(source: Source, kept: KeptMap, numbers: Ints) -> tuple[Pixels, list[int]]:
    """The thumbnails of images, (n, 64, 64, 3), and the places of those that cannot be read."""
    cells = np.full((len(numbers), SIZES[-1], SIZES[-1], 3), _EMPTY, np.uint8)

    def draw(place: int) -> bool:
        try:
            cells[place] = square(source.open(kept.ids[numbers[place]]), SIZES[-1])
        except (BadImage, BadSource):
            return False
        return True

    with ThreadPoolExecutor(_LANES) as lanes:
        drawn = list(lanes.map(draw, range(len(numbers))))
    return cells, [place for place, done in enumerate(drawn) if not done]


def _laid_out(cells: Pixels, side: int) -> Pixels:
    """Cells of a page row by row, each shrunk to a side by the mean of its pixels; rows without any are left out."""
    rows = -(-len(cells) // CELLS)
    filled = np.full((rows * CELLS, side, side, 3), _EMPTY, np.uint8)
    filled[: len(cells)] = _shrunk(cells, cells.shape[1] // side)
    return filled.reshape(rows, CELLS, side, side, 3).swapaxes(1, 2).reshape(rows * side, CELLS * side, 3)


def _shrunk(cells: Pixels, by: int) -> Pixels:
    count, side = cells.shape[:2]
    if by == 1:
        return cells
    blocks = cells.reshape(count, side // by, by, side // by, by, 3)
    small: NDArray[np.uint8] = (blocks.sum(axis=(2, 4), dtype=np.uint32) // by**2).astype(np.uint8)
    return small


def _encoded(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "WEBP", quality=_QUALITY, method=2)
    return buffer.getvalue()


def _part(size: int, page: int) -> str:
    return f"page{page}of{size}"
