"""What a layer is: its weights, and its activations for an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.image import Image
from ..base.pixels import Floats
from ..contract.result import Result
from ..contract.silence import silent


@dataclass(frozen=True, eq=False, kw_only=True)
class Activations(Result):
    """What a layer makes of an image: `values` is (C, H, W) float32, or (C,) where the layer has no positions.

    `zeros` is the fraction of exact zeros of each channel, (C,); `seen` the picture the network was given.
    """

    image: Image
    zeros: Floats
    seen: NDArray[np.uint8]

    @property
    def silent(self) -> list[int]:
        """The channels whose largest |activation| in this image is at most `SILENT` (1e-5) of the layer's largest."""
        return np.flatnonzero(silent(np.abs(self.values).reshape(len(self.values), -1).max(1))).tolist()

    @property
    def sparsity(self) -> float:
        """The fraction of all activations that are exactly zero."""
        return float(self.zeros.mean())


@dataclass(frozen=True, eq=False, kw_only=True)
class Weights(Result):
    """What a layer has learned: `values` is (out, in / groups, kH, kW) float32, or (out, in) for a linear layer.

    Per filter: `norm` (L2); `roughness`, the total variation as a multiple of what shuffled weights would have (1 is
    noise, near 0 is smooth); `high_share`, the share of the energy above a quarter of the sampling rate, likewise over
    that of shuffled weights; `duplicate_of`, the first filter this one nearly repeats, itself if none.
    """

    groups: int
    norm: Floats
    roughness: Floats
    high_share: Floats
    duplicate_of: NDArray[np.int64]

    @property
    def dead(self) -> list[int]:
        """The filters whose norm is at most `SILENT` (1e-5) of the layer's largest: they have learned nothing."""
        return np.flatnonzero(silent(self.norm)).tolist()

    @property
    def duplicates(self) -> list[list[int]]:
        """Groups of filters that point the same way; opposite filters are no duplicates."""
        groups = [np.flatnonzero(self.duplicate_of == first).tolist() for first in np.unique(self.duplicate_of)]
        return [group for group in groups if len(group) > 1]
