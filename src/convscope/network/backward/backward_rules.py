"""Temporary backward rules: guided backpropagation and deconvnet, exact for every way a rectifier can be called.

A function mode sees each call of a rectifier, however it is spelled, and puts one with another backward in its stead.
Nothing of the network is changed. What was changed on the way to a value is counted and what was not is named: a method
that changed nothing can say so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..isolation.eager import EagerMode
from .masks import MASKS, Steps
from .pieces import GradientPath, piece_in_place
from .rectifiers import SPELLINGS, Rectified, Spelling, writes

Rule = Callable[[Tensor, Tensor, Tensor], Tensor]  # of a gradient, the slope, and where a rectifier is full


def guided_rule(grad: Tensor, slope: Tensor, full: Tensor) -> Tensor:
    """Pass a gradient where it is positive and the rectifier was open (Springenberg et al. 2014)."""
    return grad.clamp(min=0) * slope


def deconvnet_rule(grad: Tensor, slope: Tensor, full: Tensor) -> Tensor:
    """Pass a gradient where it is positive, however the rectifier was (Zeiler and Fergus 2013)."""
    return grad.clamp(min=0)


class Rectifiers(EagerMode):
    """Run every rectifier inside the block with `rule` as its backward.

    Activations that are smooth or leak, such as SiLU, GELU, LeakyReLU and ELU, are no rectifiers: they are changed too
    only when `smooth` is asked for, with their own derivative where the input is positive. `survey` counts what was
    changed on the way to a value, and names what was not.
    """

    def __init__(self, rule: Rule, smooth: bool = False) -> None:
        super().__init__()
        self.rule, self.smooth = rule, smooth
        self.count = self.pools = 0
        self.left: dict[str, int] = {}
        self._steps = Steps()
        self._named: dict[Any, str] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").partition(".")[0]  # operators of torch.ops end with that of an overload
        spelling = SPELLINGS.get(name)
        if spelling is not None and torch.is_grad_enabled():
            return self._run(spelling, name, func, args, kwargs)
        result = func(*args, **kwargs)
        if name in MASKS:
            self._steps.learn(name, args, result)
        elif name.endswith("_") and args:
            self._wrote(args[0], piece_in_place(name))
        return result

    def _wrote(self, changed: Any, told: str) -> None:
        """Keep what a write to a view is called, which the graph shows only as some write to the view's base."""
        if told and isinstance(changed, Tensor) and changed._is_view() and isinstance(changed._base, Tensor):
            self._named[changed._base.grad_fn] = told

    def survey(self, value: Tensor, leaf: Tensor) -> None:
        """Count what was changed between a value and the leaf its gradient is taken for, and name what was left."""
        way = GradientPath(value, leaf)
        self.count, self.pools, self.left = way.changed, way.pools, way.left(self._named)

    def _run(self, spelling: Spelling, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        given = spelling.given(args, kwargs)
        x, in_place = given["input"], writes(name, given)
        found = spelling.rectified(given, in_place, self._steps)
        if found is not None:
            return _rectify(found, self.rule)
        if spelling.smooth and self.smooth and isinstance(x, Tensor) and x.requires_grad:
            others = {name: value for name, value in kwargs.items() if value is not x}
            return _smooth(lambda inner: func(inner, *args[1:], **others), self.rule, x, in_place)
        told = spelling.left(given)  # before the call, which may write to what tells
        result = func(*args, **kwargs)
        changed = x if in_place else result
        if in_place and isinstance(x, Tensor) and x._is_view():
            self._wrote(x, told or piece_in_place(name))
        elif told and isinstance(changed, Tensor) and changed.grad_fn is not None:
            self._named[changed.grad_fn] = told
        return result


def _rectify(found: Rectified, rule: Rule) -> Tensor:
    x = found.x
    if found.in_place and x._is_view():  # else the graph hides the call behind the write to the view's base
        return x.copy_(_Rectify.apply(x, found.high, rule, False))
    result: Tensor = _Rectify.apply(x, found.high, rule, found.in_place)
    return result


class _Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, high: float, rule: Rule, in_place: bool) -> Tensor:
        ctx.rule = rule
        open_ = x > 0 if high == math.inf else (x > 0) & (x < high)
        full = x >= high if getattr(rule, "asks_if_full", False) else x.new_zeros((), dtype=torch.bool)
        ctx.save_for_backward(open_, full)
        if in_place:
            ctx.mark_dirty(x)
            return x.clamp_(0, high)
        return x.clamp(0, high)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return ctx.rule(grads[0], *ctx.saved_tensors), None, None, None


class _Smooth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, slope: Tensor, rule: Rule) -> Tensor:
        ctx.rule = rule
        ctx.save_for_backward(slope * (x > 0))
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (slope,) = ctx.saved_tensors
        return ctx.rule(grads[0], slope, torch.zeros_like(slope, dtype=torch.bool)), None, None, None


def _smooth(func: Callable[..., Tensor], rule: Rule, x: Tensor, in_place: bool) -> Tensor:
    with torch.enable_grad():
        inner = x.detach().clone().requires_grad_()
        y = func(inner.clone())  # a call in place may not write to a leaf
        (slope,) = torch.autograd.grad(y.sum(), inner)
    out: Tensor = _Smooth.apply(x, y.detach(), slope, rule)
    return x.copy_(out) if in_place else out
