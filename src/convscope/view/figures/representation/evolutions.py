"""Evolutions to views: maps side by side, the ways of images from one to the next, and a film."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ....base.pixels import Floats
from ....results.evolution import Evolution
from ...charts.scatters import MOST, colors_of, legend, scatter
from ...charts.trails import trails
from ...panels.captions import note, title
from ...panels.parts import with_panel
from ...view import Panel, View

_MOST = 6  # maps side by side
_SIDE, _TRAILS = 330, 640  # pixels of a page for one of several maps, and for trails
_DENSITY = 2
_STEPS = 24  # frames of a film between two maps
_HELD = 12  # frames for which a map is held


def draw_evolution(
    result: Evolution,
    *,
    style: Annotated[
        Literal["maps", "trails"],
        Field(description="maps: side by side; trails: the way of each image, dark to bright, pale where it is chance"),
    ] = "maps",
    fps: Annotated[float, Field(gt=0, le=120, description="frames a second of a film")] = 24.0,
) -> View:
    """Draw how the map of the same images evolves, and how much of it is chance."""
    about = title(result, f"of {len(result.ids):,} images at {result.unit}, {len(result.maps)} maps")
    view = View(about, (), {}, "; ".join(filter(None, [_control(result), note(result)])))
    colors = colors_of(result.labels)
    if style == "trails":
        size = _TRAILS * _DENSITY
        drawn = trails(_centers(result, size), result.learned, result.labels, colors, 2, size)
        words = f"from {result.names[0]} (dark) to {result.names[-1]} (bright)"
        view = with_panel(view, Panel(words, "trails", side=_TRAILS, exact=True), drawn[None])
    else:
        size = _SIDE * _DENSITY
        centers = _centers(result, size)
        for number in _shown(len(result.maps)):
            drawn = scatter(centers[number], result.labels, colors, 7, size, None)
            panel = Panel(_named(result, number), f"map {number}", side=_SIDE, exact=True)
            view = with_panel(view, panel, drawn[None])
    return _with_legend(view, result, colors)


def film(result: Evolution) -> Iterator[NDArray[np.uint8]]:
    """The frames of a film, (h, w, 3): each map is held, then moves into the next."""
    size, colors = _TRAILS * _DENSITY, colors_of(result.labels)
    centers = _centers(result, size)
    for number, own in enumerate(centers):
        still = scatter(own, result.labels, colors, 8, size, None)
        yield from [still] * _HELD
        if number + 1 < len(centers):
            for step in range(1, _STEPS):
                share = 0.5 - 0.5 * np.cos(np.pi * step / _STEPS)
                between = np.asarray(own + (centers[number + 1] - own) * share, np.float32)
                yield scatter(between, result.labels, colors, 8, size, None)


def _centers(result: Evolution, size: int) -> Floats:
    """Where points lie in a square of `size` pixels, (t, n, 2) of y and x, on one scale for all maps."""
    places = result.values[..., 1::-1].astype(np.float64)
    low, high = places.min(axis=(0, 1)), places.max(axis=(0, 1))
    span = float((high - low).max()) or 1.0
    return np.asarray((places - (low + high) / 2) * (0.96 * size / span) + size / 2, np.float32)


def _shown(count: int) -> list[int]:
    if count <= _MOST:
        return list(range(count))
    return [round(i * (count - 1) / (_MOST - 1)) for i in range(_MOST)]


def _named(result: Evolution, number: int) -> str:
    hit, own = result.hits[number], result.code_hits[number]
    if np.isnan(hit):
        return result.names[number]
    shares = f"{100 * hit:.0f}\u00a0% of neighbors here, {100 * own:.0f}\u00a0% in the codes"
    return f"{result.names[number]}: of one class {shares}"


def _control(result: Evolution) -> str:
    """How far images move, and how far they would without a reason."""
    told = result.control
    words = []
    if told["null_motion"] is not None:
        words.append(f"images move {told['null_motion']:.2g} radii where nothing changes")
    moved = ", ".join(f"{motion:.2g}" for motion in told["median_motion"])
    if moved:
        words.append(f"from map to map {moved}")
        changed = ", ".join(f"{100 * share:.0f}\u00a0%" for share in told["neighbour_change"])
        words.append(f"of the 10 nearest in the codes {changed} are others")
        ranks = ", ".join("–" if r is None else f"{r:.2f}" for r in told["rank_correlation"])
        words.append(f"rank correlation of the two {ranks}")
    return "; ".join(words)


def _with_legend(view: View, result: Evolution, colors: dict[str, str]) -> View:
    if not colors:
        return view
    classes = len(set(result.labels) - {None})
    words = f"{classes} classes" if classes <= MOST else f"the largest {len(colors)} of {classes} classes"
    drawn = legend(result.labels, colors, _DENSITY)
    return with_panel(view, Panel(words, "legend", side=max(drawn.shape[:2]) // _DENSITY, exact=True), drawn[None])
