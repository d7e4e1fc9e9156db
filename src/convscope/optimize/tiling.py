"""The slope of an objective over a picture of any size, window by window, so that memory stays bounded.

Windows overlap by a halo whose slopes are thrown away: a pixel moves whatever sees it, and that sees as far again on
the other side, so with a halo as wide as a receptive field the kept slopes are those of the whole picture. Fields are
strong in the middle and weak at their rims, so two thirds of one leave errors of a five-hundredth at a border: that is
the halo where a whole one costs much. Borders lie elsewhere at each step, so that what is left of them is not seen.

`techniques.style.tiled_features` keeps what layers make of a window instead of its slopes. That is exact, with half the
halo: at 1024 pixels and on one thread, a step of a dream of lite0's blocks.4 would take 2.9 s and 0.49 GiB instead of
5.3 s and 0.61 GiB, with slopes off by 4e-7 of the largest instead of 1.5e-3; one of VGG16's features.22 19.6 s and 0.09
GiB instead of 25.2 s and 0.20 GiB, off by 1e-6 instead of 1.6e-3. But it has to cut maps, which scores are none of, and
into windows of many sizes, which some networks do not take; and a dream that is made again must be the same to the last
bit. So there are two, which share spans, halos and how far a neuron sees.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Literal

import torch
from torch import Tensor

from ..base.receptive_field import Box, ReceptiveField
from ..base.unit import Unit
from ..execution.features import FeatureExtractor, along
from ..network.network import Network
from .objective import Objective

_MEMORY = 1 << 30  # bytes of activations one window may need
_CHEAP, _MOST = 8, 4  # a whole halo is at most the first part of a window, any halo the second
_C = ctypes.CDLL(None) if os.name == "posix" else None


@dataclass(frozen=True)
class Span:
    """Along one side: what is shown to the network, and the part of it whose slopes are kept; ends exclusive."""

    start: int
    stop: int
    first: int
    last: int

    @property
    def shown(self) -> slice:
        """What is shown, in the picture."""
        return slice(self.start, self.stop)

    @property
    def kept(self) -> slice:
        """What is kept, in the picture."""
        return slice(self.first, self.last)

    @property
    def inner(self) -> slice:
        """What is kept, in what is shown."""
        return slice(self.first - self.start, self.last - self.start)

    @property
    def share(self) -> float:
        """How much of what is shown is kept."""
        return (self.last - self.first) / (self.stop - self.start)


@dataclass(frozen=True)
class Tiling:
    """Windows of (height, width) `window` with a `halo` on each side, at multiples of the layer's `stride`.

    A `rigid` network takes no other size than the window's: windows at the edges of the picture then reach further in.
    """

    window: tuple[int, int]
    halo: int
    stride: int
    rigid: bool = False

    def spans(self, axis: int, length: int, place: float) -> list[Span]:
        """The windows along one side of a picture; `place`, from 0 to 1, moves their borders as far as they can be."""
        window = self.window[axis]
        if length <= window:
            return [Span(0, length, 0, length)]
        found = self.between([0, *self._borders(window, length, place), length])
        return [_stretched(span, window, length) for span in found] if self.rigid else found

    def between(self, borders: Sequence[int]) -> list[Span]:
        """The windows that keep what lies between each border and the next; the last is how long the side is."""
        return [
            Span(max(0, first - self.halo), min(borders[-1], last + self.halo), first, last)
            for first, last in pairwise(borders)
        ]

    def _borders(self, window: int, length: int, place: float) -> list[int]:
        """One window more than is needed, so that the borders can be moved by as much as they lie apart."""
        apart, end = window - 2 * self.halo, window - self.halo
        count = 2 + max(0, math.ceil((length + apart - 2 * end) / apart))
        moved = int(place * apart / self.stride) * self.stride
        borders = (end - moved + number * apart for number in range(count - 1))
        return [border for border in borders if 0 < border < length]


def _stretched(span: Span, window: int, length: int) -> Span:
    start = min(span.start, length - window)
    return Span(start, start + window, span.first, span.last)


def tiling(
    net: Network, layers: Sequence[str], size: tuple[int, int], tile: int | Literal["auto"], rigid: bool = False
) -> Tiling:
    """The windows that suit the layers of a network: of side `tile`, or as large as the memory for them is.

    One window, where a picture of `size` (height, width) fits into it: then nobody has to know what a neuron sees.
    """
    side = largest(net, layers) if tile == "auto" else tile
    if not rigid and max(size) <= side:
        return Tiling((side, side), 0, 1)
    stride, reach = 1, 0
    for layer in layers:
        step, seen = _geometry(net, layer)
        stride, reach = math.lcm(stride, step), max(reach, seen)
    side = max(2 * stride, side // stride * stride)
    window = net.preprocessing.size if rigid else (side, side)
    wanted = reach if reach <= min(window) // _CHEAP else reach * 2 / 3
    return Tiling(window, halo_of(min(window), wanted, stride), stride, rigid)


def halo_of(window: int, wanted: float, stride: int) -> int:
    """A halo as wide as is wanted, in multiples of the stride, and at most a quarter of the window."""
    return min(window // _MOST // stride, math.ceil(wanted / stride)) * stride


def _geometry(net: Network, layer: str) -> tuple[int, int]:
    """How many pixels lie between two neighbors of a map, and how many next to a pixel a neuron that sees it can see.

    Gates, which look at whole maps to scale them, are left out: no halo could hold what they see.
    """
    shape = net.layers[layer].shape
    if len(shape) < 3 or shape[1] < 2:
        return 1, max(net.preprocessing.size)
    row, column = shape[1] // 2, shape[2] // 2
    one, other = (net.receptive_field(Unit(layer, 0, (row - k, column))) for k in (0, 1))
    top, left, bottom, right = seen_box(one)
    gated = one.status == "whole input"
    stride = halvings(net.preprocessing.size[0] / shape[1]) if gated else max(1, top - other.unclipped[0])
    return stride, max(bottom - top, right - left) - 1


def seen_box(field: ReceptiveField) -> Box:
    """What a neuron sees, beyond the edges of the input too; without gates, where these look at whole maps."""
    return field.local if field.status == "whole input" else field.unclipped


def halvings(ratio: float) -> int:
    """The power of two nearest to a ratio of sides."""
    stride: int = 2 ** max(0, round(math.log2(ratio)))
    return stride


def largest(net: Network, layers: Sequence[str]) -> int:
    """The side of the largest window whose activations, up to the deepest layer, fit the memory for them."""
    rows = list(net.layers.including(*layers))
    needed = rows[: 1 + max(rows.index(layer) for layer in layers)]
    leaves = [name for name in needed if not any(other.startswith(f"{name}.") for other in needed)]
    height, width = net.preprocessing.size
    a_pixel = 4 * sum(math.prod(net.layers[name].shape) for name in leaves) / (height * width)
    return int(math.sqrt(_MEMORY / a_pixel))


class TiledObjective:
    """The value of an objective of one picture, (1, C, H, W), and its slope, window by window where there are several.

    An objective's terms are means over maps; each window's are weighted by its share of the map, so that windows add up
    to the mean over the whole one.
    """

    def __init__(self, extractor: FeatureExtractor, objective: Objective, tiling: Tiling) -> None:
        self.extractor, self.objective, self.tiling = extractor, objective, tiling

    def __call__(self, pictures: Tensor, rng: torch.Generator, redirect: bool = False) -> tuple[Tensor, Tensor]:
        """The value, (1,), and its slope along the picture; windows lie at a place drawn from `rng`."""
        height, width = pictures.shape[-2:]
        down, across = torch.rand(2, generator=rng).tolist()
        rows, columns = self.tiling.spans(0, height, down), self.tiling.spans(1, width, across)
        if len(rows) == len(columns) == 1:
            return along(pictures, lambda leaf: self.objective(self.extractor(leaf, redirect)), str(self.objective))
        value, slopes = torch.zeros(1, device=pictures.device), torch.empty_like(pictures)
        for row, column in product(rows, columns):
            shown = pictures[..., row.shown, column.shown]
            one, its = along(shown, lambda leaf: self._part(leaf, redirect, height * width), str(self.objective))
            value += one * row.share * column.share
            slopes[..., row.kept, column.kept] = its[..., row.inner, column.inner]
            del its
            give_back()
        return value, slopes

    def _part(self, shown: Tensor, redirect: bool, area: int) -> Tensor:
        """What a window adds to the value of a picture of `area` pixels."""
        seen = self.extractor(shown, redirect)
        covered = shown.shape[-2] * shown.shape[-1]
        shares = {layer: self._covered(layer, tensor, covered) / area for layer, tensor in seen.items()}
        return torch.stack([w * term(seen) * shares[term.layer] for w, term in self.objective.terms]).sum(0)

    def _covered(self, layer: str, tensor: Tensor, shown: int) -> float:
        """How many pixels the positions of a map stand for: each for as many as in a picture of the network's size."""
        own = self.extractor.net.layers[layer].shape
        if tensor.ndim < 3 or len(own) < 3:
            return shown
        return math.prod(tensor.shape[2:]) * math.prod(self.extractor.net.preprocessing.size) / math.prod(own[1:])


def give_back() -> None:
    """Give freed memory back to the system, where the C library can: windows of many shapes leave holes that add up."""
    trim = getattr(_C, "malloc_trim", None)
    if trim is not None:
        trim(0)
