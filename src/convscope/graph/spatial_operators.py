"""Rules for operations on maps, (N, C, H, W): convolutions, pooling, padding, resizing and pixel shuffles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from . import axis_map, channel_map
from .dependency import Dependency, Map, OperatorCall, Seen, for_maps, on_maps, unknown
from .window import Reach


@for_maps
def convolution(scene: OperatorCall) -> Seen:
    """Convolutions, and transposed ones."""
    args, shape = scene.args, scene.shape()
    kernel, dilation, padding = scene.size(args["weight"].name)[2:], _pair(args["dilation"]), args["padding"]
    if padding == "same":  # what is left over goes to the end
        padding = [d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)]
    before = _pair(0 if padding == "valid" else padding)
    reaches = map(Reach, kernel, _pair(args["stride"]), before, dilation)
    kind = axis_map.transposed if scene.call.kind == "conv_transpose2d" else axis_map.window
    y, x = (kind(reach, *sizes) for reach, sizes in zip(reaches, _sizes(scene), strict=True))
    count, channels = args["groups"], scene.source.shape[1]
    return on_maps(
        scene, shape, y, x, channel_map.groups(count, channels), sorts=1 < count < channels, blends=count == 1
    )


@for_maps
def pooling(scene: OperatorCall) -> Seen:
    """Pooling with a window; parts of it beyond the edges hold nothing."""
    args = scene.args
    kernel = _pair(args["kernel_size"])
    stride, dilation = _pair(args["stride"] or kernel), _pair(args.get("dilation", 1))
    reaches = map(Reach, kernel, stride, _pair(args["padding"]), dilation)
    y, x = (axis_map.window(reach, *sizes) for reach, sizes in zip(reaches, _sizes(scene), strict=True))
    return on_maps(scene, scene.shape(), y, x)


@for_maps
def adaptive(scene: OperatorCall) -> Seen:
    """Pooling into a number of bins."""
    y, x = (axis_map.bins(*sizes) for sizes in _sizes(scene))
    return on_maps(scene, scene.shape(), y, x)


@for_maps
def padding(scene: OperatorCall) -> Seen:
    """Padding on all four sides, with a constant or with places of the map."""
    widths, mode = list(scene.args["pad"]), scene.args.get("mode", "constant")
    widths += [0] * (4 - len(widths))
    if len(widths) > 4 or (mode != "constant" and min(widths) < 0):
        return unknown(scene)
    y, x = (
        axis_map.window(Reach(before=before), inputs, outputs)
        if mode == "constant"
        else axis_map.mirrored(before, after, inputs, mode)
        for (before, after), (inputs, outputs) in zip((widths[2:], widths[:2]), _sizes(scene), strict=True)
    )
    return on_maps(scene, scene.shape(), y, x)


@for_maps
def resizing(scene: OperatorCall) -> Seen:
    """The operation itself says what it looks at: one channel for each place, with ones along it."""
    looks = [axis_map.interpolated(_resized(scene, axis).T.numpy()) for axis in (0, 1)]
    return on_maps(scene, scene.shape(), looks[0], looks[1])


def _resized(scene: OperatorCall, axis: int) -> torch.Tensor:
    """Which place (inputs, outputs) of one axis goes into which; the map is as large as it is, few channels a time."""
    sizes = scene.source.shape[2:]
    lines = torch.eye(sizes[axis], dtype=torch.float64).unsqueeze(2 - axis).expand(-1, *sizes)
    parts = (scene.call({scene.values[0]: part[None].contiguous()})[0] for part in torch.split(lines, 16))
    return torch.cat([part.sum(2 - axis) != 0 for part in parts])


@for_maps
def shuffling(scene: OperatorCall) -> Seen:
    """Channels to places."""
    factor, sizes = scene.args["upscale_factor"], scene.source.sizes
    y, x = (axis_map.grown(factor, size) for size in sizes)
    return on_maps(scene, scene.shape(), y, x, channel_map.pixel_shuffled(factor), blurs=True)


@for_maps
def unshuffling(scene: OperatorCall) -> Seen:
    """Places to channels."""
    factor = scene.args["downscale_factor"]
    y, x = (axis_map.window(Reach(factor, factor), *sizes) for sizes in _sizes(scene))
    return on_maps(scene, scene.shape(), y, x, channel_map.gathered(factor), blurs=True)


@for_maps
def dealing(scene: OperatorCall) -> Seen:
    """Channels dealt out among groups."""
    dealt = channel_map.shuffled(scene.args["groups"], scene.source.shape[1])
    return Map(scene.shape(), (2, 3)), [Dependency(scene.values[0], mix=dealt)]


def _sizes(scene: OperatorCall) -> Iterator[tuple[int, int]]:
    return zip(scene.source.shape[2:], scene.shape()[2:], strict=True)


def _pair(value: Any) -> tuple[int, int]:
    first, *rest = list(value) if isinstance(value, list | tuple) else [value]
    return first, rest[0] if rest else first
