"""Units of two layers that say the same of images, matched one to one by their correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...base.pixels import Ints
from ..centered import Centered, constant_units, paired
from .comoments import CoMoments


@dataclass(frozen=True, eq=False)
class UnitMatching:
    """Which unit of y is the partner of which unit of x, over `rows` images.

    `pairs` (m, 2) are the units of x and y, by the number of x; `correlation` (m,) theirs, and `gap` (m,) what the
    partner is ahead of the unit of y next alike, negative where one that is more alike has a better partner.
    `least` (p,) is what a unit of x had to reach, and `best_x` (p,) and `best_y` (q,) the correlation of each unit with
    the most alike of the other side, whoever its partner is, 0 for constant ones. `unmatched_x`, `unmatched_y` have no
    partner; `constant_x`, `constant_y` say the same of all images, as dead units do, and cannot have any.
    """

    rows: int
    pairs: Ints
    correlation: NDArray[np.float64]
    gap: NDArray[np.float64]
    least: NDArray[np.float64]
    best_x: NDArray[np.float64]
    best_y: NDArray[np.float64]
    unmatched_x: Ints
    unmatched_y: Ints
    constant_x: Ints
    constant_y: Ints


def match_units(moments: CoMoments, *, least: float | NDArray[np.float64] | None = None) -> UnitMatching:
    """Match units one to one, so that the sum of their correlations is largest; pairs below `least` are none.

    Li, Yosinski, Clune, Lipson and Hopcroft 2016, "Convergent learning: do different neural networks learn the same
    representations?"; the assignment is exact. Unless given, for all or for each unit of x, `least` is what
    `chance_correlation` says; of units that fire for few images, `shuffled_correlation` is the fairer. Raises BadKnob
    for less than three images, and a `least` of other units.
    """
    p, q = moments.products.shape
    least = chance_correlation(moments.rows, q) if least is None else least
    if np.shape(least) not in ((), (p,)) or not np.isfinite(least).all():
        raise BadKnob(
            f"least must be one finite number, or {p}, one for each unit of x, not of shape {np.shape(least)}."
        )
    least = np.broadcast_to(np.asarray(least, float), p)
    correlation = moments.correlation
    pairs = _assigned(correlation, ~moments.constant_x, ~moments.constant_y)
    pairs = pairs[correlation[pairs[:, 0], pairs[:, 1]] >= least[pairs[:, 0]]]
    taken, partners = pairs.T
    constant_x, constant_y = np.flatnonzero(moments.constant_x), np.flatnonzero(moments.constant_y)
    return UnitMatching(
        rows=moments.rows,
        pairs=pairs,
        correlation=correlation[taken, partners],
        gap=correlation[taken, partners] - _second(correlation, pairs),
        least=least,
        best_x=correlation.max(1),
        best_y=correlation.max(0),
        unmatched_x=np.setdiff1d(np.arange(p), [*taken, *constant_x]),
        unmatched_y=np.setdiff1d(np.arange(q), [*partners, *constant_y]),
        constant_x=constant_x,
        constant_y=constant_y,
    )


def chance_correlation(rows: int, candidates: int, level: float = 0.05) -> float:
    """What the most alike of `candidates` independent units exceeds with a probability of `level` at most.

    By Student's distribution, for codes that are near normal, with Bonferroni's bound. Raises BadKnob for less than
    three images.
    """
    if rows < 3 or candidates < 1 or not 0 < level < 1:
        raise BadKnob(
            "A chance level must have at least three images, a candidate and a level between 0 and 1, "
            f"not {rows}, {candidates} and {level}. Add images."
        )
    from scipy.stats import t as student

    bound = student.isf(level / candidates, rows - 2)
    return float(bound / np.sqrt(rows - 2 + bound**2))


def shuffled_correlation(x: NDArray[Any], y: NDArray[Any], *, draws: int = 20, seed: int = 0) -> NDArray[np.float64]:
    """Of each unit of codes x (n, p), the largest correlation with any of y (n, q) in `draws` shuffles of the images.

    An independent unit is more alike with a probability of 1/(draws + 1). Raises BadKnob for unequal n, less than three
    images, NaN, and less than one draw.
    """
    a, b = (_standardized(codes) for codes in paired(x, y, 3))
    if draws < 1:
        raise BadKnob(f"draws must be at least 1 shuffle, not {draws}.")
    rng = np.random.default_rng(seed)
    found = [(a.T @ b[rng.permutation(len(b))]).max(1) for _ in range(draws)]
    return np.asarray(np.clip(np.max(found, 0), -1, 1))


def _standardized(codes: Centered) -> NDArray[np.float64]:
    constant = constant_units(codes.squares, len(codes), codes.mean)
    return np.asarray(codes.values / np.where(constant, np.inf, np.sqrt(codes.squares)))


def _assigned(correlation: NDArray[np.float64], x: NDArray[np.bool_], y: NDArray[np.bool_]) -> Ints:
    """Pairs of the units that may be matched, (m, 2), with the largest sum of correlations."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(correlation[np.ix_(x, y)], maximize=True)
    return np.stack([np.flatnonzero(x)[rows], np.flatnonzero(y)[columns]], 1)


def _second(correlation: NDArray[np.float64], pairs: Ints) -> NDArray[np.float64]:
    """The largest correlation of each pair's unit of x with another than its partner, -1 where there is no other."""
    others = correlation[pairs[:, 0]]
    others[np.arange(len(pairs)), pairs[:, 1]] = -1
    return np.asarray(others.max(1, initial=-1))
