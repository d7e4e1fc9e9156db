"""The codes of two networks for the same images, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...base.errors import BadKnob, BadSource
from ...base.pixels import Ints
from ...scan.codes.result import Codes
from ..procrustes import procrustes, procrustes_chance
from .cca import cca
from .cka import CKA
from .comoments import comoments
from .matching import UnitMatching, match_units
from .streamed_cka import StreamedCKA

_BLOCK = 4096  # images whose codes are taken in at once
_SAME = 0.95  # correlation from which on two units of a layer say the same


@dataclass(frozen=True, eq=False)
class ComparedCodes:
    """The codes of the same images, `a` of one network and `b` of another."""

    a: Codes
    b: Codes

    def __post_init__(self) -> None:
        if self.a.ids != self.b.ids:
            raise BadSource(
                f"Both networks must see the same images, but {len(self.a)} and {len(self.b)} were read. The source "
                "has changed meanwhile: compare again."
            )

    def alignment(self) -> CKA:
        """Every layer of a with every layer of b."""
        found = StreamedCKA()
        sides = [[codes.of(layer) for layer in codes.layers] for codes in (self.a, self.b)]
        for start in range(0, len(self.a), _BLOCK):
            found.add(*([layer[start : start + _BLOCK] for layer in side] for side in sides))
        return found.result()

    def by_pairs(self, pairs: Ints, draws: int, seed: int) -> dict[str, Any]:
        """Procrustes and canonical correlations of pairs of layers, each beside its chance; NaN where undefined."""
        rows = [self._pair(self.a.layers[first], self.b.layers[second], draws, seed) for first, second in pairs]
        names = ("procrustes", "procrustes_chance", "cca", "cca_chance")
        return dict(zip(names, np.array(rows, np.float64).reshape(-1, 4).T, strict=True))

    def matches(self, layer: str, other: str) -> pa.Table:
        """The units of a layer of a, then those of a layer of b, each with its partner, or without."""
        x, y = self.a.of(layer), self.b.of(other)
        found = match_units(comoments(x, y))
        partner = np.full(x.shape[1], -1), np.full(y.shape[1], -1)
        told = np.full((3, x.shape[1]), np.nan), np.full((3, y.shape[1]), np.nan)
        for (first, second), r, gap in zip(found.pairs.tolist(), found.correlation, found.gap, strict=True):
            partner[0][first], partner[1][second] = second, first
            told[0][:2, first] = told[1][:2, second] = r, gap
        told[0][2], told[1][2] = found.best_x, found.best_y
        sides = zip(("a", "b"), (x, y), partner, told, _states(found, partner), strict=True)
        return pa.concat_tables([_side(*side) for side in sides])

    def _pair(self, layer: str, other: str, draws: int, seed: int) -> tuple[float, ...]:
        x, y = self.a.of(layer), self.b.of(other)
        try:
            aligned, shuffled = procrustes(x, y), procrustes_chance(x, y, draws=draws, seed=seed)
            correlated = cca(x, y, draws=draws, seed=seed)
        except BadKnob:  # a layer that says the same of all images
            return (np.nan,) * 4
        return 1 - aligned.distance, 1 - shuffled.mean, correlated.mean, correlated.chance.mean


def _states(found: UnitMatching, partner: tuple[Ints, Ints]) -> list[list[str]]:
    """What each unit of both sides is."""
    return [
        ["dead" if unit in constant else "matched" if other >= 0 else "unmatched" for unit, other in enumerate(own)]
        for own, constant in zip(partner, (found.constant_x, found.constant_y), strict=True)
    ]


def _side(name: str, codes: NDArray[Any], partner: Ints, told: NDArray[np.float64], states: list[str]) -> pa.Table:
    count = len(states)
    columns = {
        "network": pa.array([name] * count),
        "channel": pa.array(range(count)),
        "state": pa.array(states),
        "partner": pa.array(partner, mask=partner < 0),
    }
    columns |= {
        key: pa.array(row, mask=np.isnan(row)) for key, row in zip(("correlation", "gap", "best"), told, strict=True)
    }
    return pa.table({**columns, "duplicate": _duplicates(codes)})


def _duplicates(codes: NDArray[Any]) -> pa.Array:
    """For each unit the first other one of its layer that says the same of all images, as far as can be told."""
    moments = comoments(codes, codes)
    alike = moments.correlation >= _SAME
    np.fill_diagonal(alike, False)
    return pa.array(alike.argmax(1), mask=~alike.any(1))
