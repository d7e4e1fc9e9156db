"""Temporary backward rules: guided backpropagation and deconvnet, exact for every way a rectifier can be called.

A function mode sees each call of a rectifier, whether by module, function or method, in place or not, and puts one with
another backward in its stead. Nothing of the network is changed, and the calls are counted: a method that changed
nothing can say so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

Rule = Callable[[Tensor, Tensor], Tensor]


def guided(grad: Tensor, slope: Tensor) -> Tensor:
    """Pass a gradient where it is positive and the rectifier was open (Springenberg et al. 2014)."""
    return grad.clamp(min=0) * slope


def deconvnet(grad: Tensor, slope: Tensor) -> Tensor:
    """Pass a gradient where it is positive, however the rectifier was (Zeiler and Fergus 2013)."""
    return grad.clamp(min=0)


class Rectifiers(TorchFunctionMode):
    """Run every rectifier inside the block with `rule` as its backward.

    `count` is how many calls were changed, `pools` how many max-poolings the gradient goes through. SiLU, GELU,
    Hardswish and Mish are no rectifiers: they are changed too only when `smooth` is asked for, with their own
    derivative where the input is positive, and `left` counts those that were not.
    """

    def __init__(self, rule: Rule, smooth: bool = False) -> None:
        super().__init__()
        self.rule, self.smooth = rule, smooth
        self.count = self.pools = 0
        self.left: Counter[str] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        x = args[0] if args else kwargs.get("input")
        if not isinstance(x, Tensor) or not x.requires_grad:  # constants, indices: nothing flows back through them
            return func(*args, **kwargs)
        if func in _SMOOTH:
            if not self.smooth:
                self.left[_SMOOTH[func]] += 1
                return func(*args, **kwargs)
            self.count += 1
            return _smooth(func, self.rule, *args, **kwargs)
        self.pools += func in _MAX_POOL
        high = _upper_bound(func, args, kwargs)
        if high is None:
            return func(*args, **kwargs)
        self.count += 1
        return _Rectify.apply(x, high, self.rule, _in_place(func, args, kwargs))


class _Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, high: float, rule: Rule, in_place: bool) -> Tensor:
        ctx.rule = rule
        ctx.save_for_backward((x > 0) & (x < high))
        if in_place:
            ctx.mark_dirty(x)
            return x.clamp_(0, high)
        return x.clamp(0, high)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (slope,) = ctx.saved_tensors
        return ctx.rule(grads[0], slope), None, None, None


class _Smooth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, slope: Tensor, rule: Rule) -> Tensor:
        ctx.rule = rule
        ctx.save_for_backward(slope * (x > 0))
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (slope,) = ctx.saved_tensors
        return ctx.rule(grads[0], slope), None, None, None


def _smooth(func: Any, rule: Rule, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    in_place = kwargs.pop("inplace", False)
    with torch.enable_grad():
        inner = x.detach().clone().requires_grad_()
        y = func(inner, *args, **kwargs)
        (slope,) = torch.autograd.grad(y.sum(), inner)
    out: Tensor = _Smooth.apply(x, y.detach(), slope, rule)
    return x.copy_(out) if in_place else out


def _upper_bound(func: Any, args: Any, kwargs: Any) -> float | None:
    """Where a rectifier saturates; None for a call that is not a rectifier."""
    if func in _RELU:
        return math.inf
    if func in _RELU6:
        return 6.0
    if func in _HARDTANH:
        low, high = _bounds(args, kwargs, "min_val", "max_val", -1.0, 1.0)
    elif func in _CLAMP:
        low, high = _bounds(args, kwargs, "min", "max", None, None)
    else:
        return None
    if isinstance(low, Tensor) or isinstance(high, Tensor) or low is None or low != 0:
        return None
    return math.inf if high is None else float(high)


def _bounds(args: Any, kwargs: Any, low: str, high: str, no_low: Any, no_high: Any) -> tuple[Any, Any]:
    return (
        args[1] if len(args) > 1 else kwargs.get(low, no_low),
        args[2] if len(args) > 2 else kwargs.get(high, no_high),
    )


def _in_place(func: Any, args: Any, kwargs: Any) -> bool:
    if func.__name__.endswith("_"):
        return True
    flag = {F.relu: 1, F.relu6: 1, F.hardtanh: 3}.get(func)
    return flag is not None and bool(args[flag] if len(args) > flag else kwargs.get("inplace", False))


_RELU = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
_RELU6 = {F.relu6}
_HARDTANH = {F.hardtanh, F.hardtanh_}
_CLAMP = {
    torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_, torch.clip, torch.clip_, Tensor.clip, Tensor.clip_,
    torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_,
}  # fmt: skip
_MAX_POOL = {
    torch.max_pool2d, F.max_pool2d, F.max_pool2d_with_indices,
    F.adaptive_max_pool2d, F.adaptive_max_pool2d_with_indices,
}  # fmt: skip
_SMOOTH = {F.silu: "SiLU", F.gelu: "GELU", F.hardswish: "Hardswish", F.mish: "Mish"}
