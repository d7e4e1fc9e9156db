"""Expanded weights: what an earlier layer gives to a neuron through the linear parts between them, for no image.

Of Voss et al. 2021, "Visualizing weights": the slope of a linearized network, with rectifiers passed through and the
maximum of places taken as their mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.errors import NoLinearPart
from ..graph.trace import INPUT
from .kinds import HELD, is_affine, is_moved, keeps
from .operations import Operation

RECTIFIERS = {
    "relu", "relu6", "hardtanh", "leaky_relu", "prelu", "rrelu", "elu", "celu", "selu", "gelu", "silu", "hardswish",
    "mish", "softplus", "clamp", "clamp_min", "threshold",
}  # fmt: skip
_GATES = {"sigmoid", "hardsigmoid", "tanh", "mul", "multiply", "div", "true_divide"}
_ATTENTION = {"softmax", "_softmax", "scaled_dot_product_attention", "matmul", "bmm"}
_EXTREMES = {"amax", "amin"}


@dataclass(frozen=True, eq=False)
class Expanded:
    """The slope of one number along the source, of its shape, and what was passed through or taken as a mean."""

    weights: Tensor
    passed: Counter[str]
    averaged: Counter[str]


def expanded(
    operations: Sequence[Operation], x: Tensor, source: str, end: str, read: Callable[[Tensor], Tensor]
) -> Expanded | None:
    """The weights of what `read` reads of the value `end` on each number of the value `source`.

    `x` (1, C, H, W) is an image of the right size; its numbers do not matter. None where `end` does not depend on
    `source`; raises NoLinearPart, which names the operation, where what lies between has no linear part.
    """
    values: dict[str, Any] = {INPUT: _leaf(x) if source == INPUT else x}
    linked, passed, averaged = {source}, Counter[str](), Counter[str]()
    with torch.enable_grad():
        for operation in operations:
            between = [name for name in operation.inputs if name in linked]
            if between and operation.name != source:
                linked.add(operation.name)
                passed[operation.kind] += operation.kind in RECTIFIERS
                averaged[operation.kind] += operation.kind in _MEANS
                made = _linear(operation, values)
            else:
                made = operation(values)
            values[operation.name] = _leaf(made) if operation.name == source else made
        if end not in linked or end == source:
            return None
        (weights,) = torch.autograd.grad(read(values[end]), values[source])
    return Expanded(weights, +passed, +averaged)


def _leaf(value: Tensor) -> Tensor:
    return value.detach().requires_grad_()


def _linear(operation: Operation, values: dict[str, Any]) -> Any:
    """What an operation makes, with the same slopes for every image; its biases are in it."""
    kind = operation.kind
    if kind in RECTIFIERS:
        return values[operation.inputs[0]]
    if kind in _MEANS:
        return _MEANS[kind](operation, values[operation.inputs[0]])
    why = _refusal(operation)
    if why:
        raise NoLinearPart(
            f"There must be linear parts alone between the layer and the unit, rectifiers apart, not {kind}: {why}. "
            "Choose a layer after it, or ask connections for what one image does."
        )
    return operation(values)


def _refusal(operation: Operation) -> str:
    """Why an operation has no linear part; empty where it has one."""
    kind = operation.kind
    if "upsample" in kind:
        return "what a resized map is at a place depends on where the place lies"
    if kind in HELD or (kind == "batch_norm" and not keeps(operation)):
        return "this norm divides by a picture's own deviation"
    if (is_affine(operation) or is_moved(operation)) and kind not in _EXTREMES:
        return ""
    if kind in _ATTENTION:
        return "attention weighs places by what a picture has there"
    return "a gate multiplies by what a picture has" if kind in _GATES else "it bends what it is given"


def _mean_of_maximum(operation: Operation, x: Tensor) -> Tensor:
    """A mean over the places that a maximum would be taken of."""
    named = operation.named
    if named.get("dilation", 1) not in (1, [1], [1, 1], (1, 1)):
        raise NoLinearPart("max_pool2d must have no dilation to be taken as a mean. Choose a layer after it.")
    stride = named["stride"] or None
    return F.avg_pool2d(x, named["kernel_size"], stride, named["padding"], named["ceil_mode"], count_include_pad=False)


_MEANS: dict[str, Callable[[Operation, Tensor], Tensor]] = {
    "max_pool2d": _mean_of_maximum,
    "max_pool2d_with_indices": _mean_of_maximum,
    "adaptive_max_pool2d": lambda operation, x: F.adaptive_avg_pool2d(x, operation.named["output_size"]),
}
