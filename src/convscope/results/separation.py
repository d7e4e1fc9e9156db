"""The units behind a selection of images, with what drives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..base.pixels import Floats
from .patches import Patches
from .tabled import Tabled


@dataclass(frozen=True, eq=False, kw_only=True)
class SeparatingUnits(Tabled):
    """Which units tell selected images from the others: found in one half of them, tested in the other.

    `values` (n,) are the areas under the ROC curve of the tested units on the half that tests, best first as the other
    half found them. `table` has a row each: `layer`, `channel`, `sign` (1 where it says more of selected images, -1
    where less), `found` (the area on the half that found it, at least .5), `auroc` with its 95 % interval from
    `auroc_low` to `auroc_high`, `p_value` (Mann–Whitney, one-sided), `corrected` for all that were tested (Holm) and
    `threshold`. Where no unit reaches .7, a last row with `channel` null is that of a direction of all units of a
    layer, and `direction` (d,) are its weights, else none. `patches` are by layer the parts of images that drive its
    units most, and `images` (m, H, W, 3), from 0 to 1, the pictures painted for the first m units. `chosen` (n,) says
    which of the images, whose `ids` these are, the `selection` holds.
    """

    selection: str
    ids: tuple[str, ...]
    chosen: NDArray[np.bool_]
    tested: pa.Table
    patches: Mapping[str, Patches]
    images: Floats
    direction: NDArray[np.float64]

    @property
    def table(self) -> pa.Table:
        """The units that were tested, and where none is enough, the direction."""
        return self.tested

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table that are units."""
        units: list[dict[str, Any]] = self.table.to_pylist()[: len(self.values)]
        return units

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the rows of the table and the ids that are selected."""
        told = {"selection": self.selection, "units": self.table.to_pylist()}
        selected = [id for id, inside in zip(self.ids, self.chosen.tolist(), strict=True) if inside]
        crops = {layer: list(found.images) for layer, found in self.patches.items()}
        return {**super().summary(), **told, "selected": selected, "patches": crops}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array of the result, by name; those of patches begin with the name of their layer."""
        parts = {f"{layer}.{name}": x for layer, found in self.patches.items() for name, x in found.arrays().items()}
        return {**super().arrays(), **parts}
