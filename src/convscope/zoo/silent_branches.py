"""Branches of a network that random weights leave without a say: their last norm begins with a scale of zero."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm)


def silent_branches(module: nn.Module, name: str) -> tuple[str, ...]:
    """A sentence on the norms that scale by exactly zero, or nothing where there are none."""
    found = [part for part, norm in module.named_modules() if isinstance(norm, _NORMS) and _zero(norm)]
    if not found:
        return ()
    many = f"{len(found)} norms of {name} scale" if len(found) > 1 else f"1 norm of {name} scales"
    return (
        f"{many} by zero with random weights, {found[0]} first: what comes before it in its branch reaches nothing "
        "and looks dead. Load trained weights to see it at work.",
    )


def _zero(norm: nn.Module) -> bool:
    weight = getattr(norm, "weight", None)
    return isinstance(weight, Tensor) and not bool(weight.any())
