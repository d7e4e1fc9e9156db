"""What drives units: the parts of images, from a scan, that a unit answers most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.pixels import Floats
from ..base.unit import Unit
from ..contract.result import Result


@dataclass(frozen=True, eq=False, kw_only=True)
class Patches(Result):
    """The parts of images that drive a channel, or each of some channels of a layer, best first.

    `shown` (m,) are the channels, in order. Each of the n entries belongs to one of them, `channels` (n,): its
    activation `values` (n,), its place in the map `positions` (n, 2), -1 and -1 where there is none, the id of its
    image `images`, the name of its class `classes`, empty where unknown, and its crop: `boxes` (n, 4) are top, left,
    bottom and right in pixels of the source image, the last two exclusive, `windows` (n, 4) the same in pixels of the
    network's input, `crops` the (h, w, 3) uint8 parts of the source images. `projections`, (C, h, w) float32 each, are
    the same windows of what was projected back from exactly that neuron; there are none for a layer, or where none were
    asked for.
    """

    unit: Unit
    shown: NDArray[np.int64]
    channels: NDArray[np.int64]
    images: tuple[str, ...]
    positions: NDArray[np.int64]
    boxes: NDArray[np.int64]
    windows: NDArray[np.int64]
    crops: tuple[NDArray[np.uint8], ...]
    projections: tuple[Floats, ...]
    classes: tuple[str, ...] = ()

    @property
    def silent(self) -> list[int]:
        """The channels without entries: they never fired, or had one value only."""
        return [channel for channel in self.shown.tolist() if channel not in self.channels]

    def of(self, channel: int) -> list[int]:
        """The numbers of the entries that belong to a channel, best first."""
        return np.flatnonzero(self.channels == channel).tolist()

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the id and class of each entry's image."""
        return {**super().summary(), "images": list(self.images), "classes": list(self.classes)}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array of the result, by name; crops and projections, which differ in size, are numbered."""
        crops = {f"crop_{i}": crop for i, crop in enumerate(self.crops)}
        projections = {f"projection_{i}": values for i, values in enumerate(self.projections)}
        return {**super().arrays(), **crops, **projections}
