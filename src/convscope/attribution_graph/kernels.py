"""The kernels behind edges: the weights through which one unit gives to a channel, and the slopes along them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.grad import conv2d_weight

from .boxes import BoxEntry, FlowBox
from .edges import owners
from .flows import Flows

NO_KERNEL = np.zeros((2, 0, 0))
Numbered: TypeAlias = tuple[int, NDArray[np.float64]]  # by the number of the pair


def kernels_into(flows: Flows, box: FlowBox, pairs: Sequence[tuple[int, int]]) -> list[NDArray[np.float64]]:
    """Of each pair of a unit and a channel of a box: kernel and slope along it, (2, height, width) in double precision.

    Their products are what the unit gives to the channel by that kernel. Of a linear layer it is a row of the weights
    on all places of the unit; (2, 0, 0) where no convolution or linear layer of the box reads the unit.
    """
    found = [NO_KERNEL] * len(pairs)
    for entry in flows.graph.entries(box):
        rule = _RULES.get(entry.operation.kind)
        weight = entry.operation.named["weight"] if rule is not None else None
        if rule is None or not isinstance(weight, Tensor) or (entry.operation.name, entry.name) not in flows.read:
            continue
        for number, kernel in rule(flows, entry, pairs):
            found[number] = kernel
    return found


def _slices(flows: Flows, entry: BoxEntry, pairs: Sequence[tuple[int, int]]) -> Iterator[Numbered]:
    """Of each pair the first input channel that is the unit's and in the channel's group, all in one convolution."""
    named, x, whose = entry.operation.named, flows.values[entry.name], owners(flows, entry, 1)
    if whose is None or isinstance(named["padding"], str) or x.ndim != 4:
        return
    weight, owned = named["weight"].detach(), _owned(whose, pairs)
    inputs, each = weight.shape[1], len(weight) // named["groups"]
    own = [
        next((i for i in owned[unit] if i // inputs == channel // each), -1) for unit, channel in pairs
    ]  # input channels
    there = [number for number, i in enumerate(own) if i >= 0]
    if not there:
        return
    read, made = [own[number] for number in there], [pairs[number][1] for number in there]
    kernels = weight[made, [i % inputs for i in read]]
    geometry = named["stride"], named["padding"], named["dilation"], len(there)
    slopes = conv2d_weight(  # type: ignore[no-untyped-call]
        x[:, read], kernels[:, None].shape, flows.slopes[entry.operation.name][:, made], *geometry
    )
    yield from zip(there, torch.stack([kernels, slopes[:, 0]], 1).double().numpy(force=True), strict=True)


def _rows(flows: Flows, entry: BoxEntry, pairs: Sequence[tuple[int, int]]) -> Iterator[Numbered]:
    x, whose = flows.values[entry.name], owners(flows, entry, -1)
    if whose is None:
        return
    weight, owned = entry.operation.named["weight"].detach(), _owned(whose, pairs)
    flat, after = x.reshape(-1, x.shape[-1]), flows.slopes[entry.operation.name]
    for number, (unit, channel) in enumerate(pairs):
        if owned[unit]:
            slope = after[..., channel].reshape(-1) @ flat[:, owned[unit]]
            pair = torch.stack([weight[channel, owned[unit]], slope])[:, None]
            yield number, pair.double().numpy(force=True)


def _owned(whose: Tensor, pairs: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """The input channels of each unit of the pairs."""
    found: dict[int, list[int]] = {unit: [] for unit, _ in pairs}
    for channel, unit in enumerate(whose.tolist()):
        if unit in found:
            found[unit].append(channel)
    return found


_RULES: dict[str, Callable[[Flows, BoxEntry, Sequence[tuple[int, int]]], Iterator[Numbered]]] = {
    "conv2d": _slices,
    "linear": _rows,
}
