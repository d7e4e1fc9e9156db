"""The kernels behind edges: the weights through which one unit gives to a channel, and the slopes along them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.grad import conv2d_weight

from .boxes import BoxEntry, FlowBox
from .edges import owners
from .flows import Flows

NO_KERNEL = np.zeros((2, 0, 0))


def kernels_into(flows: Flows, box: FlowBox, pairs: Sequence[tuple[int, int]]) -> list[NDArray[np.float64]]:
    """Of each pair of a unit and a channel of a box: kernel and slope along it, (2, height, width) in double precision.

    Their products are what the unit gives to the channel by that kernel. Of a linear layer it is a row of the weights
    on all places of the unit; (2, 0, 0) where no convolution or linear layer of the box reads the unit.
    """
    found = [NO_KERNEL] * len(pairs)
    for entry in flows.graph.entries(box):
        kind, way = entry.operation.kind, (entry.operation.name, entry.name)
        if way not in flows.read or kind not in ("conv2d", "linear"):
            continue
        whose = owners(flows, entry, 1 if kind == "conv2d" else -1)
        if whose is None or not isinstance(entry.operation.named["weight"], Tensor):
            continue
        for number, (unit, channel) in enumerate(pairs):
            read = torch.nonzero(whose == unit).flatten().tolist()
            made = (_slice if kind == "conv2d" else _row)(flows, entry, read, channel) if read else NO_KERNEL
            found[number] = made if made.size else found[number]
    return found


def _slice(flows: Flows, entry: BoxEntry, read: Sequence[int], channel: int) -> NDArray[np.float64]:
    """Of the first input channel that is the unit's and in the channel's group."""
    named, x = entry.operation.named, flows.values[entry.name]
    weight, after = named["weight"], flows.slopes[entry.operation.name]
    inputs, each = weight.shape[1], len(weight) // named["groups"]
    own = [i for i in read if i // inputs == channel // each]
    if not own or isinstance(named["padding"], str) or x.ndim != 4:
        return NO_KERNEL
    kernel = weight[channel, own[0] % inputs].detach()
    geometry = named["stride"], named["padding"], named["dilation"]
    slope = conv2d_weight(  # type: ignore[no-untyped-call]
        x[:, own[:1]], (1, 1, *kernel.shape), after[:, [channel]], *geometry
    )[0, 0]
    return _pair(kernel, slope)


def _row(flows: Flows, entry: BoxEntry, read: Sequence[int], channel: int) -> NDArray[np.float64]:
    x, after = flows.values[entry.name], flows.slopes[entry.operation.name][..., channel]
    slope = after.reshape(-1) @ x.reshape(-1, x.shape[-1])[:, list(read)]
    return _pair(entry.operation.named["weight"][channel, list(read)].detach()[None], slope[None])


def _pair(kernel: Tensor, slope: Tensor) -> NDArray[np.float64]:
    return torch.stack([kernel, slope]).double().numpy(force=True)
