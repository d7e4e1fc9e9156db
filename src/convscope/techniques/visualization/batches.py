"""The pictures that are asked for, and which of them are made together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Literal

from ...execution.features import FeatureExtractor
from ...network.batch_size import chunks, mixes
from ...network.network import Network
from ...optimize.objective import Alignment, Diversity, Excite, Objective, Term
from .batch import Piece, VisualizationSetup, mapped

_WINDOW = 4  # pictures a pass: what stays in a processor's caches


@dataclass(frozen=True)
class VisualizationBatches:
    """Pictures of objectives, `variants` of each, of which the network sees `batch_size` in one pass."""

    setup: VisualizationSetup
    objectives: tuple[Objective, ...]
    variants: int = 1
    batch_size: int | Literal["auto"] = "auto"

    @property
    def at_once(self) -> int:
        """The largest batch; one where the module mixes the images of a batch."""
        if any(mixes(self.setup.net, layer) for layer in self.layers):
            return 1
        return _WINDOW if self.batch_size == "auto" else self.batch_size

    @cached_property
    def by_batch(self) -> tuple[tuple[Piece, ...], ...]:
        """The pictures, in order, in batches that are made one after the other.

        Where pictures are compared with one another, a batch is all variants of a unit, or all units of one variant.
        Others are as many as a pass takes, with those of single neurons apart, which move less.
        """
        pieces = [Piece(o, unit, variant) for unit, o in enumerate(self.objectives) for variant in range(self.variants)]
        if self._compared:
            runs, size = [pieces], self.variants if self.variants > 1 else len(pieces)
        else:
            runs, size = [list(run) for _, run in groupby(pieces, lambda piece: piece.in_place)], self.at_once
        return tuple(tuple(run[i] for i in part) for run in runs for part in chunks(len(run), size))

    @property
    def pieces(self) -> list[Piece]:
        """All pictures, in order."""
        return [piece for batch in self.by_batch for piece in batch]

    @property
    def layers(self) -> list[str]:
        """Every layer an objective reads, and the one whose pictures are to differ."""
        found = [layer for o in self.objectives for layer in o.layers]
        if self.setup.diversity:
            found += [mapped(self.setup.net, o) for o in self.objectives]
        return list(dict.fromkeys(found))

    def shown(self, extractor: FeatureExtractor) -> tuple[int, int]:
        """The size at which pictures are shown: their own, where whole maps are all that is wanted and that will do."""
        own, size = self.setup.net.preprocessing.size, self.setup.size
        if size[0] * size[1] >= own[0] * own[1] or not all(_any_size(self.setup.net, term) for term in self._terms):
            return own
        return size if extractor.takes(size) else own

    @property
    def _compared(self) -> bool:
        """Whether a picture's value depends on other pictures."""
        return self.setup.diversity > 0 or any(isinstance(term, Alignment | Diversity) for term in self._terms)

    @property
    def _terms(self) -> list[Term]:
        return [term for objective in self.objectives for _, term in objective.terms]


def _any_size(net: Network, term: Term) -> bool:
    """Whether a term means the same for pictures of another size than the network's."""
    return len(net.layers[term.layer].shape) > 1 and not (isinstance(term, Excite) and term.unit.position is not None)
