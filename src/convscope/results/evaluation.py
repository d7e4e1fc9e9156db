"""Results of putting an attribution map to the test: is it faithful, does it depend on the weights, does it point?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..base.pixels import Floats
from .attribution import UnitResult


@dataclass(frozen=True, eq=False, kw_only=True)
class Curves(UnitResult):
    """A unit's value while pixels are hidden, and while they are shown, the most important of `map` (H, W) first.

    `values` is (2, steps + 1): the deletion curve, then the insertion curve, NaN where the work was cancelled.
    `fractions` (steps + 1,) is the share of pixels that is hidden or shown.
    """

    fractions: Floats
    map: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class SanityCheck(UnitResult):
    """How alike a map stays to the original as layers lose their weights.

    `values` is the rank correlation after each step, (steps,) from -1 to 1, `ssim` the structural similarity, and
    `names` the layer that was randomized last at that step. `maps` is (steps + 1, H, W), the first the original.
    """

    names: tuple[str, ...]
    maps: Floats
    ssim: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class PointingGame(UnitResult):
    """Whether a map (`values`, (H, W)) has its maximum where the object is.

    `point` is (y, x) of the maximum and `box` (left, top, right, bottom), both in pixels of `seen`.
    """

    hit: bool
    point: tuple[int, int]
    box: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison(UnitResult):
    """The maps of several methods for one unit, and how each does when it is put to the test.

    `values` is (methods, H, W), one number a pixel, in the order of `methods`; `deletion` and `insertion`, (methods,),
    are the areas under the curves of `insertion_deletion`: of a faithful map the first is small, the second large.
    `refused` names the methods that cannot be used here, and why.
    """

    methods: tuple[str, ...]
    deletion: Floats
    insertion: Floats
    refused: Mapping[str, str]
