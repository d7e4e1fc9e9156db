"""What became of each unit of two layers, in one table: matched, lost, new or dead, doubled, or read by nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...base.pixels import Ints
from .comoments import CoMoments, comoments
from .matching import UnitMatching, chance_correlation, match_units

_SAME = 0.95  # correlation from which on two units of a layer say the same
_NOTHING = 1e-3  # of the mean over a layer: a unit whose outgoing weights are smaller is not used


@dataclass(frozen=True, eq=False)
class LayerUnits:
    """A layer of one of two networks: its codes (n, d), what a unit must correlate by to be matched, (d,), and the
    magnitudes of the weights that read it, (d,), None where these are not known.
    """

    network: Literal["a", "b"]
    layer: str
    codes: NDArray[Any]
    least: NDArray[np.float64]
    outgoing: NDArray[np.float64] | None

    @property
    def duplicates(self) -> pa.Array:
        """For each unit the first other one that says the same of all images, as far as they can tell."""
        alike = comoments(self.codes, self.codes).correlation
        np.fill_diagonal(alike, -1)
        same = alike >= max(_SAME, chance_correlation(*self.codes.shape))
        return pa.array(same.argmax(1), mask=~same.any(1))

    @property
    def unused(self) -> pa.Array:
        """Which units nothing reads, null where that is not known."""
        if self.outgoing is None:
            return pa.nulls(self.codes.shape[1], pa.bool_())
        return pa.array(self.outgoing <= _NOTHING * self.outgoing.mean())


def unit_table(a: LayerUnits, b: LayerUnits) -> pa.Table:
    """The units of a layer of one network, then those of a layer of the other, each with its partner, or without."""
    moments = comoments(a.codes, b.codes)
    found = match_units(moments, least=a.least)
    enough = found.correlation >= b.least[found.pairs[:, 1]]
    one, other = found.pairs[enough].T
    return pa.concat_tables([_side(a, moments, found, one, other), _side(b, moments, found, other, one)])


def _side(units: LayerUnits, moments: CoMoments, found: UnitMatching, own: Ints, partners: Ints) -> pa.Table:
    """The rows of one of the networks, given which of its units have which partners."""
    first = units.network == "a"
    correlation = moments.correlation if first else moments.correlation.T
    constant = found.constant_x if first else found.constant_y
    count = len(correlation)
    partner, state = np.full(count, -1), np.full(count, "lost" if first else "new", object)
    partner[own], state[own], state[constant] = partners, "matched", "dead"
    matched = partner >= 0
    told = {
        "correlation": np.where(matched, correlation[np.arange(count), partner], np.nan),
        "gap": np.where(matched, correlation[np.arange(count), partner] - _next(correlation, partner), np.nan),
        "best": correlation.max(1),
        "least": units.least,
    }
    columns = {
        "network": pa.array([units.network] * count),
        "layer": pa.array([units.layer] * count),
        "channel": pa.array(range(count)),
        "state": pa.array(state, pa.string()),
        "partner": pa.array(partner, mask=~matched),
        **{name: pa.array(values, mask=np.isnan(values)) for name, values in told.items()},
    }
    return pa.table({**columns, "duplicate": units.duplicates, "unused": units.unused})


def _next(correlation: NDArray[np.float64], partner: Ints) -> NDArray[np.float64]:
    """The largest correlation of each unit with another one than its partner, NaN where there is no other."""
    others = correlation.copy()
    others[np.arange(len(others)), partner] = -np.inf
    found = others.max(1)
    return np.where(np.isfinite(found), found, np.nan)
