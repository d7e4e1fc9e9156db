"""Whether an engine gives the module's own gradients: both are asked about one picture of noise."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..base.unit import Valued
from ..network.backward.backward_rules import Rule
from ..network.backward.gradient import gradient
from ..network.isolation.parts import unwrap
from ..network.isolation.running import dtype_of
from .engines import Engine, Verdict, reversible_plan
from .plan import Plan
from .reversing import Reversible

if TYPE_CHECKING:
    from ..network.network import Network

_SAME = {torch.float64: 1e-9, torch.float32: 1e-4}  # of a gradient's norm: no more than roundings that tip nothing
_TIPPED = 1e-2  # of a gradient's norm: what rectifiers that are tipped by roundings may make of it
_COUNTED = ("forward_passes", "backward_passes", "vanished")  # of the gradient, not of the rule
OTHERWISE = "it gives other gradients than the module"

Gradients = Callable[["Network", Plan], tuple[Tensor, Tensor]]  # by the engine and by the module


def judge(net: Network, unit: Valued, plan: Plan) -> Verdict:
    """Compare the gradients of all that a unit's layers put out, each number with a weight of its own."""
    both = partial(_weighed_gradients, unit=unit)
    return {} if _agree(net, plan, both) else OTHERWISE


def judge_rule(net: Network, unit: Valued, plan: Plan, rule: Rule, smooth: bool) -> Verdict:
    """Compare a unit's gradients under a rule, and how many rectifiers follow it; raises NoRectifier if none does.

    What autograd then knows of the rule is the evidence.
    """
    own = gradient(net, _noise(net), unit, rule, smooth)
    followed, counted = Reversible(plan, rule, smooth).rectifiers, own.evidence["interceptions"]
    if followed != counted:
        return f"{followed} of its operations follow the rule, and {counted} calls of the module"
    both = partial(_ruled_gradients, unit=unit, rule=rule, smooth=smooth)
    evidence = {name: told for name, told in own.evidence.items() if name not in _COUNTED}
    return evidence if _agree(net, plan, both) else OTHERWISE


def _weighed_gradients(net: Network, plan: Plan, unit: Valued) -> tuple[Tensor, Tensor]:
    x = _noise(net)
    found, _ = Engine(Reversible(plan), {}).gradient(net, x, _weighed)
    own = gradient(net, x, unit, measure=lambda leaf: _weighed(net.read(leaf, *unit.sources)))
    return found, own.values


def _ruled_gradients(net: Network, plan: Plan, unit: Valued, rule: Rule, smooth: bool) -> tuple[Tensor, Tensor]:
    x = _noise(net)
    found, _ = Engine(Reversible(plan, rule, smooth), {}).gradient(net, x, lambda read: net.summed(read, unit))
    return found, gradient(net, x, unit, rule, smooth).values


def _agree(net: Network, plan: Plan, both: Gradients) -> bool:
    """Whether they do, to roundings; where roundings tip rectifiers, both must be near to what they are in float64."""
    found, own = both(net, plan)
    if _near(found, own, _SAME[dtype_of(net.module)]):
        return True
    if dtype_of(net.module) == torch.float64:
        return False
    double = net.with_module(copy.deepcopy(unwrap(net.module)).double())
    exact, truth = both(double, reversible_plan(double, tuple(plan.outputs)))
    return _near(exact, truth, _SAME[torch.float64]) and _near(found, truth, _TIPPED)


def _near(found: Tensor, wanted: Tensor, tolerance: float) -> bool:
    return bool((found - wanted).double().norm() <= tolerance * wanted.double().norm())


def _noise(net: Network) -> Tensor:
    pixels = np.random.default_rng(1).integers(0, 256, (*net.preprocessing.size, 3), dtype=np.uint8)
    return net.feed(pixels)


def _weighed(read: Mapping[str, Tensor]) -> Tensor:
    """The sum of all numbers at some layers, each with a weight of its own, (N,)."""
    generator = torch.Generator().manual_seed(2)
    drawn = {
        layer: torch.randn(tensor.shape[1:], generator=generator, dtype=torch.float64).to(tensor)
        for layer, tensor in read.items()
    }
    parts: list[Any] = [(drawn[layer] * tensor).flatten(1).sum(1) for layer, tensor in read.items()]
    return torch.stack(parts).sum(0)
