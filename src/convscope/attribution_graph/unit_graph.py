"""A unit's graph: all that lies between it and the image, as boxes, and what flows through them for an image."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from ..base.errors import CannotExport
from ..base.unit import Unit
from ..execution.plan import Plan
from ..graph.trace import INPUT
from ..network.backward.gradient import check_finite
from ..network.isolation.parts import unwrap
from ..network.network import Network
from .addresses import box_names
from .boxes import BoxGraph
from .flows import Flows, Tape
from .holders import by_channel
from .layer_operations import LayerOperations

_NEAR = 1e-3  # how far the graph's value may be from the module's


class UnitGraph:
    """What lies between the image and a unit, of a network that is frozen for the while; `first` is x through it, once.

    Raises CannotExport, with the reason, where the executed graph cannot be found, or computes something else.
    """

    def __init__(self, net: Network, unit: Unit, x: Tensor) -> None:
        self.net, self.unit = net, unit
        found = LayerOperations.of(net, unit.source)
        self.graph, self.operations, self.end, self.dtype = found.graph, found.operations, found.end, found.dtype
        self.first = self.tape(x)
        self.boxes = BoxGraph(self.operations, {INPUT: tuple(x.shape), **self.first.shapes}, INPUT, self.end)
        self._check(self.first, x)

    @cached_property
    def plan(self) -> Plan:
        """The same graph as steps that run fast, without slopes."""
        return Plan.of(self.graph.up_to((self.unit.source,)), unwrap(self.net.module), self.dtype)

    @cached_property
    def names(self) -> dict[str, str]:
        """The layer of each box, by its last value."""
        return box_names(self.net, self.graph, self.boxes, self.unit.layer)

    def tape(self, x: Tensor) -> Tape:
        """One image (1, C, H, W) through all operations."""
        return Tape(self.operations, INPUT, x.to(self.dtype))

    def flows(self, tape: Tape, unit: Unit | None = None) -> Flows:
        """What flows to the unit, or to another one of its layer."""
        return Flows(self.boxes, tape, lambda value: self._slope(value, unit or self.unit))

    def read(self, value: Tensor, unit: Unit | None = None) -> Tensor:
        """The unit's value for each image, (N,), in the last value."""
        return self.net.pick(self.net.arranged(self.unit.source, value), unit or self.unit)

    def channels(self, flows: Flows) -> list[int]:
        """Which channels of the last box the unit is."""
        end = self.boxes.end
        slope = by_channel(flows.slopes[end], self.boxes.holders[end].axes)
        return torch.nonzero(slope.abs().sum(1)).flatten().tolist()

    def _slope(self, value: Tensor, unit: Unit) -> Tensor:
        with torch.enable_grad():
            leaf = value.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(self.read(leaf, unit).sum(), leaf)
        return slope

    def _check(self, tape: Tape, x: Tensor) -> None:
        own, wanted = (float(v) for v in (self.read(tape.values[self.end]), self.net.value(x, self.unit)))
        check_finite(self.net, self.unit, torch.tensor([own]))
        scale = float(tape.values[self.end].abs().max())
        if abs(own - wanted) > _NEAR * max(abs(wanted), scale):
            raise CannotExport(
                f"{self.net.name} computes {wanted:.5g} for {self.unit}, and its executed graph {own:.5g}: it depends "
                "on more than the image. Use saliency or occlusion, which need no graph."
            )
