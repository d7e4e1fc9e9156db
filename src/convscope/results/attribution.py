"""Results of attribution methods: what in an image a unit's value depends on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.image import Image
from ..base.pixels import Floats
from ..contract.result import Result


@dataclass(frozen=True, eq=False, kw_only=True)
class UnitResult(Result):
    """About one unit and one image.

    `value` is the unit's own value and `seen` the (H, W, 3) uint8 picture the network was given: resized and cropped.
    """

    image: Image
    value: float
    seen: NDArray[np.uint8]


@dataclass(frozen=True, eq=False, kw_only=True)
class Attribution(UnitResult):
    """What in an image a unit's value depends on.

    `values` is float32 and signed: (C, H, W) in the network's normalized input space, or (H, W) for methods that speak
    of places and not of colors.
    """


@dataclass(frozen=True, eq=False, kw_only=True)
class Estimate(Attribution):
    """An attribution that was sampled: `error` is the standard error of `values`, of the same shape."""

    error: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassActivation(Attribution):
    """A class activation map: `grid` is (h, w), at the layer's own resolution; `channels` (C, h, w) sum up to it."""

    layer: str
    grid: Floats
    channels: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Projection(Attribution):
    """The strongest activations of one channel, projected back to the image together.

    For each of the n that were kept, strongest first: `positions` (n, 2), its y and x in the layer's map, -1 and -1
    where the layer has none; `activations` (n,); `boxes` (n, 4), the top, left, bottom and right (the last two
    exclusive) of its receptive field, in pixels of `seen`. n is 0 for a unit that did not fire. `value` is the
    strongest activation, fired or not.
    """

    positions: NDArray[np.int64]
    activations: Floats
    boxes: NDArray[np.int64]
