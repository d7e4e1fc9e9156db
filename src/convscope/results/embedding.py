"""Maps of representations: where each image lies, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..base.errors import BadKnob
from ..base.image import Image
from ..base.pixels import Floats, Ints
from .grid import arrange
from .tabled import Tabled

_SMALL = 96  # pixels


class Behind(Protocol):
    """What a map was made of, while it is at hand: the network, the images and their codes."""

    def image(self, id: str) -> Image:
        """The image of an id; raises BadImage and BadSource."""

    def distances(self, pairs: Ints) -> Floats:
        """How far the codes of pairs of images (m, 2), by their numbers, are apart in the metric of the map, (m,)."""

    def place(self, embedding: Embedding, images: Any) -> Floats:
        """Where other images lie on the map, (m, dims)."""

    def selected(self, embedding: Embedding, selection: Any) -> NDArray[np.bool_]:
        """A selection as a mask, (n,)."""

    def units(self, chosen: NDArray[np.bool_], layers: str) -> pa.Table:
        """The units that tell chosen images from the others."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Embedding(Tabled):
    """A map: the point of each of n images, `values` (n, dims), in no unit, with the middle of their box at 0.

    `ids` and `labels` are those of the images, None without a class. `quality` has numbers from 0 to 1, 1 the best:
    `trustworthiness` (near on the map and near in the codes), `recall` of the 10 nearest images, `hit`, the share of an
    image's neighbors on the map that have its class, and `centroid_recall`, that of the nearest classes; None where
    there are no classes.
    """

    ids: tuple[str, ...]
    labels: tuple[str | None, ...]
    quality: Mapping[str, float | None]
    behind: Behind | None = field(default=None, repr=False)

    @property
    def points(self) -> Floats:
        """The point of each image, (n, 2 or 3)."""
        return self.values

    def grid(self, columns: int | None = None) -> Ints:
        """The row and column of each image, (n, 2), where every image has a cell of its own near its point.

        Raises BadKnob for a map in three dimensions, and fewer than one column.
        """
        return arrange(self.points, columns)

    def image(self, id: str) -> Image:
        """The image of an id; raises BadKnob where the images are not at hand."""
        return self._behind.image(id)

    def distances(self, pairs: Ints) -> Floats:
        """How far the codes of pairs of images (m, 2), by their numbers, are apart, (m,): not on the map, in the layer.

        In the metric of the map; by cosine it is 1 less the cosine. Raises BadKnob where the codes are not at hand.
        """
        return self._behind.distances(pairs)

    def place(self, images: Any) -> Floats:
        """Where other images lie on this map, (m, dims), each alone: which are placed together does not matter.

        `images` are what a source may be. Raises BadKnob for a map that was not made by t-SNE or PCA.
        """
        return self._behind.place(self, images)

    def units(self, selection: Any, layers: str = "all") -> pa.Table:
        """Which units tell the selected images from the others, found in one half of them and tested in the other.

        `selection` is a class, ids, numbers or a mask of images, or an SQL condition on the columns of `table`. Raises
        BadKnob where it selects too few images, or all.
        """
        return self._behind.units(self.selected(selection), layers)

    def selected(self, selection: Any) -> NDArray[np.bool_]:
        """A selection as a mask (n,); raises BadKnob for what selects nothing, or is none."""
        return self._behind.selected(self, selection)

    @property
    def table(self) -> pa.Table:
        """A row an image: `id`, `class`, `x`, `y`, and `z` in three dimensions."""
        columns = {"id": pa.array(self.ids, pa.string()), "class": pa.array(self.labels, pa.string())}
        return pa.table({**columns, **dict(zip("xyz", map(pa.array, self.points.T), strict=False))})

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the quality, the ids and the classes."""
        told = {"quality": dict(self.quality), "ids": list(self.ids), "classes": list(self.labels)}
        return {**super().summary(), **told}

    def thumbnail(self) -> NDArray[np.uint8]:
        """The points as dots; of no color, as small as it is."""
        return dots(self.points)

    @classmethod
    def endings(cls, asked: Mapping[str, Any]) -> tuple[str, ...]:
        """Also `.parquet`, the table, and `.html`, a page to look about in."""
        return (*super().endings(asked), ".html")

    @property
    def _behind(self) -> Behind:
        if self.behind is None:
            raise BadKnob(
                "The network and images of this map must be at hand, and are not. Make it again: cs.embed(…)."
            )
        return self.behind


def dots(points: Floats) -> NDArray[np.uint8]:
    """The first two coordinates of points (n, dims) as dark dots on a small white picture, y growing downward."""
    places = points[:, 1::-1].astype(np.float64)
    low, high = places.min(axis=0), places.max(axis=0)
    span = float((high - low).max()) or 1.0
    pixels = np.full((_SMALL, _SMALL, 3), 255, np.uint8)
    rows, columns = np.rint((places - (low + high) / 2) / span * (_SMALL - 4) + _SMALL / 2 - 1).astype(int).T
    for down, right in np.ndindex(2, 2):
        pixels[rows + down, columns + right] = 60
    return pixels
