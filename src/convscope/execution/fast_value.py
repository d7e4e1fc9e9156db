"""A unit's value for many inputs, as fast as it goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..base.errors import CannotExport
from ..base.unit import Valued
from ..graph.trace import executed
from ..network.isolation.parts import unwrap
from ..network.isolation.running import dtype_of
from .plan import Plan

if TYPE_CHECKING:
    from ..network.network import Network

_TOLERANCE = 1e-4  # of the value: more than roundings make


def compile_value(net: Network, unit: Valued, x: Tensor) -> Callable[[Tensor], Tensor]:
    """What gives the unit's value for N prepared inputs, (N,): two to three times as fast as the module on a CPU.

    It runs the executed graph with what follows each convolution folded in, if that gives the module's own value for x
    to rounding, and else the module. Gradients do not flow through it.
    """
    unit = net.unit(unit)
    try:
        plan = Plan.of(executed(net, *unit.sources), unwrap(net.module), dtype_of(net.module))
    except CannotExport:
        return lambda x: net.value(x, unit)

    def value(x: Tensor) -> Tensor:
        found = plan.run(x.contiguous(memory_format=torch.channels_last))
        return net.summed({name: net.arranged(name, found[plan.outputs[name]]) for name in unit.sources}, unit)

    own, same = net.value(x, unit), value(torch.cat([x, x]))  # two, since some modules mix the images of a batch
    right = bool((own - same).abs().max() <= _TOLERANCE * own.abs().max())
    return value if right else lambda x: net.value(x, unit)
