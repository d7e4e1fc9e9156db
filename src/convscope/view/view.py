"""Views: what a picture says, apart from how it is drawn. A browser, a PNG and an HTML file draw the same view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

Map = Literal["sequential", "diverging", "grey", "color"]
Percentile = Annotated[float, Field(gt=50, le=100, description="percentile of the magnitudes at which the scale ends")]


@dataclass(frozen=True)
class Scale:
    """Which values get which colors.

    `sequential` (viridis) runs from low to high; `diverging` (vik), `grey` and `color` (each of R, G, B by itself) are
    symmetric about zero. Where `clipped`, some values lie beyond the ends.
    """

    map: Map
    low: float
    high: float
    label: str = ""
    clipped: bool = False


@dataclass(frozen=True)
class Panel:
    """A grid of tiles on one scale: `array` names the tiles, (n, h, w), or (n, h, w, 3) for colors.

    Without a scale the tiles are pictures, uint8 RGB or RGBA, which may lose a little when stored unless `exact`; one
    that is exact, alone and has a `side` keeps all its pixels, however many there are for it.
    `columns`, and `side`, the longest a tile is drawn in pixels, are 0 where the drawer may choose. `vector` is an SVG
    element without a size that shows the same as the one tile, for drawers that can show it: its words are words.
    """

    title: str
    array: str
    scale: Scale | None = None
    labels: tuple[str, ...] = ()
    columns: int = 0
    side: int = 0
    exact: bool = False
    vector: str = ""


@dataclass(frozen=True, eq=False)
class View:
    """A title, panels, a note, and the arrays the panels name."""

    title: str
    panels: tuple[Panel, ...]
    arrays: Mapping[str, NDArray[Any]]
    note: str = ""
    kind: str = "tiles"

    def spec(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values."""
        return {
            "kind": self.kind,
            "title": self.title,
            "note": self.note,
            "panels": [asdict(panel) for panel in self.panels],
        }


def symmetric(values: NDArray[Any], map: Map = "diverging", percentile: float = 100, label: str = "") -> Scale:
    """A scale about zero that reaches the given percentile of the magnitudes."""
    magnitude = np.abs(values[np.isfinite(values)])
    high = _end(magnitude, percentile)
    return Scale(map, -high, high, label, bool((magnitude > high).any()))


def from_zero(values: NDArray[Any], percentile: float = 100, label: str = "") -> Scale:
    """A scale from zero up to the given percentile, for values that are never negative."""
    finite = values[np.isfinite(values)]
    high = _end(finite, percentile)
    return Scale("sequential", 0.0, high, label, bool((finite > high).any()))


def suited(values: NDArray[Any], percentile: float = 100, label: str = "") -> Scale:
    """From zero where nothing is negative, else symmetric about zero."""
    return (symmetric if (values < 0).any() else from_zero)(values, percentile=percentile, label=label)


def _end(magnitude: NDArray[Any], percentile: float) -> float:
    """The end of a scale; never zero, so that an empty map is drawn flat instead of as amplified noise."""
    end = float(np.percentile(magnitude, percentile)) if magnitude.size else 0.0
    return end or float(magnitude.max(initial=0)) or 1.0
