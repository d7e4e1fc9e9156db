"""What a file of a map holds: the header and arrays that a server answers with, and pages of thumbnails."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...base.errors import BadImage, BadKnob, BadSource
from ...base.pixels import Ints
from ...base.plain import from_json, to_json
from ...results.embedding import Embedding
from ...results.evolution import Evolution
from ..charts.mosaics import square

MOST = 8 << 20  # bytes of thumbnails
CELLS = 32  # thumbnails of a page's side
_SIZES = ((64, 4_000), (32, 12_000))  # pixels of one, for so many images; beyond, 16
_GRID = 20_000  # images of which the grid is reckoned: of 100,000 it takes ten seconds
_QUALITY, _EMPTY = 80, 128
_NOT_HERE = "This file holds the map alone. Explore the network to ask for it."


def header_of(result: Embedding | Evolution, pages: int, size: int, refused: str) -> dict[str, Any]:
    """What a page must know of a map, as the explorer's MapHeader, with the ids of the images, and what is missing."""
    request, several = result.request, isinstance(result, Evolution)
    content = hashlib.sha256(np.ascontiguousarray(result.values).tobytes() + to_json(list(result.ids)).encode())
    digest = content.hexdigest()
    told = {
        "digest": digest,
        "technique": "evolution" if several else "embed",
        "network": result.network,
        "offered": "",
        "layer": str(result.unit),
        "method": result.evidence.get("method", ""),
        "metric": result.evidence.get("metric", ""),
        "images": len(result.ids),
        "dims": result.values.shape[-1],
        "snapshots": result.names if isinstance(result, Evolution) else (result.network,),
        "classes": _classes(result),
        "levels": (),
        "quality": {} if isinstance(result, Evolution) else result.quality,
        "control": result.control if isinstance(result, Evolution) else {},
        "evidence": result.evidence,
        "python": "" if request is None else request.python(),
        "colorings": _colorings(result),
        "atlas": {
            "digest": digest, "pages": pages, "cells": CELLS, "sizes": (size,), "refused": "" if pages else refused
        },
        "ids": result.ids,
        "left_out": refused if pages else "",
    }  # fmt: skip
    plain: dict[str, Any] = from_json(to_json(told), loose=True)
    return plain


def arrays_of(result: Embedding | Evolution) -> dict[str, NDArray[Any]]:
    """The points of every map, classes, the order of drawing, the places of thumbnails, and the grid of a small map."""
    several, count = isinstance(result, Evolution), len(result.ids)
    numbers = {name: number for number, name in enumerate(_classes(result))}
    order = _order(count)
    slots = np.empty(count, np.int32)
    slots[order] = np.arange(count)
    arrays = {
        "points": np.asarray(result.values if several else result.values[None], np.float32),
        "classes": np.array([-1 if label is None else numbers[label] for label in result.labels], np.int32),
        "order": order.astype(np.int32),
        "slots": slots,
    }
    if isinstance(result, Evolution):
        arrays["displacement"] = np.asarray(result.displacement, np.float32)
    elif result.values.shape[1] == 2 and count <= _GRID:
        arrays["cells"] = result.grid().astype(np.int32)
    return arrays


def thumbnail_pages(result: Embedding | Evolution) -> tuple[list[bytes], int, str]:
    """Pages of thumbnails as WebP in the order of drawing, until they are 8 MB; their size; and what is left out."""
    count = len(result.ids)
    size = next((size for size, most in _SIZES if count <= most), 16)
    if not isinstance(result, Embedding) or result.behind is None or not count:
        return [], size, "The images were not at hand when this file was written."
    pages: list[bytes] = []
    order, room = _order(count), CELLS**2
    for begin in range(0, count, room):
        try:
            page = _page(result, order[begin : begin + room], size)
        except (BadKnob, BadSource) as error:
            return [], size, str(error)
        if sum(map(len, pages)) + len(page) > MOST:
            return pages, size, f"{count - begin:,} of {count:,} images have no picture: this file holds 8 MB of them."
        pages.append(page)
    return pages, size, ""


def _page(result: Embedding, numbers: Ints, size: int) -> bytes:
    pixels = np.full((-(-len(numbers) // CELLS) * size, CELLS * size, 3), _EMPTY, np.uint8)
    for cell, number in enumerate(numbers.tolist()):
        row, column = divmod(cell, CELLS)
        try:
            picture = square(result.image(result.ids[number]), size)
        except BadImage:
            continue  # grey: it cannot be read
        pixels[row * size : (row + 1) * size, column * size : (column + 1) * size] = picture
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "WEBP", quality=_QUALITY, method=4)
    return buffer.getvalue()


def _classes(result: Embedding | Evolution) -> list[str]:
    return sorted({label for label in result.labels if label is not None})


def _colorings(result: Embedding | Evolution) -> list[dict[str, Any]]:
    none = "" if any(result.labels) else "These images have no classes. Keep them in a folder for each class."
    others = [{"by": by, "refused": _NOT_HERE, "layers": ()} for by in ("prediction", "error", "split", "unit")]
    return [{"by": "class", "refused": none, "layers": ()}, *others]


def _order(count: int) -> Ints:
    """The images in an order drawn once: of any part of the map, the first are spread over it."""
    return np.asarray(np.random.default_rng(0).permutation(count))
