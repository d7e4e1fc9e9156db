"""What a layer put out, channel by channel: sums on the device it is on, which nobody waits for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .channel_kernels import sum_columns, sum_planes
from .samples import scaled_histogram

SUMS = 4  # of values, of squares, of zeros, of values that are not finite

_LAST = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.MultiheadAttention)
_FIRST = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.modules.pooling._MaxPoolNd)


def channel_axis(module: nn.Module, ndim: int) -> int:
    """Which axis of what a module puts out holds its channels: the second one, but the last one of rows of tokens."""
    if ndim < 2 or isinstance(module, _LAST) or (ndim == 3 and not isinstance(module, _FIRST)):
        return ndim - 1
    return 1


def channel_sums(output: Tensor, axis: int) -> Tensor:
    """Four sums a channel, (4, C): of values, squares, zeros, and values that are not finite.

    On the processor in float64, by one pass over the memory where it is laid out plainly; elsewhere in float32.
    """
    x = output.detach()
    if x.device.type == "cpu" and x.dtype == torch.float32:
        if axis == 1 and x.is_contiguous():
            return _checked(_planes(x), x, axis)
        rows = x.movedim(axis, -1)
        if rows.is_contiguous():
            return _checked(_columns(rows), x, axis)
    return _anywhere(x, axis)


def compile_kernels() -> None:
    """Compile what sums, or find it on disk, before anybody waits for it."""
    x = torch.zeros(1, 2, 2, 2)
    channel_sums(x, 1)
    channel_sums(x.contiguous(memory_format=torch.channels_last), 1)
    scaled_histogram(np.ones(2, np.float32))


def _planes(x: Tensor) -> Tensor:
    sums = np.zeros((SUMS, x.shape[1]))
    sum_planes(x.numpy().reshape(*x.shape[:2], -1), sums)
    return torch.from_numpy(sums)


def _columns(rows: Tensor) -> Tensor:
    channels = rows.shape[-1]
    sums = np.zeros((SUMS, channels))
    sum_columns(rows.numpy().reshape(-1, channels), sums, np.empty((SUMS - 1, channels), np.float32))
    return torch.from_numpy(sums)


def _checked(sums: Tensor, x: Tensor, axis: int) -> Tensor:
    """Count what is not finite, only where a sum of squares says that there may be something."""
    if not torch.isfinite(sums[1]).all():
        sums[3] = _strange(x, axis)
    return sums


def _anywhere(x: Tensor, axis: int) -> Tensor:
    """By PyTorch's own operations, in as many passes."""
    over = [number for number in range(x.ndim) if number != axis]
    values = x if x.dtype == torch.float64 or x.device.type != "cpu" else x.double()
    values = values if values.dtype == torch.float64 else values.float()
    if not over:
        return torch.stack([values, values.square(), (x == 0).to(values.dtype), (~torch.isfinite(x)).to(values.dtype)])
    zeros = (x == 0).sum(over).to(values.dtype)
    return torch.stack([values.sum(over), values.square().sum(over), zeros, _strange(x, axis).to(values.dtype)])


def _strange(x: Tensor, axis: int) -> Tensor:
    over = [number for number in range(x.ndim) if number != axis]
    strange = ~torch.isfinite(x)
    return strange.sum(over) if over else strange.long()


def saturated_values(module: nn.Module, output: Tensor) -> Tensor | None:
    """How many values lie where a saturating nonlinearity is flat; None for layers that never are."""
    ends = _ends(module)
    if ends is None:
        return None
    low, high = ends
    x = output.detach()
    return ((x <= low) | (x >= high)).sum() if low is not None else (x >= high).sum()


def _ends(module: nn.Module) -> tuple[float | None, float] | None:
    """Beyond what a nonlinearity is flat; sigmoid and tanh where their slope is below a hundredth of its largest."""
    match module:
        case nn.ReLU6():
            return None, 6.0
        case nn.Hardtanh():
            return float(module.min_val), float(module.max_val)
        case nn.Hardsigmoid():
            return 0.0, 1.0
        case nn.Sigmoid():
            return 0.0025, 0.9975
        case nn.Tanh():
            return -0.995, 0.995
    return None
