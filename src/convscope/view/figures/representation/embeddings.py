"""Maps of representations to views: dots in the colors of classes, or the images themselves, with the map's quality."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ....base.errors import BadKnob, ConvscopeError
from ....base.pixels import Floats
from ....results.embedding import Embedding
from ...charts import mosaics
from ...charts.mosaics import Picture, Pixels
from ...charts.scatters import MOST, colors_of, legend, scatter
from ...panels.captions import note, title
from ...panels.parts import with_panel
from ...view import Panel, View

_FEW = 2_000  # images that are drawn as such by default
_WIDEST = 720  # pixels of a page that a map takes
_LEAST, _SHARE = 16, 5  # the smallest picture by default, and which share of the map the largest is
_CELL = 4  # pixels of a cell, the least


def draw_embedding(
    result: Embedding,
    *,
    style: Annotated[
        Literal["auto", "points", "images", "filled", "grid", "seams"],
        Field(
            description="points: a dot an image; images: each at its place; filled: in every cell the nearest image; "
            "grid: each once, side by side; seams: the grid, bright where neighbors are far apart in the layer; auto: "
            f"images where they are at hand and at most {_FEW:,}, else points"
        ),
    ] = "auto",
    size: Annotated[int, Field(ge=200, le=8192, description="pixels of the map's side, of a grid or a little less")] = (
        1000
    ),
    side: Annotated[
        int,
        Field(ge=0, le=1024, description="pixels of an image's side or a dot's width, not of a grid; 0: by the number"),
    ] = 0,
) -> View:
    """Draw a map: where each image lies, and how far that can be trusted.

    One unit is as long down as across; y grows downward. Raises BadKnob for a style that needs the images where they
    are not at hand, a grid of a map in three dimensions, and sides that do not fit.
    """
    chosen, why = (style, "") if style != "auto" else _chosen(result)
    if chosen != "points":
        _check_at_hand(result, chosen)
    about = "; ".join(filter(None, [why, note(result), _made(result), _kept(result)]))
    view = View(title(result, _about(result)), (), {}, about)
    if chosen == "points":
        return _points(view, result, size, side)
    if chosen in ("grid", "seams"):
        return _on_grid(view, result, size, chosen == "seams")
    _check_side(side, size)
    return (_images if chosen == "images" else _filled)(view, result, size, side or _side(result, size))


def _points(view: View, result: Embedding, size: int, width: int) -> View:
    colors = colors_of(result.labels)
    dot = float(width) or min(max(0.28 * size / math.sqrt(len(result.ids)), 1.2), size / 110)
    depth = _depth(result)
    pixels = scatter(_centers(result, size, max(dot, size / 50)), result.labels, colors, dot, size, depth)
    deep = "" if depth is None else "; x and y, what is far along z is pale"
    classes = len(set(result.labels) - {None})
    if not colors:
        many = f"; {classes} classes are too many for colors" if classes else ""
        return _with_map(view, f"a dot an image{deep}{many}", pixels, size)
    words = f"{classes} classes" if classes <= MOST else f"the largest {len(colors)} of {classes} classes"
    view = _with_map(view, f"a dot an image{deep}", pixels, size)
    return _beside(view, words, legend(result.labels, colors, _density(size)), size)


def _depth(result: Embedding) -> Floats | None:
    """How near each point of a map in three dimensions is, from 0 to 1."""
    if result.points.shape[1] < 3:
        return None
    z = result.points[:, 2]
    return np.asarray((z - z.min()) / (np.ptp(z) or 1), np.float32)


def _images(view: View, result: Embedding, size: int, side: int) -> View:
    depth = _depth(result)
    order = np.arange(len(result.ids)) if depth is None else np.argsort(-depth, kind="stable")
    corners = np.rint(_centers(result, size, side)[order] - side / 2).astype(np.int64).clip(0, size - side)
    draw = _picture(result, side)
    pixels, seen = mosaics.placed(corners, side, size, lambda place: draw(int(order[place])))
    deep = "" if depth is None else "; x and y, the greater z in front"
    under = int((seen < 0.5).sum())
    hidden = f"; {under:,} of {len(order):,} lie more than half under others" if under else ""
    return _with_map(view, f"each image at its place{deep}{hidden}", pixels, size)


def _filled(view: View, result: Embedding, size: int, side: int) -> View:
    _check_flat(result, "filled")
    count = size // side
    nearest = mosaics.nearest_images(_centers(result, count * side, side), count, side)
    shown = len(np.unique(nearest))
    words = f"in every cell the image nearest on the map: they repeat, and {shown} of {len(result.ids)} are shown"
    return _with_map(view, words, mosaics.fill_cells(nearest, side, _picture(result, side)), size)


def _on_grid(view: View, result: Embedding, size: int, seamed: bool) -> View:
    _check_flat(result, "seams" if seamed else "grid")
    cells = result.grid()
    columns = int(cells[:, 1].max()) + 1
    pitch = size // columns
    if pitch < _CELL:
        raise BadKnob(f"size must be at least {_CELL * columns} for a grid of {len(cells)} images, not {size}.")
    if not seamed:
        rows = int(cells[:, 0].max()) + 1
        pixels = np.full((rows * pitch, columns * pitch, 3), 255, np.uint8)
        mosaics.gridded(pixels, cells, pitch, 0, _picture(result, pitch))
        return _with_map(view, "every image once, near its place on the map", pixels, size)
    gap = max(1, pitch // 6)
    pairs = mosaics.neighbors(cells)
    pixels, ends = mosaics.seams(cells, pairs, result.distances(pairs), pitch - gap, gap)
    mosaics.gridded(pixels, cells, pitch - gap, gap, _picture(result, pitch - gap))
    words = "every image once; a seam is bright where the two beside it are far apart in the layer"
    view = _with_map(view, words, pixels, size)
    unit = "cosine distance" if result.evidence.get("metric") == "cosine" else "distance (l2)"
    return _beside(view, f"{unit} of neighbors", mosaics.seam_scale(*ends, _density(size)), size)


def _picture(result: Embedding, side: int) -> Picture:
    return lambda number: mosaics.square(result.image(result.ids[number]), side)


def _with_map(view: View, words: str, pixels: Pixels, size: int) -> View:
    side = _page(size) * max(pixels.shape[:2]) // size
    return with_panel(view, Panel(words, "map", side=side, exact=True), pixels[None])


def _beside(view: View, words: str, pixels: Pixels, size: int) -> View:
    """A legend; rounded up, so that it is no denser than the map."""
    side = int(np.ceil(max(pixels.shape[:2]) / _density(size)))
    return with_panel(view, Panel(words, "legend", side=side, exact=True), pixels[None])


def _page(size: int) -> int:
    """Pixels of a page for a map: a larger one is denser, so that its words are as large as the map is."""
    return min(size // 2, _WIDEST)


def _density(size: int) -> float:
    return size / _page(size)


def _centers(result: Embedding, size: int, margin: float) -> Floats:
    """Where points lie in a square of `size` pixels, (n, 2) of y and x, as large as half a margin around lets them."""
    places = result.points[:, 1::-1].astype(np.float64)
    low, high = places.min(axis=0), places.max(axis=0)
    span = float((high - low).max()) or 1.0
    return np.asarray((places - (low + high) / 2) * ((size - margin) / span) + size / 2, np.float32)


def _side(result: Embedding, size: int) -> int:
    return max(_LEAST, min(round(0.75 * size / math.sqrt(len(result.ids))), size // _SHARE))


def _chosen(result: Embedding) -> tuple[str, str]:
    """The style by default, and why it is not what could be expected."""
    if len(result.ids) > _FEW or result.behind is None:
        return "points", ""
    try:
        result.image(result.ids[0])
    except ConvscopeError as error:
        return "points", f"the images cannot be drawn: {str(error).split('. ')[0].removesuffix('.')}"
    return "images", ""


def _check_at_hand(result: Embedding, style: str) -> None:
    if result.behind is None:
        raise BadKnob(f"style must be points where the images are not at hand, not {style}. Use style='points'.")


def _check_flat(result: Embedding, style: str) -> None:
    if result.points.shape[1] != 2:
        raise BadKnob(f"style must be points or images for a map in three dimensions, not {style}. Or map with dims=2.")


def _check_side(side: int, size: int) -> None:
    if side and not _CELL <= side <= size:
        raise BadKnob(f"side must be from {_CELL} to {size} for images, the size of the map, or 0, not {side}.")


def _about(result: Embedding) -> str:
    refused = result.evidence.get("refused", 0)
    left = f", {refused:,} more could not be read" if refused else ""
    dims = ", in 3 dimensions" if result.points.shape[1] > 2 else ""
    return f"of {len(result.ids):,} images at {result.unit}{dims}{left}"


def _made(result: Embedding) -> str:
    """How the map was made."""
    told = result.evidence
    if "method" not in told:
        return ""
    perplexities = ", ".join(f"{one:.3g}" for one in told.get("perplexity", []))
    few = [f"perplexity {perplexities}"] if perplexities else []
    few += [f"{told['neighbors_each']} neighbors each"] if "neighbors_each" in told else []
    few += [f"seed {told['seed']}"] if "seed" in told else []
    name = {"t-sne": "t-SNE", "pca": "PCA", "umap": "UMAP"}.get(told["method"], told["method"])
    parts = [f"{name} ({', '.join(few)})" if few else name]
    if "components" in told:
        parts[0] += f" of {told['components']} components that hold {_percent(told['variance_held'])} of the variance"
    if "explained" in told:
        parts.append(f"the map shows {_percent(sum(told['explained']))} of that")
    parts += [f"distances {told['metric']}"] if "metric" in told else []
    recall = f", {_percent(told['neighbor_recall'])} found" if "neighbor_recall" in told else ""
    parts += [f"neighbors {told['neighbors']}{recall}"] if "neighbors" in told else []
    return ", ".join(parts)


def _kept(result: Embedding) -> str:
    """How much of the layer the map shows."""
    told, quality = result.evidence, {name: value for name, value in result.quality.items() if value is not None}
    near = told.get("quality_neighbors", 10)
    chance = f" (chance {_percent(told['chance_recall'])})" if "chance_recall" in told else ""
    words = []
    if "trustworthiness" in quality:
        words.append(f"trustworthiness {quality['trustworthiness']:.2f}")
    if "recall" in quality:
        words.append(f"{_percent(quality['recall'])} of the {near} nearest in the layer are nearest here{chance}")
    if "hit" in quality and _repeated(result):
        words.append(f"{_percent(quality['hit'])} of the {near} nearest here are of the same class")
    if "centroid_recall" in quality and _repeated(result):
        words.append(f"{_percent(quality['centroid_recall'])} of the nearest classes are kept")
    words += [f"judged on {told['quality_points']}"] if "quality_points" in told else []
    words += [f"judged against {told['judged_against']}"] if "judged_against" in told else []
    return ", ".join(words)


def _repeated(result: Embedding) -> bool:
    """Whether a class has several images; where none has, no neighbor can be of the same one."""
    labels = [label for label in result.labels if label is not None]
    return len(set(labels)) < len(labels)


def _percent(share: float) -> str:
    """A share in words, with a digit after the point where it is small."""
    return f"{100 * share:.{1 if share < 0.0995 else 0}f} %"
