"""Maps of the units of a layer: near each other where they say the same of images, or the opposite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .embedding import dots
from .tabled import Tabled


@dataclass(frozen=True, eq=False, kw_only=True)
class NeuronProjection(Tabled):
    """A map of units of a layer: the point of each, `values` (n, 2), in no unit, with the middle of their box at 0.

    `channels` (n,) are those shown; the evidence says which were left out. `classes` are the class each unit tells best
    from all others, on the half of the images that finds, None where there are no classes to tell; `auroc` (n,) is the
    area under the ROC curve of that class on the half that tests, NaN without one. `correlation` is Spearman's of the
    dissimilarities of all pairs with their distances on the map, None where these are all equal.
    """

    channels: NDArray[np.int64]
    classes: tuple[str | None, ...]
    auroc: NDArray[np.float64]
    correlation: float | None

    @property
    def table(self) -> pa.Table:
        """A row a unit: `unit`, its address, `class`, `auroc`, null where there is none, and `x` and `y`."""
        return pa.table(
            {
                "unit": pa.array([f"{self.unit}:{channel}" for channel in self.channels], pa.string()),
                "class": pa.array(self.classes, pa.string()),
                "auroc": pa.array(self.auroc, pa.float64(), from_pandas=True),
                **dict(zip("xy", map(pa.array, self.values.T), strict=True)),
            }
        )

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the class of each unit."""
        told = {"channels": self.channels.tolist(), "classes": list(self.classes), "correlation": self.correlation}
        return {**super().summary(), **told}

    def thumbnail(self) -> NDArray[np.uint8]:
        """The points as dots; of no color, as small as it is."""
        return dots(self.values)
