"""A convolution backward: from the gradient of its output to that of its input, its weights being fixed."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .fused_ops import Convolution, on_onednn

_Size = tuple[int, int]


class Transposed:
    """The transposed of a convolution, with the norm in its weights; the rectifier after it is not its business.

    oneDNN runs it as it runs convolutions, with weights packed once: that is faster than what autograd calls, and than
    a convolution with flipped weights. Where it strides over few channels, as at an image, it is one convolution that
    gives all places of a stride as channels.
    """

    def __init__(self, convolution: Convolution) -> None:
        self.forward = convolution
        self._packed: Tensor | None = None
        self._unstrided: dict[tuple[int, ...], Convolution | None] = {}

    def __call__(self, grad: Tensor, size: _Size) -> Tensor:
        """The gradient of the input, (N, C, h, w) for `size` (h, w), given that of the output."""
        grad = grad.contiguous(memory_format=torch.channels_last)
        left, right, top, bottom = self.forward.padding
        if (left, top) == (right, bottom):
            return self._run(grad, size, (top, left))
        found = self._run(grad, (size[0] + top + bottom, size[1] + left + right), (0, 0))
        return found[:, :, top : top + size[0], left : left + size[1]]

    def _run(self, grad: Tensor, size: _Size, before: _Size) -> Tensor:
        sizes = (*size, *grad.shape[2:])
        if sizes not in self._unstrided:
            self._unstrided[sizes] = _unstrided(self.forward, size, before, (grad.shape[2], grad.shape[3]))
        dense = self._unstrided[sizes]
        if dense is None:
            return self._strided(grad, size, before)
        (tall, wide), found = self.forward.stride, dense(grad)
        count, _, rows, columns = found.shape
        found = found.reshape(count, -1, tall, wide, rows, columns).permute(0, 1, 4, 2, 5, 3)
        return found.reshape(count, -1, rows * tall, columns * wide)[:, :, : size[0], : size[1]]

    def _strided(self, grad: Tensor, size: _Size, before: _Size) -> Tensor:
        conv = self.forward
        along = zip(size, grad.shape[2:], conv.stride, before, _spans(conv), strict=True)
        over = [whole + 2 * b - span - (n - 1) * s for whole, n, s, b, span in along]
        if not on_onednn(grad):
            return F.conv_transpose2d(grad, conv.weight, None, conv.stride, before, over, conv.groups, conv.dilation)
        geometry: list[Any] = [list(before), over, conv.stride, conv.dilation, conv.groups]
        if self._packed is None:
            reorder: Any = torch.ops.mkldnn._reorder_convolution_transpose_weight
            self._packed = reorder(conv.weight, *geometry, list(grad.shape))
        run: Any = torch.ops.mkldnn._convolution_transpose_pointwise
        found: Tensor = run(grad, self._packed, None, *geometry, "none", [], "")
        return found


def _spans(conv: Convolution) -> list[int]:
    return [d * (k - 1) + 1 for d, k in zip(conv.dilation, conv.weight.shape[2:], strict=True)]


def _unstrided(conv: Convolution, size: _Size, before: _Size, outputs: _Size) -> Convolution | None:
    """The convolution of stride 1 that gives, as channels, the gradients of all places in a stride; None if no gain.

    Input place i = s·u + a is seen by output o through weight j where i = s·o − before + j, that is at o = u + d with
    d = (a + before − j) / s, if that is whole.
    """
    strides, many = conv.stride, conv.weight.shape[1] * math.prod(conv.stride)
    if math.prod(strides) == 1 or conv.groups > 1 or max(conv.dilation) > 1 or many > conv.weight.shape[0]:
        return None
    places = [_places(k, s, b) for k, s, b in zip(conv.weight.shape[2:], strides, before, strict=True)]
    lows, highs = ([pick(d for *_, d in along) for along in places] for pick in (min, max))
    if max(lows) > 0:
        return None
    kernel = [high - low + 1 for low, high in zip(lows, highs, strict=True)]
    weight = conv.weight.new_zeros(conv.weight.shape[1], *strides, len(conv.weight), *kernel)
    for a, j, d in places[0]:
        for b, k, e in places[1]:
            weight[:, a, b, :, d - lows[0], e - lows[1]] = conv.weight[:, :, j, k].T
    ends = [
        -(-whole // s) - 1 + high - (n - 1) for whole, s, high, n in zip(size, strides, highs, outputs, strict=True)
    ]
    padding = -lows[1], ends[1], -lows[0], ends[0]
    return Convolution(weight.flatten(0, 2), None, (1, 1), padding, (1, 1), 1)


def _places(kernel: int, stride: int, before: int) -> list[tuple[int, int, int]]:
    """Places a in a stride, weights j that reach them, and how many outputs further on."""
    pairs = [(a, j) for a in range(stride) for j in range(kernel) if (a + before - j) % stride == 0]
    return [(a, j, (a + before - j) // stride) for a, j in pairs]
