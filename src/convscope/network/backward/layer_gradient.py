"""What a unit's value depends on inside the network: its gradient with respect to the tensor at any layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...base.errors import BadKnob
from ...base.unit import Valued
from ..isolation.frozen import frozen
from ..isolation.parts import unwrap
from ..layers import taps
from ..layers.layers import listed
from .gradient import backward, check_finite

if TYPE_CHECKING:
    from ..network import Network


@dataclass(frozen=True)
class LayerGradient:
    """`activation` of a layer and `gradient` of a unit's `value` (N,) with respect to it, (N, C, h, w) or (N, C)."""

    activation: Tensor
    gradient: Tensor
    value: Tensor


class Independent(BadKnob):
    """The unit does not depend on the layer."""


def layer_gradient(net: Network, x: Tensor, unit: Valued, layer: str, instead: Tensor | None = None) -> LayerGradient:
    """Differentiate a unit's value for N prepared inputs with respect to the output of a layer's last call.

    `instead`, laid out as the module itself does it, takes the place of that output. Raises Independent, a BadKnob,
    where the layer runs after the unit or on another branch. Only what comes after the layer is differentiated.
    """
    unit, row = net.unit(unit), net.layers[layer]  # lists the layers now, not under the hook
    graft, module = _Graft(row.calls, instead), unwrap(net.module)
    with torch.inference_mode(False), torch.enable_grad(), frozen(module), taps.tapped(module, {layer: graft}):
        value = net.value(x.detach().clone(), unit)
        check_finite(net, unit, value)
        found = backward(value, graft.leaf) if graft.leaf is not None and value.requires_grad else None
    if found is None or graft.leaf is None:
        raise Independent(
            f"{unit} does not depend on {layer}: it is computed without it, or a step between passes no "
            "gradient on. Use a layer on the way to it, or occlusion."
        )
    activation, grad = (row.arranged(tensor.detach()) for tensor in (graft.leaf, found))
    return LayerGradient(activation, grad, value.detach())


class _Graft:
    """A hook that puts a leaf, which takes a gradient, in the place of a layer's output at its last call."""

    def __init__(self, calls: int, instead: Tensor | None) -> None:
        self.waiting, self.instead, self.leaf = calls, instead, None

    leaf: Tensor | None

    def __call__(self, _module: nn.Module, _inputs: Any, result: Any) -> Tensor | None:
        if not listed(result):
            return None
        self.waiting -= 1
        if self.waiting != 0:
            return None
        self.leaf = (result if self.instead is None else self.instead).detach().clone().requires_grad_()
        return self.leaf.clone()  # an in-place layer may write on this one, not on a leaf
