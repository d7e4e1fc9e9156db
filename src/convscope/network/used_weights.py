"""The weights a layer computes with now, be they stored as they are or made anew in each forward."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .isolation.frozen import frozen
from .isolation.modes import FunctionMode

_STORED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def used_weight(module: nn.Module) -> Tensor:
    """The weight of a convolution or linear layer, as its own forward and hooks hand it to the operation.

    A plain layer is not run. Others (weight norm, spectral norm, pruning, parametrizations, standardized weights) are
    given one small input of zeros, alone and frozen; where that cannot be, it is the attribute as it is.
    """
    stored = module._parameters.get("weight")
    if stored is not None and type(module) in _STORED and not module._forward_pre_hooks:
        return stored.detach()
    if "_packed_params" in module.__dict__ and callable(module.weight):  # of a quantized layer
        plain: Tensor = module.weight().dequantize()
        return plain
    with torch.inference_mode(False), torch.no_grad(), frozen(module):  # for it may be made where it is asked for
        attribute = module.weight
    assert isinstance(attribute, Tensor)
    return _computed(module, attribute)


def _computed(module: nn.Module, stored: Tensor) -> Tensor:
    used = _Used()
    with torch.inference_mode(False), torch.no_grad(), frozen(module):
        x = _zeros(module, stored)
        try:
            for hook in list(module._forward_pre_hooks.values()):
                hook(module, (x,))
            with used:
                module.forward(x)
        except Exception:  # it wants another input; its attribute is all there is
            return module.weight.detach().clone() if isinstance(module.weight, Tensor) else stored.detach()
    same = [weight for weight in used.weights if weight.shape == stored.shape]
    return (same[-1] if same else stored).detach()


def _zeros(module: nn.Module, weight: Tensor) -> Tensor:
    """The smallest input that a layer takes."""
    channels = int(getattr(module, "in_channels", weight.shape[1]))
    dilation = getattr(module, "dilation", (1, 1))
    sides = [d * (side - 1) + 1 for d, side in zip(dilation, weight.shape[2:], strict=True)] if weight.ndim > 2 else []
    return torch.zeros([1, channels, *sides], device=weight.device, dtype=weight.dtype)


class _Used(FunctionMode):
    """Notes the weights that convolutions and linear operations are called with."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _WEIGHED:
            self.weights.append(args[1] if len(args) > 1 else kwargs["weight"])
        return func(*args, **kwargs)


_WEIGHED = {F.conv2d, F.conv_transpose2d, F.linear, torch.conv2d, torch.conv_transpose2d}
