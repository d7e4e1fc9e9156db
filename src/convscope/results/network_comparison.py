"""Two networks side by side: how alike their layers see the same images, and which unit is which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..base.errors import BadKnob
from ..contract.result import Result


class BehindComparison(Protocol):
    """What a comparison was made of, while it is at hand."""

    def matches(self, layer: str, other: str) -> pa.Table:
        """The units of a layer of the first network with their partners in a layer of the other."""


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkComparison(Result):
    """How alike every layer of a network sees the same images as every layer of another.

    `values` (a, b) float32, and `cka` in float64, are the unbiased linear centered kernel alignment of `layers` (a) and
    `other_layers` (b): 1 for codes that differ by rotation, scale and shift alone, about 0 for unrelated ones, NaN for
    a layer that says the same of all images. For each of the `pairs` (k, 2), a layer's number and that of the layer it
    is compared with, `procrustes` (k,) is 1 less the share of squares that no rotation, mirror, scale and shift
    explains, and `cca` (k,) the mean canonical correlation; each has beside it the mean after shuffles of the images,
    `procrustes_chance` and `cca_chance`.
    """

    other: str
    layers: tuple[str, ...]
    other_layers: tuple[str, ...]
    cka: NDArray[np.float64]
    pairs: NDArray[np.int64]
    procrustes: NDArray[np.float64]
    procrustes_chance: NDArray[np.float64]
    cca: NDArray[np.float64]
    cca_chance: NDArray[np.float64]
    behind: BehindComparison | None = field(default=None, repr=False)

    def matches(self, layer: str, other: str = "") -> pa.Table:
        """Each unit of a layer of both networks: with its partner, or why it has none.

        `other` is the layer of the other network, by default the one that `pairs` has for it. Columns: `network`,
        `channel`, `state` (matched, unmatched, or dead: the same for all images), `partner`, `correlation`, `gap` (how
        far the partner is ahead of the next unit), `best`, the correlation with the most alike unit whoever its partner
        is, and `duplicate`, another unit of the same layer that correlates by .95 or more, null without one. Units of
        this network, `a`, go before those of the other, `b`. Raises BadKnob for a layer that was not compared, and
        where the codes are not at hand.
        """
        if self.behind is None:
            raise BadKnob("Both networks must be at hand, and are not. Compare again: cs.compare_networks(…).")
        return self.behind.matches(layer, other or self._partner(layer))

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the names of all layers."""
        told = {"other": self.other, "layers": list(self.layers), "other_layers": list(self.other_layers)}
        return {**super().summary(), **told}

    def _partner(self, layer: str) -> str:
        if layer in self.layers:
            return self.other_layers[int(self.pairs[self.layers.index(layer), 1])]
        raise BadKnob(f"layer must be one that was compared, {', '.join(self.layers)}, not {layer}. Name it in layers.")
