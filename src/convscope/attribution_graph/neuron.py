"""One neuron by itself: the products of weight and input that it is the sum of, of the operations of its box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..graph.trace import Graph
from .boxes import BoxGraph
from .flows import Flows, Tape
from .holders import Holder, channel_numbers, run_on_units
from .kernel_window import KernelWindow, kernel_window
from .kinds import is_affine, keeps, moves
from .operations import Operation


@dataclass(frozen=True, eq=False)
class Neuron:
    """A sum of products, `bias` and `remainder`, which is `total`; `function`, if any, makes the `activation` of it.

    `where` (n, 2) is the number of each product's input: of the value among `names`, and of the number in it. `window`
    is what the convolution that made it does there, where there is one.
    """

    names: tuple[str, ...]
    where: NDArray[np.int64]
    weights: NDArray[np.float64]
    inputs: NDArray[np.float64]
    bias: float
    remainder: float
    total: float
    function: str
    activation: float
    norm: tuple[float, float] | None
    window: KernelWindow | None


def neuron(graph: Graph, operations: list[Operation], tape: Tape, start: str, end: str, number: int) -> Neuron:
    """The number `number` of the value `end`, in the order of its numbers in memory."""
    made = {operation.name: operation for operation in operations}
    last = made[end]
    activates = keeps(last) and not is_affine(last) and len(last.inputs) == 1
    before = last.inputs[0] if activates and last.inputs[0] in made else end
    shapes = {start: tuple(tape.values[start].shape), **tape.shapes}
    boxes = BoxGraph([one for one in operations if one.number <= made[before].number], shapes, start, before)
    flows = Flows(boxes, tape, lambda value: _one(value, number), boxes.root.operations)
    read = _read(boxes, flows, set(graph.outputs.values()))
    own = {one.name: flows.sums(one) for one in boxes.root.operations}
    return Neuron(
        *read,
        bias=sum(bias for bias, _ in own.values()),
        remainder=sum(own[one.name][1] for one in boxes.root.operations if not is_affine(one)),
        total=float(tape.values[before].reshape(-1)[number]),
        function=last.kind if before != end else "",
        activation=float(tape.values[end].reshape(-1)[number]),
        norm=_norm(boxes, number),
        window=_origin(boxes, set(graph.outputs.values()), kernel_window(boxes, flows)),
    )


def _origin(boxes: BoxGraph, layers: set[str], window: KernelWindow | None) -> KernelWindow | None:
    """The same, by the value with a name of its own whose numbers it was moved from."""
    if window is None:
        return None
    places = _Places(boxes, layers)
    code = int(places.of(window.name).reshape(-1)[window.number])
    if code < 0:
        return window
    names, ((of, number),) = places.located(np.array([code], np.int64))
    return replace(window, name=names[of], number=int(number))


def _one(value: Tensor, number: int) -> Tensor:
    slope = torch.zeros(value.numel(), dtype=value.dtype, device=value.device)
    slope[number] = 1
    return slope.reshape(value.shape)


def _read(
    boxes: BoxGraph, flows: Flows, layers: set[str]
) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Everything with a weight that the root reads: the values, where in them, the weights, and the numbers."""
    places = _Places(boxes, layers)
    where, weights, inputs = [], [], []
    for entry in boxes.entries(boxes.root):
        slope = flows.read.get((entry.operation.name, entry.name))
        if slope is None:
            continue
        at = torch.nonzero(slope.reshape(-1)).flatten()
        codes = places.of(entry.name).reshape(-1)[at.cpu()]
        where.append(codes.long().numpy())
        weights.append(slope.reshape(-1)[at].double().numpy(force=True))
        inputs.append(flows.values[entry.name].reshape(-1)[at].double().numpy(force=True))
    codes_ = np.concatenate(where) if where else np.zeros(0, np.int64)
    known = codes_ >= 0  # else it is padding
    names, located = places.located(codes_[known])
    joined = (np.concatenate(part) if part else np.zeros(0) for part in (weights, inputs))
    weight, value = (part[known] for part in joined)
    return names, located, weight, value


class _Places:
    """Where numbers that were moved come from: a value with a name of its own, and the place in it."""

    def __init__(self, boxes: BoxGraph, layers: set[str]) -> None:
        self._boxes, self._layers = boxes, layers
        self._made = {operation.name: operation for operation in boxes.operations}
        self._starts: dict[str, int] = {}
        self._total = 0

    def of(self, name: str) -> Tensor:
        """A code for each number of a value; -1 for padding."""
        operation = self._made.get(name)
        if operation is None or name in self._layers or not moves(operation):
            return self._own(name)
        run = run_on_units(operation)
        found = run({source: self.of(source) for source in self._boxes.sources(operation)})
        return self._own(name) if found is None else found.round()

    def located(self, codes: NDArray[np.int64]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """The values, and for each code the number of its value and its place there, (n, 2)."""
        names = tuple(self._starts)
        starts = np.array([*self._starts.values()], np.int64)
        which = np.searchsorted(starts, codes, side="right") - 1
        return names, np.stack([which, codes - starts[which]], 1) if len(codes) else np.zeros((0, 2), np.int64)

    def _own(self, name: str) -> Tensor:
        shape = self._boxes.holders[name].shape
        count = int(np.prod(shape))
        if name not in self._starts:
            self._starts[name] = self._total
            self._total += count
        return torch.arange(count, dtype=torch.float64).reshape(shape) + self._starts[name]


def address(name: str, holder: Holder, place: int) -> str:
    """The address of one number of a value, by the name of its layer: `layer:channel@y,x`."""
    channel = int(channel_numbers(holder.shape, holder.axes).reshape(-1)[place])
    at = np.unravel_index(place, holder.shape)
    rest = [int(i) for axis, i in enumerate(at) if axis not in holder.axes and axis != 0]
    return f"{name}:{channel}" + (f"@{rest[0]},{rest[1]}" if len(rest) == 2 else "")


def _norm(boxes: BoxGraph, number: int) -> tuple[float, float] | None:
    """Scale and shift of the one norm among the operations of the root, if its statistics are fixed."""
    norms = [one for one in boxes.root.operations if one.kind == "batch_norm"]
    if len(norms) != 1 or boxes.root.operations[-1].kind not in ("batch_norm", "add"):
        return None
    named: Mapping[str, Tensor] = norms[0].named
    holder = boxes.holders[boxes.root.end]
    channel = int(channel_numbers(holder.shape, holder.axes).reshape(-1)[number])
    scale = (named["running_var"].double() + float(named["eps"])).rsqrt()
    scale = scale if named["weight"] is None else scale * named["weight"].double()
    shift = -named["running_mean"].double() * scale
    shift = shift if named["bias"] is None else shift + named["bias"].double()
    return float(scale[channel]), float(shift[channel])
