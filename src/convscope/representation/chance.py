"""What a similarity of two codes would be by chance: the same codes, but the images of one shuffled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BadKnob
from ..base.pixels import Ints

_TIED = 1e-9  # of the observed value: what is nearer is a tie, and rounding


@dataclass(frozen=True, eq=False)
class Chance:
    """A statistic after each of some shuffles of the images: `values` (draws,), beside the one that was `observed`.

    `lower` says that small values are the remarkable ones, as of a distance.
    """

    values: NDArray[np.float64]
    observed: float
    lower: bool = False

    @property
    def mean(self) -> float:
        """The mean over the shuffles."""
        return float(self.values.mean())

    @property
    def deviation(self) -> float:
        """The standard deviation over the shuffles."""
        return float(self.values.std())

    @property
    def p_value(self) -> float:
        """The share of orders, the observed one among them, whose value is as remarkable: never below 1/(draws + 1)."""
        sign = -1 if self.lower else 1
        as_remarkable = sign * self.values >= sign * self.observed - _TIED * abs(self.observed)
        return float((1 + as_remarkable.sum()) / (1 + len(self.values)))


def chance(
    statistic: Callable[[Ints], float], rows: int, observed: float, *, draws: int, seed: int, lower: bool = False
) -> Chance:
    """A permutation test: the statistic for `draws` random orders of the rows of one side, which it is given.

    Raises BadKnob for less than one draw.
    """
    if draws < 1:
        raise BadKnob(f"draws must be at least 1 shuffle, not {draws}.")
    rng = np.random.default_rng(seed)
    return Chance(np.array([statistic(rng.permutation(rows)) for _ in range(draws)]), observed, lower)
