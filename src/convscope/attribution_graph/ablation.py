"""Is it the circuit? Everything outside of it becomes the mean over a data set, and the unit's value is read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..execution.plan import Plan, Values
from .boxes import BoxGraph, FlowBox
from .circuit import Channels
from .holders import by_channel

_AT_ONCE = 8  # circuits a pass

Masks = Mapping[str, NDArray[np.bool_]]


def channel_means(plan: Plan, graph: BoxGraph, images: Iterable[Tensor]) -> dict[str, Tensor]:
    """The mean of each channel of each box over places and images, by the name of the box's last value."""
    sums: dict[str, Tensor] = {}

    def seeing(box: FlowBox) -> Callable[[Tensor], Tensor]:
        def see(value: Tensor) -> Tensor:
            mean = by_channel(value.double(), graph.holders[box.end].axes).mean(1)
            sums[box.end] = mean if box.end not in sums else sums[box.end] + mean
            return value

        return see

    listening = _interposed(plan, {box.end: seeing(box) for box in _inner(graph)})
    seen = [len(x) for x in images if listening.run(x)]
    return {name: total / len(seen) for name, total in sums.items()}


def random_circuits(graph: BoxGraph, channels: Channels, draws: int, seed: int) -> list[Channels]:
    """Circuits of as many units of each box, chosen by chance."""
    rng = np.random.default_rng(seed)
    return [
        {box.end: rng.choice(box.count, len(channels[box.end]), replace=False).tolist() for box in graph.boxes}
        for _ in range(draws)
    ]


def values_of(
    plan: Plan,
    graph: BoxGraph,
    x: Tensor,
    circuits: list[Channels],
    means: Mapping[str, Tensor],
    read: Callable[[Tensor], Tensor],
) -> NDArray[np.float64]:
    """What `read` reads from the last value, with all but the channels of each circuit at the mean, (circuits,)."""
    first = all(graph.holders[box.end].shape[0] == 1 for box in _inner(graph))  # else images lie along another axis
    step = _AT_ONCE if first else 1
    parts = [circuits[i : i + step] for i in range(0, len(circuits), step)]
    found = []
    for part in parts:
        values = _ablated(plan, graph, part, means).run(x.expand(len(part), *x.shape[1:]))
        found.append(read(values[graph.end]).double().numpy(force=True))
    return np.concatenate(found)


def _ablated(plan: Plan, graph: BoxGraph, circuits: list[Channels], means: Mapping[str, Tensor]) -> Plan:
    def changing(box: FlowBox) -> Callable[[Tensor], Tensor]:
        kept = torch.zeros(len(circuits), box.count, dtype=torch.bool)
        for number, channels in enumerate(circuits):
            kept[number, list(channels[box.end])] = True
        holder = graph.holders[box.end]
        sizes = [size if axis in holder.axes else 1 for axis, size in enumerate(holder.shape)]
        mask = kept.reshape(len(circuits), *sizes[1:]) if len(circuits) > 1 else kept.reshape(sizes)

        def change(value: Tensor) -> Tensor:
            mean = means[box.end].to(value).reshape(sizes)
            return torch.where(mask.to(value.device), value, mean)

        return change

    return _interposed(plan, {box.end: changing(box) for box in _inner(graph)})


def _inner(graph: BoxGraph) -> list[FlowBox]:
    """The boxes between the image and the unit."""
    return [box for box in graph.boxes[1:] if box is not graph.root]


def _interposed(plan: Plan, changes: Mapping[str, Callable[[Tensor], Tensor]]) -> Plan:
    """The same plan, in which something happens to what some steps make."""

    def after(whole: Callable[[Values], Tensor], change: Callable[[Tensor], Tensor]) -> Callable[[Values], Tensor]:
        return lambda values: change(whole(values))

    steps = [
        replace(step, whole=after(step.whole, changes[step.name])) if step.name in changes else step
        for step in plan.steps
    ]
    return replace(plan, steps=tuple(steps))
