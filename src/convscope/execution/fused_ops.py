"""Convolutions with everything that follows each of them folded in, on whatever runs them fastest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_ONEDNN = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


@dataclass(frozen=True)
class Clamp:
    """What a rectifier does after a convolution: cut off below `low` and above `high`."""

    low: float
    high: float = float("inf")

    def __call__(self, x: Tensor) -> Tensor:
        return x.relu_() if (self.low, self.high) == (0, float("inf")) else x.clamp_(self.low, self.high)


class Affine:
    """A norm that does not train, x → scale·x + shift per channel, and the rectifier after it, as one."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        self.scale, self.shift = scale.reshape(-1, 1, 1), shift.reshape(-1, 1, 1)
        self.clamp: Clamp | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """The output for x, (N, C, H, W)."""
        y = torch.addcmul(self.shift, x, self.scale)
        return self.clamp(y) if self.clamp else y


class Convolution:
    """A convolution, the norm after it and the rectifier after that, as one; `padding` is (left, right, top, bottom).

    On a CPU oneDNN runs it with weights packed once. Only float32 and bfloat16 are packed: float64 is for exact tests.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int,
    ) -> None:
        self.weight, self.bias = weight, bias
        self.stride, self.padding, self.dilation, self.groups = list(stride), list(padding), list(dilation), groups
        self.clamp: Clamp | None = None
        self.transposed: Any = None  # what runs it backward, once it is asked for
        self._packed: Tensor | None = None

    def normalized(self, scale: Tensor, shift: Tensor) -> None:
        """Follow it by y → scale·y + shift, per channel."""
        self.weight = self.weight * scale.reshape(-1, 1, 1, 1)
        self.bias = shift if self.bias is None else self.bias * scale + shift

    @cached_property
    def even(self) -> Convolution:
        """The same with padding alike on both sides where that is had by zeros in the kernel and costs less: depthwise.

        Kernels of oneDNN take no other, and padding the map is a copy of it.
        """
        left, right, top, bottom = self.padding
        if self.weight.shape[1] > 1 or self.groups == 1 or max(self.dilation) > 1 or (left, top) == (right, bottom):
            return self
        more = [max(b - a, 0) for a, b in ((left, right), (right, left), (top, bottom), (bottom, top))]
        x, y = max(left, right), max(top, bottom)
        even = Convolution(F.pad(self.weight, more), self.bias, self.stride, (x, x, y, y), self.dilation, self.groups)
        even.clamp = self.clamp
        return even

    def __call__(self, x: Tensor, padded: bool = False) -> Tensor:
        """The output for x, (N, C, H, W); where x is `padded` it brings what lies beyond its edges."""
        if not padded and self.even is not self:
            return self.even(x)
        left, right, top, bottom = (0, 0, 0, 0) if padded else self.padding
        if (left, top) != (right, bottom):
            x, left, top = F.pad(x, (left, right, top, bottom)), 0, 0
        if on_onednn(x):
            return self._onednn(x, [top, left])
        y = F.conv2d(x, self.weight, self.bias, self.stride, [top, left], self.dilation, self.groups)
        return self.clamp(y) if self.clamp else y

    def _onednn(self, x: Tensor, padding: list[int]) -> Tensor:
        geometry = [self.stride, self.dilation, self.groups]
        if self._packed is None:
            reorder: Any = torch.ops.mkldnn._reorder_convolution_weight
            self._packed = reorder(self.weight, padding, *geometry, list(x.shape))
        name, numbers = ("none", []) if self.clamp is None else ("hardtanh", [self.clamp.low, self.clamp.high])
        if self.clamp is not None and (self.clamp.low, self.clamp.high) == (0, float("inf")):
            name, numbers = "relu", []
        run: Any = torch.ops.mkldnn._convolution_pointwise
        y: Tensor = run(x, self._packed, self.bias, padding, *geometry, name, numbers, "")
        return y


def on_onednn(x: Tensor) -> bool:
    """Whether oneDNN, with packed weights, is what to run convolutions of a tensor on."""
    known = x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16)
    return known and _ONEDNN
