"""The codes of two networks for the same images, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...base.pixels import Ints
from ...base.progress import Work
from ...scan.codes.result import Codes
from ..procrustes import procrustes, procrustes_chance
from .cca import cca
from .cka import CKA
from .matching import shuffled_correlation
from .streamed_cka import StreamedCKA
from .unit_table import LayerUnits, unit_table

_BLOCK = 4096  # images whose codes are taken in at once
Outgoing = Mapping[str, NDArray[np.float64] | None]


@dataclass(frozen=True, eq=False)
class ComparedCodes:
    """The codes `a` of one network and `b` of another, of the images that both have.

    `outgoing_a` and `outgoing_b` are the magnitudes of the weights that read each unit, of layers for which they are
    known. Chance is what `draws` shuffles of the images give.
    """

    a: Codes
    b: Codes
    draws: int = 20
    seed: int = 0
    outgoing_a: Outgoing | None = None
    outgoing_b: Outgoing | None = None

    @cached_property
    def common(self) -> tuple[Ints, Ints]:
        """The rows of the images that both have, in a and in b, in the order of their numbers."""
        _, first, second = np.intersect1d(self.a.numbers, self.b.numbers, assume_unique=True, return_indices=True)
        return first, second

    def __len__(self) -> int:
        return len(self.common[0])

    def alignment(self) -> CKA:
        """Every layer of a with every layer of b."""
        found = StreamedCKA()
        sides = [[self._codes(side, layer) for layer in codes.layers] for side, codes in self._sides()]
        for start in range(0, len(self), _BLOCK):
            found.add(*([layer[start : start + _BLOCK] for layer in side] for side in sides))
        return found.result()

    def by_pairs(self, pairs: Ints) -> tuple[dict[str, Any], dict[str, Any]]:
        """Procrustes and canonical correlations of pairs of layers, each beside its chance; NaN where undefined.

        The second is evidence: where it was cancelled, the last pairs are missing.
        """
        names = ("procrustes", "procrustes_chance", "cca", "cca_chance")
        told = np.full((len(pairs), len(names)), np.nan)
        work = Work(pairs.tolist())
        for (first, second), row in zip(work, told, strict=False):
            row[:] = self._pair(self.a.layers[first], self.b.layers[second])
        return dict(zip(names, told.T, strict=True)), work.evidence

    def units(self, layer: str, other: str, least: float | None) -> pa.Table:
        """The units of a layer of a, then those of a layer of b: see `NetworkComparison.matches`."""
        x, y = self._codes("a", layer), self._codes("b", other)
        if least is None:
            chance = [shuffled_correlation(*each, draws=self.draws, seed=self.seed) for each in ((x, y), (y, x))]
        else:
            chance = [np.full(each.shape[1], least) for each in (x, y)]
        one, another = (self.outgoing_a or {}).get(layer), (self.outgoing_b or {}).get(other)
        return unit_table(LayerUnits("a", layer, x, chance[0], one), LayerUnits("b", other, y, chance[1], another))

    def examples(self, network: Literal["a", "b"], layer: str, channel: int, count: int) -> list[NDArray[np.uint8]]:
        """The images, (h, w, 3), with the largest codes of a unit, largest first; raises as `Codes.source` does."""
        codes, values = (self.a, self.b)[network == "b"], self._codes(network, layer)[:, channel]
        ids = [codes.ids[self.common[network == "b"][row]] for row in np.argsort(-values, kind="stable")[:count]]
        return [codes.source.open(id).pixels for id in ids]

    def _sides(self) -> Iterator[tuple[Literal["a", "b"], Codes]]:
        yield "a", self.a
        yield "b", self.b

    def _codes(self, network: Literal["a", "b"], layer: str) -> NDArray[np.float32]:
        """The codes of a layer for the images that both have; not copied where they lie in one piece."""
        codes, rows = (self.a, self.b)[network == "b"], self.common[network == "b"]
        blocks = [*codes.blocks(layer)]
        found = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return found if len(rows) == len(found) else found[rows]

    def _pair(self, layer: str, other: str) -> tuple[float, ...]:
        x, y = self._codes("a", layer), self._codes("b", other)
        try:
            aligned, shuffled = procrustes(x, y), procrustes_chance(x, y, draws=self.draws, seed=self.seed)
            correlated = cca(x, y, draws=self.draws, seed=self.seed)
        except BadKnob:  # a layer that says the same of all images
            return (np.nan,) * 4
        return 1 - aligned.distance, 1 - shuffled.mean, correlated.mean, correlated.chance.mean
