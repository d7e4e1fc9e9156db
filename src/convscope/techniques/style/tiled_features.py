"""What layers make of a picture of any size, window by window, exactly as if it were seen whole.

Windows overlap by a halo as wide as what a neuron sees to one side. What layers make of the halo is thrown away, and
what is kept of one window and the next is each position once. Slopes of what is kept reach into the halo, where those
of neighboring windows are added up. So, unlike those of `optimize.tiling`, they are those of the whole picture but for
rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, product
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from ...base.errors import ForwardFailed
from ...base.unit import Unit
from ...execution.features import FeatureExtractor
from ...network.backward.gradient import unless_recomputed
from ...network.network import Network
from ...optimize.resample import resized
from ...optimize.tiling import Span, Tiling, give_back, halo_of, halvings, largest, seen_box

Smoothing: TypeAlias = Callable[[str, Tensor], Tensor]
"""A layer, and what it makes of a picture → the same made less peaky."""

_WIDER = 3  # halves of a window that need its memory without slopes, for which everything on the way is kept


@dataclass(frozen=True, eq=False)
class FeatureTile:
    """A window of a picture: what is shown, `leaf` (1, C, h, w), and of what layers make of it, what is kept."""

    row: Span
    column: Span
    leaf: Tensor
    features: Mapping[str, Tensor]

    def at(self, layer: str) -> tuple[slice, slice]:
        """Where what is kept of a layer lies in the maps of the whole picture: rows and columns."""
        top, left = self.row.first // self._stride(layer, 0), self.column.first // self._stride(layer, 1)
        height, width = self.kept(layer).shape[-2:]
        return slice(top, top + height), slice(left, left + width)

    def held(self, region: Tensor, layer: str) -> Tensor:
        """How much of each position kept of a layer lies in a region of the picture, (H, W); (h, w) from 0 to 1."""
        shown = region[self.row.shown, self.column.shown]
        down, across = self._stride(layer, 0), self._stride(layer, 1)
        height, width = self.features[layer].shape[-2] * down, self.features[layer].shape[-1] * across
        beyond = (0, max(0, width - shown.shape[1]), 0, max(0, height - shown.shape[0]))
        fitted = F.pad(shown[None, None, :height, :width], beyond, mode="replicate")
        rows, columns = self._inner(layer)
        return F.avg_pool2d(fitted, (down, across))[0, 0, rows, columns]

    def kept(self, layer: str) -> Tensor:
        """What is kept of a layer, (1, C, h, w)."""
        return self.features[layer][(..., *self._inner(layer))]

    def _inner(self, layer: str) -> tuple[slice, slice]:
        return self._side(layer, 0, self.row), self._side(layer, 1, self.column)

    def _side(self, layer: str, axis: int, span: Span) -> slice:
        stride = self._stride(layer, axis)
        end = None if span.last == span.stop else (span.last - span.start) // stride
        return slice((span.first - span.start) // stride, end)

    def _stride(self, layer: str, axis: int) -> int:
        return halvings(self.leaf.shape[2 + axis] / self.features[layer].shape[2 + axis])

    def pulled(self, slopes: Mapping[str, Tensor]) -> Tensor:
        """The slope along what is shown, given those along what is kept of layers."""
        kept = [self.kept(layer) for layer in slopes]
        with unless_recomputed():
            found = torch.autograd.grad(kept, self.leaf, list(slopes.values()), allow_unused=True)[0]
        if found is None:
            raise ForwardFailed(
                f"{', '.join(slopes)} have no gradient: their modules put out what does not depend on the picture in a "
                "way that can be differentiated. Choose layers before them."
            )
        return found


def tile_windows(net: Network, layers: Sequence[str], size: int, tile: int | Literal["auto"]) -> Tiling:
    """Windows of side `tile`, or as large as the memory for them is, that are exact for the layers of a network.

    One window, where pictures with sides of at most `size` fit into it. Where neurons see further than a quarter of a
    window, as where gates look at whole maps, the halo is that quarter.
    """
    side = largest(net, layers) if tile == "auto" else tile
    if size <= side:
        return Tiling((side, side), 0, 1)
    found = [_beyond(net, layer) for layer in layers]
    stride = math.lcm(*(step for step, _ in found))
    side = max(4 * stride, side // stride * stride)
    return Tiling((side, side), halo_of(side, max(reach for _, reach in found), stride), stride)


def _beyond(net: Network, layer: str) -> tuple[int, int]:
    """How many pixels a position of a layer stands for, and how many beyond these it sees to any side."""
    _, height, width = net.layers[layer].shape
    row, column = height // 2, width // 2
    field = net.receptive_field(Unit(layer, 0, (row, column)))
    down, across = halvings(net.preprocessing.size[0] / height), halvings(net.preprocessing.size[1] / width)
    top, left, bottom, right = seen_box(field)
    ends = row * down - top, column * across - left, bottom - (row + 1) * down, right - (column + 1) * across
    return math.lcm(down, across), max(0, *ends)


def evenly(tiling: Tiling, axis: int, length: int) -> list[Span]:
    """As few windows along a side as there can be, nearly alike: none needs more memory than another."""
    tried = (_divided(length, parts, tiling) for parts in count(1))
    return next(spans for spans in tried if max(span.stop - span.start for span in spans) <= tiling.window[axis])


def _divided(length: int, parts: int, tiling: Tiling) -> list[Span]:
    borders = [round(number * length / parts / tiling.stride) * tiling.stride for number in range(parts)]
    return tiling.between([*borders, length])


class ActivationSmoothing:
    """A softmax over the channels of each position, at a temperature that is the deviation of each layer's numbers.

    Wang, Li and Vasconcelos 2021, "Rethinking and improving the robustness of image style transfer" (SWAG): shortcuts
    leave few large activations, which Gram matrices see alone. Theirs is over whole maps, ours over each position, and
    less the mean over channels, which all pictures share: relative to it, losses would be small and mean little.
    """

    def __init__(self, temperatures: Mapping[str, float]) -> None:
        self.temperatures = temperatures

    @classmethod
    def of(cls, extractor: FeatureExtractor, picture: Tensor) -> ActivationSmoothing:
        """With the temperatures of a picture, (1, C, H, W), at the size the network was made for."""
        with torch.no_grad():
            seen = extractor(resized(picture, extractor.net.preprocessing.size))
        return cls({layer: max(float(tensor.std()), 1e-12) for layer, tensor in seen.items()})

    def __call__(self, layer: str, features: Tensor) -> Tensor:
        """What a layer makes of a picture, (1, C, H, W), softened."""
        return (features / self.temperatures[layer]).softmax(1) - 1 / features.shape[1]


class TiledFeatures:
    """A feature extractor, and the windows that it is shown; `smoothing` is done to what layers make of them."""

    def __init__(self, extractor: FeatureExtractor, tiling: Tiling, smoothing: Smoothing | None = None) -> None:
        self.extractor, self.tiling, self.smoothing = extractor, tiling, smoothing
        height, width = (side * _WIDER // 2 for side in tiling.window)
        self._wide = replace(tiling, window=(height, width))

    def spans(self, picture: Tensor, wide: bool = False) -> list[tuple[Span, Span]]:
        """The windows of a picture (1, C, H, W), row by row; `wide` ones where no slopes will be asked for."""
        height, width = picture.shape[-2:]
        tiling = self._wide if wide else self.tiling
        return list(product(evenly(tiling, 0, height), evenly(tiling, 1, width)))

    def look(self, picture: Tensor, row: Span, column: Span, redirect: bool = False) -> FeatureTile:
        """One window, with slopes to be asked for where there are any."""
        leaf = picture[..., row.shown, column.shown].detach()
        leaf = leaf.requires_grad_() if torch.is_grad_enabled() else leaf
        features = self.extractor(leaf, redirect)
        if self.smoothing is not None:
            features = {layer: self.smoothing(layer, tensor) for layer, tensor in features.items()}
        return FeatureTile(row, column, leaf, features)

    @torch.no_grad()
    def each(self, picture: Tensor) -> Iterator[FeatureTile]:
        """All windows, one after the other, without slopes."""
        spans = self.spans(picture, wide=True)
        for row, column in spans:
            yield self.look(picture, row, column)
            if len(spans) > 1:
                give_back()

    @torch.no_grad()
    def whole(self, picture: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """What layers make of the whole picture, put together from what is kept of each window."""
        parts: dict[str, list[list[Tensor]]] = {layer: [] for layer in layers}
        for tile in self.each(picture):
            for layer in layers:
                if tile.column.first == 0:
                    parts[layer].append([])
                parts[layer][-1].append(tile.kept(layer).clone())
        return {layer: torch.cat([torch.cat(row, 3) for row in rows], 2) for layer, rows in parts.items()}
