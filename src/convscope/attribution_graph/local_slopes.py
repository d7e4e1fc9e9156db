"""The slopes of one operation by itself, so that what each of its inputs gives can be told apart.

Norms by a picture's own statistics hold their deviation as it is. Where slopes alone leave much unexplained they are
averaged on the way from zero inputs to those that are there (Sundararajan et al. 2017), for this operation alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .kinds import HELD, is_affine, is_weighted
from .operations import Operation

STEPS = 8  # on the way from zero


def run_locally(operation: Operation, given: Mapping[str, Any]) -> Any:
    """What an operation makes; of a norm of its own statistics, as a linear map of its input."""
    held = operation.kind in HELD and (operation.kind != "instance_norm" or operation.named["use_input_stats"])
    if not held:
        return operation(given)
    named = {name: given.get(getattr(value, "name", ""), value) for name, value in operation.named.items()}
    return _HELD[operation.kind](named)


def slopes_along(output: Tensor, inputs: Sequence[Tensor], after: Tensor) -> list[Tensor]:
    """The slopes along the inputs that an output was made of, where `after` are those along the output."""
    if not output.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    found = torch.autograd.grad(output, inputs, after.to(output.dtype), retain_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if slope is None else slope for x, slope in zip(inputs, found, strict=True)]


def averaged(operation: Operation, given: Mapping[str, Any], names: Sequence[str], after: Tensor) -> list[Tensor]:
    """The mean of the slopes along some inputs at 8 steps from zero to what they are."""
    total = [torch.zeros_like(given[name]) for name in names]
    for step in range(STEPS):
        share = (step + 0.5) / STEPS
        leaves = {name: (given[name] * share).requires_grad_() for name in names}
        with torch.enable_grad():
            output = run_locally(operation, {**given, **leaves})
        found = slopes_along(output, list(leaves.values()), after)
        total = [sum_ + slope / STEPS for sum_, slope in zip(total, found, strict=True)]
    return total


def bias(operation: Operation, given: Mapping[str, Any], names: Sequence[str], after: Tensor) -> Tensor | None:
    """What an operation makes of zeros, which spreads over its output; None where it has no bias, or is not affine."""
    if not is_affine(operation):
        return None
    if operation.kind == "batch_norm":
        (name,) = names
        with torch.no_grad():  # one place a channel tells of all
            held: Tensor = operation({**given, name: given[name].new_zeros(1, after.shape[1], *[1] * (after.ndim - 2))})
        return held
    if not is_weighted(operation):
        with torch.no_grad():
            found: Tensor = run_locally(operation, {**given, **{name: torch.zeros_like(given[name]) for name in names}})
        return found
    own = operation.named.get("bias")
    if not isinstance(own, Tensor):
        return None
    places = {"conv1d": 1, "conv2d": 2, "conv3d": 3, "conv_transpose2d": 2}.get(operation.kind, 0)
    return own.reshape(-1, *[1] * places)


def _layer_norm(named: Mapping[str, Any]) -> Tensor:
    x, dims = named["input"], list(range(-len(named["normalized_shape"]), 0))
    centered = x - x.mean(dims, keepdim=True)
    made = centered * _held(centered.square().mean(dims, keepdim=True), named["eps"])
    return _scaled(made, named["weight"], named["bias"])


def _rms_norm(named: Mapping[str, Any]) -> Tensor:
    x, dims = named["input"], list(range(-len(named["normalized_shape"]), 0))
    eps = torch.finfo(x.dtype).eps if named["eps"] is None else named["eps"]
    return _scaled(x * _held(x.square().mean(dims, keepdim=True), eps), named["weight"], None)


def _group_norm(named: Mapping[str, Any]) -> Tensor:
    x = named["input"]
    groups = named.get("num_groups", x.shape[1])
    split = x.reshape(len(x), groups, -1)
    centered = split - split.mean(-1, keepdim=True)
    made = (centered * _held(centered.square().mean(-1, keepdim=True), named["eps"])).reshape(x.shape)
    weight, bias = (None if t is None else t.reshape(-1, *[1] * (x.ndim - 2)) for t in (named["weight"], named["bias"]))
    return _scaled(made, weight, bias)


def _held(variance: Tensor, eps: float) -> Tensor:
    return (variance.detach() + eps).rsqrt()


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


_HELD = {"layer_norm": _layer_norm, "rms_norm": _rms_norm, "group_norm": _group_norm, "instance_norm": _group_norm}
