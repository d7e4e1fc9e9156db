"""The door to many gradients of a unit with respect to inputs: by the executed graph in reverse, or by autograd.

See `docs/how/gradients.md`. Which of the two it is depends on the network alone, so that the same request always gets
the same numbers. One gradient alone never pays for the export of the graph: that is asked of `gradient`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..base.errors import CannotExport
from ..base.unit import Valued
from ..network.backward.backward_rules import Rule
from ..network.backward.gradient import Gradient, check_finite, counted_passes, gradient
from ..network.isolation.running import dtype_of
from .engine_proof import judge, judge_rule
from .engines import Engine, Engines, structure, terms, unfit
from .reversing import Reversible

if TYPE_CHECKING:
    from ..network.network import Network

WORTH = 1 << 21  # numbers that the layers put out: for less, finding the graph takes longer than it ever saves


def input_gradient(
    net: Network,
    x: Tensor,
    unit: Valued,
    rule: Rule | None = None,
    smooth: bool = False,
) -> Gradient:
    """Differentiate a unit's value with respect to each of N prepared inputs x, (N, C, H, W).

    Small networks go by autograd. The evidence tells of others whether the executed graph gave the gradients.
    Raises NoRectifier when a rule was asked for and nothing of the network could follow it.
    """
    unit = net.unit(unit)
    if not _worthwhile(net, unit):
        return gradient(net, x, unit, rule, smooth)
    try:
        engine = _engine(net, x, unit, rule, smooth)
    except CannotExport as error:
        found = gradient(net, x, unit, rule, smooth)
        return replace(found, evidence={**found.evidence, "engine": f"autograd, not the executed graph: {error}"})
    values, value = engine.gradient(net, x, lambda read: net.summed(read, unit))
    check_finite(net, unit, value)
    check_finite(net, unit, values, "gradient")
    evidence = {**counted_passes(values), **engine.evidence, "engine": "the executed graph in reverse"}
    return Gradient(values, value, evidence)


def engine_evidence(found: Gradient) -> dict[str, Any]:
    """What the evidence of a gradient says of how it was found, for those of many."""
    return {name: told for name, told in found.evidence.items() if name == "engine"}


def _worthwhile(net: Network, unit: Valued) -> bool:
    layers = net.layers.including(*unit.sources)
    names = list(layers)
    last = max(map(names.index, unit.sources))
    return sum(math.prod(layers[name].shape) for name in names[: last + 1]) >= WORTH


def _engine(net: Network, x: Tensor, unit: Valued, rule: Rule | None, smooth: bool) -> Engine:
    """The engine for a unit; raises CannotExport where there is none."""
    reason = unfit(net, unit.sources)
    if x.shape[1:] != (net.preprocessing.channels, *net.preprocessing.size) or x.dtype != dtype_of(net.module):
        reason = reason or "the input is of another size or type than the network's"
    if reason:
        raise CannotExport(reason)
    engines = Engines.of(net)
    return engines.ready(
        (net.digest, unit.sources, terms(unit), rule, smooth), lambda: _proven(net, unit, rule, smooth)
    )


def _proven(net: Network, unit: Valued, rule: Rule | None, smooth: bool) -> Engine:
    engines, form = Engines.of(net), structure(net)
    evidence = engines.judged((*form, unit.sources), lambda: judge(net, unit, engines.plan(net, unit.sources)))
    plan = engines.plan(net, unit.sources)
    if rule is not None:
        key = *form, terms(unit), rule, smooth
        evidence = engines.judged(key, lambda: judge_rule(net, unit, plan, rule, smooth))
    return Engine(Reversible(plan, rule, smooth), evidence)
