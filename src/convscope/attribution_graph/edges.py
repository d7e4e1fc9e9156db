"""The exact edges into channels: what each unit gives to a channel by the operations of its box.

Of a convolution it is the sum over the kernel of weight × the slope along that weight, which is the sum over places of
slope × what the kernel's slice makes of the input's channel; norms and rectifiers after it are in the slope.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .boxes import Box, Entry, row
from .flows import Flows
from .holders import by_channel
from .local_slopes import averaged, run_locally, slopes


def edges_into(flows: Flows, box: Box, channels: Sequence[int]) -> Tensor:
    """What every unit of the graph gives to some channels of a box, (channels, units) in double precision."""
    found = torch.zeros(len(channels), flows.graph.total, dtype=torch.float64)
    for entry in flows.graph.entries(box):
        if channels and entry.operation.name in flows.slopes and (entry.operation.name, entry.name) in flows.read:
            found += _RULES.get(entry.operation.kind, _each)(flows, entry, channels).cpu()
    return found


def _convolution(flows: Flows, entry: Entry, channels: Sequence[int]) -> Tensor:
    named, x = entry.operation.named, flows.values[entry.name]
    after, owners = flows.slopes[entry.operation.name], _owners(flows, entry, 1)
    weight, groups = named["weight"], named["groups"]
    if owners is None or not isinstance(weight, Tensor) or x.ndim != 4:
        return _each(flows, entry, channels)
    inputs, each = x.shape[1] // groups, len(weight) // groups
    found = torch.zeros(len(channels), flows.graph.total + 1, dtype=torch.float64)
    for group in dict.fromkeys(channel // each for channel in channels):
        members = [number for number, channel in enumerate(channels) if channel // each == group]
        own = [channels[number] for number in members]
        part = slice(group * inputs, (group + 1) * inputs)
        kernel = weight[own].detach().requires_grad_()
        with torch.enable_grad():
            y = F.conv2d(x[:, part], kernel, None, named["stride"], named["padding"], named["dilation"])
        (slope,) = torch.autograd.grad(y, kernel, after[:, own])
        given = (kernel.detach() * slope).double().sum((2, 3)).cpu()
        found[members] = found[members].index_add_(1, owners[part], given)
    return found[:, :-1]


def _linear(flows: Flows, entry: Entry, channels: Sequence[int]) -> Tensor:
    x, after, owners = flows.values[entry.name], flows.slopes[entry.operation.name], _owners(flows, entry, -1)
    weight = entry.operation.named["weight"]
    if owners is None or not isinstance(weight, Tensor):
        return _each(flows, entry, channels)
    slope = after[..., list(channels)].reshape(-1, len(channels)).T.double() @ x.reshape(-1, x.shape[-1]).double()
    found = torch.zeros(len(channels), flows.graph.total + 1, dtype=torch.float64)
    return found.index_add_(1, owners, (slope * weight[list(channels)].double()).cpu())[:, :-1]


def _each(flows: Flows, entry: Entry, channels: Sequence[int]) -> Tensor:
    """Channel by channel, with the slopes of the operation along what it reads."""
    x, units = flows.values[entry.name], flows.graph.units(entry.name)
    if entry.aligned:
        axes, slope = flows.graph.holders[entry.name].axes, flows.read[entry.operation.name, entry.name]
        a, b, c = (by_channel(one, axes) for one in (slope, x, units))
        return torch.stack([row(a[channel], b[channel], c[channel], flows.graph.total) for channel in channels])
    slope_of = _by_channel(flows, entry)
    return torch.stack([row(slope_of(channel), x, units, flows.graph.total) for channel in channels])


def _by_channel(flows: Flows, entry: Entry) -> Callable[[int], Tensor]:
    """The slopes along what is read, from one channel of what is made."""
    operation, graph = entry.operation, flows.graph
    after, axes = flows.slopes[operation.name], graph.holders[operation.name].axes
    given = {name: flows.values[name] for name in operation.inputs}
    names = graph.sources(operation)
    leaves = {name: given[name].detach().requires_grad_() for name in names}
    with torch.enable_grad():
        output = run_locally(operation, {**given, **leaves})

    def slope(channel: int) -> Tensor:
        one = after * _only(channel, tuple(after.shape), axes, after)
        if operation.name in flows.integrated:
            return averaged(operation, given, names, one)[names.index(entry.name)]
        return slopes(output, [*leaves.values()], one)[names.index(entry.name)]

    return slope


def _only(channel: int, shape: tuple[int, ...], axes: tuple[int, ...], like: Tensor) -> Tensor:
    sizes = [shape[axis] if axis in axes else 1 for axis in range(len(shape))]
    mask = torch.zeros(sizes, dtype=like.dtype, device=like.device)
    mask.view(-1)[channel] = 1
    return mask


def _owners(flows: Flows, entry: Entry, axis: int) -> Tensor | None:
    """Whose each channel along an axis is, nobody's the last number; None where places of one are of several units."""
    units = flows.graph.units(entry.name).movedim(axis, 0)
    flat = units.reshape(len(units), -1)
    if bool((flat != flat[:, :1]).any()):
        return None
    owners = flat[:, 0].long().cpu()
    return owners.where(owners >= 0, flows.graph.total)


_RULES: dict[str, Callable[[Flows, Entry, Sequence[int]], Tensor]] = {"conv2d": _convolution, "linear": _linear}
