"""From the pixels of a picture to what a network is given of it, as a map that gradients come back through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base.image import Image
from ..network.preprocessing import Preprocessing
from .resampling import BandedMap, Resampling

_PROBES = 8  # pictures of noise: few pixels tell the orders apart in small ones
_GREY = (19595 / 65536, 38470 / 65536, 7471 / 65536)  # Pillow's, of red, green and blue


class _Bounded(torch.autograd.Function):
    """Kept within bytes, and rounded to some where asked; a gradient goes back as if nothing had been rounded.

    It does not where half a byte or more was cut off; what lies at the ends, as in black and in white, can move.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, rounded: bool) -> Tensor:
        ctx.save_for_backward((x > -0.5) & (x < 255.5))
        return ((x + 0.5).floor() if rounded else x).clamp(0, 255)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (within,) = ctx.saved_tensors
        return gradient * within, None


@dataclass(frozen=True, eq=False)
class ViewingMap:
    """What a network is given of pictures of one size: resized, cropped and normalized, all differentiable.

    Called with pixels from 0 to 1, (N, 3, H, W), it gives the (N, C, h, w) that `Preprocessing` would: of pixels on the
    grid of bytes, with `rounded`, exactly that, as Pillow rounds to bytes after each pass; without, as if there were no
    bytes at all, for steps that are smaller than one. Pixels beyond the crop have no gradient.
    """

    preprocessing: Preprocessing
    columns: BandedMap
    rows: BandedMap
    dtype: torch.dtype
    rows_first: bool = False

    @classmethod
    def of(
        cls, preprocessing: Preprocessing, size: tuple[int, int], view: bool, device: torch.device, dtype: torch.dtype
    ) -> ViewingMap:
        """The map for pictures of `size` (height, width); `view` says that they are a network's view."""
        scaled, corner = preprocessing.placed(size, view)
        rows, columns = (
            BandedMap(
                Resampling.of(size[i], scaled[i], preprocessing.interpolation, corner[i], preprocessing.size[i]), device
            )
            for i in (0, 1)
        )
        ways = [cls(preprocessing, columns, rows, dtype, rows_first) for rows_first in (False, True)]
        return _as_pillow_does(ways, Image(np.zeros((*size, 3), np.uint8), view=view), device)

    def __call__(self, pixels: Tensor, rounded: bool = False) -> Tensor:
        """What the network is given."""
        x = self._seen(pixels, rounded)
        if self.preprocessing.channels == 1:
            x = _bounded((x * x.new_tensor(_GREY)[:, None, None]).sum(1, keepdim=True), rounded)
        mean, std = (x.new_tensor(each)[:, None, None] for each in (self.preprocessing.mean, self.preprocessing.std))
        return ((x / 255 - mean) / std).to(self.dtype)

    @property
    def looked_at(self) -> Tensor:
        """Which pixels of the picture the network is given anything of, (H, W): those of its crop."""
        return self.rows.looked_at[:, None] & self.columns.looked_at

    def _seen(self, pixels: Tensor, rounded: bool) -> Tensor:
        """The crop, in colors, from 0 to 255."""
        wide = torch.float64 if rounded else torch.promote_types(self.dtype, torch.float32)
        x = _bounded(pixels.to(wide) * 255, rounded)
        for side in (self._down, self._across) if self.rows_first else (self._across, self._down):
            x = side(x, rounded)
        return x

    def _across(self, x: Tensor, rounded: bool) -> Tensor:
        return x if self.columns.same else _bounded(self.columns(x), rounded)

    def _down(self, x: Tensor, rounded: bool) -> Tensor:
        return x if self.rows.same else _bounded(self.rows(x.mT).mT, rounded)


def _as_pillow_does(ways: list[ViewingMap], like: Image, device: torch.device) -> ViewingMap:
    """Of the two orders of sides Pillow's: it depends on its version and on the sizes, and is seen on noise."""
    for seed in range(_PROBES):
        noise = np.random.default_rng(seed).integers(0, 256, like.pixels.shape, dtype=np.uint8)
        pixels = torch.from_numpy(noise).to(device).movedim(-1, 0)[None].double() / 255
        seen = torch.from_numpy(ways[0].preprocessing.crop(replace(like, pixels=noise)).copy()).to(device)
        right = [way for way in ways if torch.equal(way._seen(pixels, True)[0], seen.movedim(-1, 0).double())]
        if len(right) == 1:
            return right[0]
    return ways[0]


def _bounded(x: Tensor, rounded: bool) -> Tensor:
    found: Tensor = _Bounded.apply(x, rounded)
    return found
