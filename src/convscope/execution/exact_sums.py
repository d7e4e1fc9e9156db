"""Exact sums of gradients in bfloat16: there a sum of ones ends at 256, as 257 is not a number it has."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..network.isolation.modes import FunctionMode

_FEW = 9  # gradients that may meet in one number: those of windows of 3 × 3, one at each position


class Exact(FunctionMode):
    """Run in float32 what may add up more than a few gradients number by number, under autocast to bfloat16.

    Those are poolings whose windows overlap a lot, resizing by area, indexing, and transposed convolutions, whose
    gradients are wrong for large kernels. All others add up in float32 by themselves, and round once.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        many = _MANY.get(getattr(func, "__name__", "").partition(".")[0])
        x = args[0] if args else kwargs.get("input")
        if many is None or not isinstance(x, Tensor) or not x.requires_grad or not many(x, args[1:], kwargs):
            return func(*args, **kwargs)
        with torch.autocast(x.device.type, enabled=False):
            found = func(*map(_widened, args), **{name: _widened(one) for name, one in kwargs.items()})
        first, *others = found if isinstance(found, tuple) else (found,)
        return (first.to(x.dtype), *others) if others else first.to(x.dtype)


def _widened(given: Any) -> Any:
    return given.float() if isinstance(given, Tensor) and given.dtype == torch.bfloat16 else given


Many = Callable[[Tensor, tuple[Any, ...], Mapping[str, Any]], bool]


def _always(x: Tensor, rest: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    return True


def _windows(x: Tensor, rest: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    """Whether many windows share a number."""
    size = _pair(rest[0] if rest else named["kernel_size"])
    stride = _pair((rest[1] if len(rest) > 1 else named.get("stride")) or size)
    return bool(math.prod(math.ceil(k / s) for k, s in zip(size, stride, strict=True)) > _FEW)


def _cells(x: Tensor, rest: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    """Whether there are many more cells than numbers."""
    size = _pair(rest[0] if rest else named["output_size"])
    return math.prod(1 + math.ceil((n or side) / side) for n, side in zip(size, x.shape[-2:], strict=True)) > _FEW


def _area(x: Tensor, rest: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    return bool((rest[2] if len(rest) > 2 else named.get("mode")) == "area")


def _looked_up(x: Tensor, rest: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    """Whether an index holds numbers of places, each of which may come back; slices do not."""
    parts = rest[0] if isinstance(rest[0], tuple) else (rest[0],)
    return any(not isinstance(part, int | slice | None | type(...)) for part in parts)


def _pair(given: Any) -> tuple[Any, Any]:
    many = tuple(given) if isinstance(given, list | tuple) else (given,)
    return many[0], many[-1]


_MANY: dict[str, Many] = {
    "max_pool2d": _windows, "max_pool2d_with_indices": _windows, "avg_pool2d": _windows,
    "adaptive_avg_pool2d": _cells, "adaptive_max_pool2d": _cells, "adaptive_max_pool2d_with_indices": _cells,
    "interpolate": _area, "__getitem__": _looked_up,
    **dict.fromkeys(("lp_pool2d", "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "unfold"), _always),
    **dict.fromkeys(("index_select", "take", "conv_transpose2d"), _always),
}  # fmt: skip
