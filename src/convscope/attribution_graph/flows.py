"""What flows through every operation from the image to a unit: slope × activation, operation by operation.

For each, what its inputs give, its biases and the remainder add up to what it gives itself, since the remainder is
what is left: the intercept of its tangent. So the sum over all of them is the unit's value, for every network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .boxes import BoxGraph, FlowBox, flow
from .kinds import SCALES_ALONG, is_affine, is_moved
from .local_slopes import averaged, bias, run_locally, slopes_along
from .operations import Operation

MUCH = 0.2  # of an operation's output: a remainder above it is integrated


@dataclass(frozen=True)
class LedgerRow:
    """Of a box: what its inputs give, its biases, the remainder, and what it gives: the first three add up to that."""

    inputs: float
    bias: float
    remainder: float
    output: float


class Tape:
    """One image through all operations, each with its own leaves, so that its slopes can be had by themselves."""

    def __init__(self, operations: Sequence[Operation], start: str, x: Tensor) -> None:
        self.values: dict[str, Any] = {start: x.detach()}
        self.made: dict[str, tuple[dict[str, Tensor], Tensor]] = {}  # leaves and output
        linked = {start}
        with torch.enable_grad():
            for operation in operations:
                given = {name: self.values[name] for name in operation.inputs}
                leaves = {name: given[name].detach().requires_grad_() for name in operation.inputs if name in linked}
                output = run_locally(operation, {**given, **leaves})
                if isinstance(output, Tensor):
                    if output.requires_grad and output.is_floating_point():
                        self.made[operation.name] = leaves, output
                        linked.add(operation.name)
                    output = output.detach()
                self.values[operation.name] = output

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all values through which slopes go."""
        return {name: tuple(output.shape) for name, (_, output) in self.made.items()}


class Flows:
    """The slopes of a unit's value along everything that was computed of one image, and what flows where.

    `slope` gives the slopes along the last value, of the same shape as it. They are taken no further back than through
    the operations `within`, if some are given.
    """

    def __init__(
        self,
        graph: BoxGraph,
        tape: Tape,
        slope: Callable[[Tensor], Tensor],
        within: Sequence[Operation] | None = None,
    ) -> None:
        self.graph, self.values = graph, tape.values
        self.slopes: dict[str, Tensor] = {graph.end: slope(tape.values[graph.end])}  # along each value
        self.read: dict[tuple[str, str], Tensor] = {}  # of an operation, along one of its inputs
        self.integrated: set[str] = set()
        self._sums: dict[str, tuple[float, float]] = {}  # bias and remainder of each operation in a box
        self._through: dict[tuple[str, str], float] = {}
        self._flows: dict[str, Tensor] = {}
        self._given = {graph.end: _total(self.slopes[graph.end], tape.values[graph.end])}  # by each value
        for operation in sorted(graph.operations if within is None else within, key=lambda one: -one.number):
            if operation.name in self.slopes:
                self._back(operation, *tape.made.pop(operation.name))

    def flow(self, name: str) -> Tensor:
        """What each channel of a value gives to the unit, (channels,) in double precision."""
        if name not in self._flows:
            slope, holder = self.slopes.get(name), self.graph.holders[name]
            none = torch.zeros(holder.count, dtype=torch.float64)
            self._flows[name] = none if slope is None else flow(slope, self.values[name], holder.axes).cpu()
        return self._flows[name]

    def row(self, box: FlowBox) -> LedgerRow:
        """A box in numbers."""
        own = [self.sums(operation) for operation in box.operations]
        inputs = sum(self.through(entry.operation, entry.name) for entry in self.graph.entries(box))
        return LedgerRow(inputs, sum(b for b, _ in own), sum(r for _, r in own), float(self.flow(box.end).sum()))

    def sums(self, operation: Operation) -> tuple[float, float]:
        """The bias and the remainder of an operation."""
        return self._sums.get(operation.name, (0.0, 0.0))

    def through(self, operation: Operation, name: str) -> float:
        """What an input gives by way of an operation."""
        way = operation.name, name
        if way not in self._through:
            slope = self.read.get(way)
            self._through[way] = 0.0 if slope is None else _total(slope, self.values[name])
        return self._through[way]

    def _back(self, operation: Operation, leaves: Mapping[str, Tensor], output: Tensor) -> None:
        after = self.slopes[operation.name]
        names = list(leaves)
        found = slopes_along(output, [*leaves.values()], after)
        given = {name: self.values[name] for name in operation.inputs}
        if self._curves(operation) and self._unexplained(operation, names, found, after):
            found = averaged(operation, given, names, after)
            self.integrated.add(operation.name)
        shift = bias(operation, given, names, after)
        own = 0.0 if shift is None else _spread(after, shift)
        for name, slope in zip(names, found, strict=True):
            self.read[operation.name, name] = slope
            self.slopes[name] = slope if name not in self.slopes else self.slopes[name] + slope
        whole, moved = self._given[operation.name], self.graph.box_of(operation.name) is None
        if moved and len(names) == 1:
            self._through[operation.name, names[0]] = whole
        for name in names:
            self._given[name] = self._given.get(name, 0.0) + self.through(operation, name)
        if not moved:
            inputs = sum(self.through(operation, name) for name in names)
            self._sums[operation.name] = own, whole - inputs - own

    def _curves(self, operation: Operation) -> bool:
        """Whether slopes alone may leave something of an operation unexplained."""
        return not (is_affine(operation) or operation.kind in SCALES_ALONG or is_moved(operation))

    def _unexplained(self, operation: Operation, names: Sequence[str], found: Sequence[Tensor], after: Tensor) -> bool:
        """Whether the slopes leave more than a fifth of what the channels of an output give unexplained."""
        value, axes = self.values[operation.name], self.graph.holders[operation.name].axes
        parts = [(s, self.values[n], self.graph.holders[n].axes) for n, s in zip(names, found, strict=True)]
        if not all(self.graph.aligned(operation, name) for name in names):
            axes, parts = (), [(slope, x, ()) for slope, x, _ in parts]
        given = flow(after, value, axes)
        left = given - sum(flow(slope, x, own) for slope, x, own in parts)
        return bool(left.abs().sum() > MUCH * given.abs().sum())


def _spread(slope: Tensor, value: Tensor) -> float:
    """What a value gives that spreads over the places of its slopes."""
    missing = slope.ndim - value.ndim
    sizes = (*[1] * missing, *value.shape)
    axes = [axis for axis, size in enumerate(sizes) if size == 1 and slope.shape[axis] > 1]
    summed = slope.sum(axes, keepdim=True, dtype=torch.float64) if axes else slope.double()
    return float((summed * value).sum())


def _total(slope: Tensor, value: Tensor) -> float:
    return float(flow(slope, value, ()))
