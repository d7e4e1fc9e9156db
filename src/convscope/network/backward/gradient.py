"""The gradient of any unit's value with respect to the input, under a backward rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.checkpoint import CheckpointError

from ...base.errors import ForwardFailed, NoRectifier
from ...base.unit import Valued
from ..isolation.frozen import frozen
from ..isolation.parts import unwrap
from .backward_rules import Rectifiers, Rule, deconvnet_rule
from .rectifiers import OPT_IN

if TYPE_CHECKING:
    from ..network import Network

VANISHED = (
    "the gradient is zero everywhere: none comes back to the image, be it that the unit is constant there or that a "
    "step on the way passes none on (rounding, signs, quantized or detached layers); occlusion and rise need none"
)

_RECOMPUTED = (
    "The module recomputes parts of itself in the backward pass (gradient checkpointing), {}. Switch that off, for "
    "instance with module.set_grad_checkpointing(False)."
)


@dataclass(frozen=True)
class Gradient:
    """`values` (N, C, H, W) in normalized input space; `value` (N,) of the unit; `evidence` of how it was found."""

    values: Tensor
    value: Tensor
    evidence: Mapping[str, Any]


@contextmanager
def many_passes(net: Network) -> Iterator[None]:
    """Freeze the network once, in its fastest layout, for all the gradients taken inside the block."""
    with (
        torch.inference_mode(False),
        frozen(unwrap(net.module), channels_last=True),
    ):  # else its copies take no gradient
        yield


def gradient(
    net: Network,
    x: Tensor,
    unit: Valued,
    rule: Rule | None = None,
    smooth: bool = False,
    measure: Callable[[Tensor], Tensor] | None = None,
) -> Gradient:
    """Differentiate a unit's value with respect to each of N prepared inputs x, (N, C, H, W), by autograd.

    `execution.input_gradient` is the way to many of them that is fast.

    `measure` may give something else than the unit's value to differentiate, (N,) for the inputs.
    Raises NoRectifier when a rule was asked for and nothing of the network could follow it.
    """
    unit = net.unit(unit)  # lists the layers now, not under the rule
    mode = Rectifiers(rule, smooth) if rule is not None else None
    with torch.inference_mode(False), torch.enable_grad(), frozen(unwrap(net.module)), mode or nullcontext():
        leaf = x.detach().clone().requires_grad_()
        value = net.value(leaf, unit) if measure is None else measure(leaf)
        check_finite(net, unit, value)
        _check_rectified(net, unit, mode, value, leaf)
        evidence = _rule_evidence(rule, mode)  # before the backward, which may run parts of the network once more
        found = backward(value, leaf) if value.requires_grad else None
        if found is not None:
            check_finite(net, unit, found, "gradient")
    values = torch.zeros_like(leaf) if found is None else found
    return Gradient(values.detach(), value.detach(), {**counted_passes(values), **evidence})


def backward(value: Tensor, leaf: Tensor) -> Tensor | None:
    """The gradient of a value's sum with respect to a leaf; None if it does not depend on it."""
    with unless_recomputed():
        return torch.autograd.grad(value.sum(), leaf, allow_unused=True)[0]


@contextmanager
def unless_recomputed() -> Iterator[None]:
    """Raise ForwardFailed where gradients taken inside the block meet a checkpoint that they cannot go through."""
    try:
        yield
    except CheckpointError as error:  # torch leaves a function mode for the backward pass, so the rule is lost in it
        raise ForwardFailed(_RECOMPUTED.format("where no rule can follow")) from error
    except RuntimeError as error:
        if "use_reentrant=True" not in str(error):
            raise
        why = "with use_reentrant=True, through which no gradient of an image comes"
        raise ForwardFailed(_RECOMPUTED.format(why)) from error


def check_finite(net: Network, unit: Valued, value: Tensor, what: str = "value") -> None:
    """Raise ForwardFailed where a unit's value, or gradient, is not finite."""
    if not torch.isfinite(value).all():
        bad = value[~torch.isfinite(value)][0].item()
        raise ForwardFailed(f"The {what} of {unit} is {bad}: {net.name} put out numbers that are not finite.")


def _check_rectified(net: Network, unit: Valued, mode: Rectifiers | None, value: Tensor, leaf: Tensor) -> None:
    if mode is None:
        return
    mode.survey(value, leaf)
    if mode.count == 0:
        raise NoRectifier(_nothing(f"on the way to {unit}", net.name, mode))


def _nothing(where: str, name: str, mode: Rectifiers) -> str:
    plain = "so this rule would give the plain gradient."
    found = " and ".join(f"{count} × {piece}" for piece, count in mode.left.items())
    if not found:
        return f"Nothing was rectified {where} of {name}, {plain} Use saliency, or ask for a deeper unit."
    if OPT_IN & mode.left.keys() and not mode.smooth:
        opt_in = "Opt in with smooth=True (--smooth) to treat those as rectifiers, or use saliency."
        return f"{name} has no rectifier {where}, only {found}, {plain} {opt_in}"
    otherwise = "Use saliency, or call F.relu where one of those is meant as a rectifier."
    return f"Nothing was rectified {where} of {name}, where there are only {found}, {plain} {otherwise}"


def counted_passes(values: Tensor) -> dict[str, Any]:
    """The evidence of how many passes gradients (N, C, H, W) took, and of their being zero."""
    evidence: dict[str, Any] = {"forward_passes": len(values), "backward_passes": len(values)}
    return evidence if values.any() else {**evidence, "vanished": VANISHED}


def _rule_evidence(rule: Rule | None, mode: Rectifiers | None) -> dict[str, Any]:
    if rule is None or mode is None:
        return {}
    found: dict[str, Any] = {
        "rule": rule.__name__.removesuffix("_rule"),
        "interceptions": mode.count,
        "max_pools": mode.pools,
    }
    if rule is deconvnet_rule and mode.pools == 0:
        found["without_switches"] = (
            "no max-pooling on the way, so the picture reaches the result through no switches and hardly matters"
        )
    if mode.left:
        found["not_intercepted"] = dict(mode.left)
    return found
