"""Two networks side by side: how alike their layers see the same images, and which unit is which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..base.errors import BadKnob
from ..contract.result import Result


class BehindComparison(Protocol):
    """What a comparison was made of, while it is at hand."""

    def units(self, layer: str, other: str, least: float | None) -> pa.Table:
        """The units of a layer of the first network with their partners in a layer of the other."""

    def examples(self, network: Literal["a", "b"], layer: str, channel: int, count: int) -> list[NDArray[np.uint8]]:
        """The images with the largest codes of a unit."""


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

    def matches(self, layer: str = "", other: str = "", *, least: float | None = None) -> pa.Table:
        """What became of each unit of both networks: with its partner in the other, or without one.

        Of one layer, or of all `pairs`; `other` is the layer of the other network, by default the one that `pairs` has.
        Units are matched one to one, so that the sum of correlations is largest (Li et al. 2016), and no pair is below
        `least`: by default what chance gives, the largest correlation with any unit in as many shuffles of the images
        as `draws`. Columns: `network`, a for this one and b for the other, `layer`, `channel`, `state` (matched; lost,
        of a without a partner; new, of b without one; dead, the same for all images), `partner`, `correlation`, `gap`
        (how far the partner is ahead of the next unit, negative where that one is more alike but better matched),
        `best`, the correlation with the most alike unit of the other, whoever its partner is, `least`, `duplicate`,
        another unit of the layer that correlates by .95 or more, and `unused`, whether all weights that read the unit
        are about zero. What is not so, or not known, is null. Raises BadKnob for a layer that was not compared, a
        `least` that is no correlation, and where the codes are not at hand.
        """
        if least is not None and not -1 <= least <= 1:
            raise BadKnob(f"least must be a correlation from -1 to 1, not {least}. Leave it out for that of chance.")
        if not layer and other:
            raise BadKnob(f"layer must be named where other is, which is {other}. Name the layer of this network.")
        behind = self.at_hand
        if layer:
            pairs = [(self._named(layer), other or self.partner(layer))]
            if pairs[0][1] not in self.other_layers:
                raise _unknown("other", other, self.other_layers)
        else:
            pairs = [(self.layers[first], self.other_layers[second]) for first, second in self.pairs.tolist()]
        return pa.concat_tables([behind.units(*pair, least) for pair in pairs])

    @property
    def at_hand(self) -> BehindComparison:
        """What it was made of; raises BadKnob where that is gone."""
        if self.behind is None:
            raise BadKnob("The codes of both networks must be at hand, and are not. Ask again: cs.compare_networks(…).")
        return self.behind

    def partner(self, layer: str) -> str:
        """The layer of the other network that one is compared with; raises BadKnob for one that was not compared."""
        return self.other_layers[int(self.pairs[self.layers.index(self._named(layer)), 1])]

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the names of all layers."""
        told = {"other": self.other, "layers": list(self.layers), "other_layers": list(self.other_layers)}
        return {**super().summary(), **told}

    def _named(self, layer: str) -> str:
        """The name by which a layer was compared: of layers that put out the same value, the first."""
        name = self.evidence.get("same", {}).get(layer, layer)
        if name not in self.layers:
            raise _unknown("layer", layer, self.layers)
        return str(name)


def _unknown(what: str, layer: str, known: tuple[str, ...]) -> BadKnob:
    return BadKnob(f"{what} must be one that was compared, {', '.join(known)}, not {layer!r}. Name it in layers.")
