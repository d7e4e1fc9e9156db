"""Rules for operations on maps, (N, C, H, W): convolutions, pooling, padding, resizing and pixel shuffles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from . import axis_map, channel_map
from .dependency import Dependency, Map, OperatorCall, Ruling, Trait, for_maps, on_maps, unknown
from .trace import Call
from .window import Reach, Reaches


@for_maps
def convolution(operator: OperatorCall) -> Ruling:
    """Convolutions, and transposed ones."""
    args, shape = operator.args, operator.shape()
    kernel, dilation, padding = operator.size(args["weight"].name)[2:], _pair(args["dilation"]), args["padding"]
    if padding == "same":  # what is left over goes to the end
        padding = [d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)]
    before = _pair(0 if padding == "valid" else padding)
    windows = _windows(kernel, _pair(args["stride"]), before, dilation)
    transposed = operator.call.kind == "conv_transpose2d"
    kind = axis_map.transposed if transposed else axis_map.window
    y, x = (kind(reach, *sizes) for reach, sizes in zip(windows, _sizes(operator), strict=True))
    count, channels = args["groups"], operator.source.shape[1]
    traits = Trait.BLENDS if count == 1 else Trait.SORTS if count < channels else Trait.NONE
    groups = channel_map.groups(count, channels)
    slides = not transposed and args["weight"].name in operator.tensors
    return on_maps(operator, shape, y, x, groups, traits, windows if slides else None)


@for_maps
def pooling(operator: OperatorCall) -> Ruling:
    """Pooling with a window; parts of it beyond the edges hold nothing."""
    args = operator.args
    kernel = _pair(args["kernel_size"])
    stride, dilation = _pair(args["stride"] or kernel), _pair(args.get("dilation", 1))
    windows = _windows(kernel, stride, _pair(args["padding"]), dilation)
    y, x = (axis_map.window(reach, *sizes) for reach, sizes in zip(windows, _sizes(operator), strict=True))
    even = operator.call.kind != "avg_pool2d" or _even(operator, windows)
    return on_maps(operator, operator.shape(), y, x, windows=windows if even else None)


def _even(operator: OperatorCall, windows: Reaches) -> bool:
    """Whether an average is over the same number of places everywhere, so that zeros beyond the edges do not matter."""
    counted = operator.args["count_include_pad"] or not any(reach.before for reach in windows)
    along = zip(windows, _sizes(operator), strict=True)
    inside = all(reach.after(*sizes) <= reach.before for reach, sizes in along)
    return counted and inside and operator.args["divisor_override"] is None


@for_maps
def adaptive(operator: OperatorCall) -> Ruling:
    """Pooling into a number of bins."""
    y, x = (axis_map.bins(*sizes) for sizes in _sizes(operator))
    return on_maps(operator, operator.shape(), y, x)


@for_maps
def padding(operator: OperatorCall) -> Ruling:
    """Padding on all four sides, with a constant or with places of the map."""
    given, mode = list(operator.args["pad"]), operator.args.get("mode", "constant")
    widths = given + [0] * (4 - len(given))
    if len(widths) > 4 or (mode != "constant" and min(widths) < 0):
        return unknown(operator)
    y, x = (
        axis_map.window(Reach(before=before), inputs, outputs)
        if mode == "constant"
        else axis_map.mirrored(before, after, inputs, mode)
        for (before, after), (inputs, outputs) in zip((widths[2:], widths[:2]), _sizes(operator), strict=True)
    )
    plain = mode == "constant" and len(given) == 4 and min(given) >= 0
    windows = (Reach(before=widths[2]), Reach(before=widths[0])) if plain else None
    return on_maps(operator, operator.shape(), y, x, windows=windows)


def edge(call: Call) -> float:
    """What lies beyond the edge of a map, for a call that looks there."""
    if call.kind == "max_pool2d":
        return -math.inf
    return float(call.named["value"] or 0) if call.kind in ("pad", "constant_pad_nd") else 0.0


@for_maps
def resizing(operator: OperatorCall) -> Ruling:
    """The operation itself says what it looks at: one channel for each place, with ones along it."""
    y, x = (axis_map.interpolated(_resized(operator, axis).T.numpy()) for axis in (0, 1))
    return on_maps(operator, operator.shape(), y, x)


def _resized(operator: OperatorCall, axis: int) -> torch.Tensor:
    """Which place (inputs, outputs) of one axis goes into which; the map is as large as it is, few channels a time."""
    sizes = operator.source.shape[2:]
    lines = torch.eye(sizes[axis], dtype=torch.float64).unsqueeze(2 - axis).expand(-1, *sizes)
    parts = (operator.call({operator.values[0]: part[None].contiguous()})[0] for part in torch.split(lines, 16))
    return torch.cat([part.sum(2 - axis) != 0 for part in parts])


@for_maps
def shuffling(operator: OperatorCall) -> Ruling:
    """Channels to places."""
    factor, sizes = operator.args["upscale_factor"], operator.source.sizes
    y, x = (axis_map.grown(factor, size) for size in sizes)
    return on_maps(operator, operator.shape(), y, x, channel_map.pixel_shuffled(factor), Trait.BLURS)


@for_maps
def unshuffling(operator: OperatorCall) -> Ruling:
    """Places to channels."""
    factor = operator.args["downscale_factor"]
    y, x = (axis_map.window(Reach(factor, factor), *sizes) for sizes in _sizes(operator))
    return on_maps(operator, operator.shape(), y, x, channel_map.gathered(factor), Trait.BLURS)


@for_maps
def dealing(operator: OperatorCall) -> Ruling:
    """Channels dealt out among groups."""
    dealt = channel_map.shuffled(operator.args["groups"], operator.source.shape[1])
    return Map(operator.shape(), (2, 3)), [Dependency(operator.values[0], channels=dealt)]


def _sizes(operator: OperatorCall) -> Iterator[tuple[int, int]]:
    return zip(operator.source.shape[2:], operator.shape()[2:], strict=True)


def _windows(kernel: Iterable[int], *geometry: Iterable[int]) -> Reaches:
    y, x = map(Reach, kernel, *geometry)
    return y, x


def _pair(value: Any) -> tuple[int, int]:
    first, *rest = list(value) if isinstance(value, list | tuple) else [value]
    return first, rest[0] if rest else first
