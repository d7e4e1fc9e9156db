"""Maps made of pictures: each at its place, filled by the nearest, or on a grid; composed one picture at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from ...base.image import Image
from ...base.pixels import Floats, Ints
from ..render.fonts import font

Pixels = NDArray[np.uint8]
Picture = Callable[[int], Pixels]  # the square picture of an image, by its number

_DARK, _LIGHT = 24, 255  # of seams
_ENDS = (1, 99)  # percentiles of the distances, at which the brightness ends
_BAR = (14, 200)  # of the scale: width and height


def square(image: Image, side: int) -> Pixels:
    """The square in the middle of an image, (side, side, 3)."""
    height, width = image.size
    short = min(height, width)
    left, top = (width - short) // 2, (height - short) // 2
    box = (left, top, left + short, top + short)
    drawn = image.pil().resize((side, side), PIL.Image.Resampling.LANCZOS, box, reducing_gap=3)
    return np.asarray(drawn)


def placed(corners: Ints, side: int, size: int, picture: Picture) -> tuple[Pixels, Floats]:
    """Pictures at corners (n, 2), top and left in pixels, the earlier in front; and how much of each is seen, (n,).

    They are painted from the front, so that a picture that is hidden is never asked for.
    """
    canvas = np.full((size, size, 3), 255, np.uint8)
    free, seen = np.ones((size, size), np.bool_), np.zeros(len(corners), np.float32)
    for number, (top, left) in enumerate(corners.tolist()):
        window = slice(top, top + side), slice(left, left + side)
        open_ = free[window]
        seen[number] = open_.mean()
        if seen[number]:
            canvas[window][open_] = picture(number)[open_]
            open_[...] = False
    return canvas, seen


def nearest_images(centers: Floats, count: int, side: int) -> Ints:
    """The number of the image whose center (n, 2) is nearest to each of count × count cells."""
    from scipy.spatial import cKDTree

    places, first = np.unique(centers, axis=0, return_index=True)
    middles = (np.arange(count) + 0.5) * side
    cells = np.stack(np.meshgrid(middles, middles, indexing="ij"), -1)
    return np.asarray(first[cKDTree(places).query(cells)[1]], np.int64)


def fill_cells(nearest: Ints, side: int, picture: Picture) -> Pixels:
    """A picture in each cell, (rows, columns) of numbers."""
    rows, columns = nearest.shape
    canvas = np.empty((rows * side, columns * side, 3), np.uint8)
    numbers = nearest.ravel()
    order = np.argsort(numbers, kind="stable")
    for cells in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
        shown = picture(int(numbers[cells[0]]))
        for row, column in zip(*np.divmod(cells, columns), strict=True):
            canvas[row * side : (row + 1) * side, column * side : (column + 1) * side] = shown
    return canvas


def gridded(canvas: Pixels, cells: Ints, side: int, gap: int, picture: Picture) -> None:
    """Paint pictures on a canvas at cells (n, 2), row and column, each once, with a gap between them."""
    for number, (row, column) in enumerate(cells.tolist()):
        top, left = row * (side + gap), column * (side + gap)
        canvas[top : top + side, left : left + side] = picture(number)


def neighbors(cells: Ints) -> Ints:
    """The pairs of images that are side by side or one below the other, (m, 2), by their numbers."""
    taken = np.full(cells.max(axis=0) + 1, -1, np.int64)
    taken[tuple(cells.T)] = np.arange(len(cells))
    beside = np.stack([taken[:, :-1].ravel(), taken[:, 1:].ravel()], 1)
    below = np.stack([taken[:-1].ravel(), taken[1:].ravel()], 1)
    pairs = np.concatenate([beside, below])
    return np.asarray(pairs[(pairs >= 0).all(axis=1)])


def seams(cells: Ints, pairs: Ints, distances: Floats, side: int, gap: int) -> tuple[Pixels, tuple[float, float]]:
    """The canvas of a grid whose seams are the brighter, the greater the distance of a pair; and where it ends.

    Where seams meet it is as bright as they are on average.
    """
    low, high = (float(end) for end in np.percentile(distances, _ENDS))
    shares = ((distances - low) / ((high - low) or 1.0)).clip(0, 1)
    lattice = np.full(2 * cells.max(axis=0) + 1, np.nan)
    lattice[tuple(cells[pairs].sum(axis=1).T)] = _DARK + (_LIGHT - _DARK) * shares
    around = np.pad(lattice, 1, constant_values=np.nan)
    beside = np.stack([around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]])
    known = np.isfinite(beside)
    mean = np.where(known, beside, 0).sum(axis=0) / known.sum(axis=0).clip(1)
    lattice[1::2, 1::2] = np.where(known.sum(axis=0) > 1, mean, 255)[1::2, 1::2]
    levels = np.where(np.isfinite(lattice), lattice, 255).round().astype(np.uint8)
    for axis in (0, 1):
        levels = np.repeat(levels, np.where(np.arange(levels.shape[axis]) % 2, gap, side), axis)
    return np.repeat(levels[..., None], 3, 2), (low, high)


def seam_scale(low: float, high: float, density: float) -> Pixels:
    """The brightness of seams from top, far apart, to bottom, with numbers, as a picture."""
    wide, long = (int(extent * density) for extent in _BAR)
    room, small = int(8 * density), font(10, density)
    picture = PIL.Image.new("RGB", (wide + int(54 * density), long + 2 * room), "white")
    ramp = np.linspace(_LIGHT, _DARK, long).round().astype(np.uint8)
    picture.paste(PIL.Image.fromarray(np.repeat(ramp[:, None], wide, 1)).convert("RGB"), (0, room))
    pen = PIL.ImageDraw.Draw(picture)
    pen.rectangle((0, room, wide - 1, room + long - 1), outline="#bbbbbb")
    for share, sign in ((0.0, "≥ "), (0.5, ""), (1.0, "≤ ")):
        words = sign + f"{high + (low - high) * share:.3g}"
        pen.text((wide + 5 * density, room + share * (long - 1)), words, fill="#1a1a1a", font=small, anchor="lm")
    return np.asarray(picture)
