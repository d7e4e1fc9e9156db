"""The exact edges into channels: what each unit gives to a channel by the operations of its box.

Of a convolution it is the sum over the kernel of weight × the slope along that weight, which is the sum over places of
slope × what the kernel's slice makes of the input's channel; norms and rectifiers after it are in the slope.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.grad import conv2d_weight

from .boxes import BoxEntry, FlowBox, row
from .flows import Flows
from .holders import by_channel
from .local_slopes import averaged, run_locally, slopes_along


def edges_into(flows: Flows, box: FlowBox, channels: Sequence[int]) -> Tensor:
    """What every unit of the graph gives to some channels of a box, (channels, units) in double precision."""
    found = torch.zeros(len(channels), flows.graph.total, dtype=torch.float64)
    for entry in flows.graph.entries(box):
        if channels and entry.operation.name in flows.slopes and (entry.operation.name, entry.name) in flows.read:
            found += _RULES.get(entry.operation.kind, _each)(flows, entry, channels).cpu()
    return found


def _convolution(flows: Flows, entry: BoxEntry, channels: Sequence[int]) -> Tensor:
    named, x = entry.operation.named, flows.values[entry.name]
    after, whose = flows.slopes[entry.operation.name], owners(flows, entry, 1)
    weight, groups = named["weight"], named["groups"]
    if whose is None or not isinstance(weight, Tensor) or isinstance(named["padding"], str) or x.ndim != 4:
        return _each(flows, entry, channels)
    inputs, each = x.shape[1] // groups, len(weight) // groups
    found = torch.zeros(len(channels), flows.graph.total + 1, dtype=torch.float64)
    for own in _together(channels, each):
        read = [group * inputs + i for group in dict.fromkeys(c // each for c in own) for i in range(inputs)]
        count = len(read) // inputs
        geometry = named["stride"], named["padding"], named["dilation"], count
        chosen = [channels.index(c) for c in own]
        slope = conv2d_weight(  # type: ignore[no-untyped-call]
            x[:, read], weight[own].shape, after[:, own], *geometry
        )
        given = (weight[own].detach() * slope).sum((2, 3), dtype=torch.float64).cpu()
        of = whose[read].reshape(count, inputs)
        for number, part in zip(chosen, given, strict=True):
            found[number].index_add_(0, of[0 if count == 1 else own.index(channels[number])], part)
    return found[:, :-1]


def _together(channels: Sequence[int], each: int) -> list[list[int]]:
    """Channels that one convolution can do: those of one group, or one of each of several groups."""
    groups: dict[int, list[int]] = {}
    for channel in channels:
        groups.setdefault(channel // each, []).append(channel)
    alone = [own[0] for own in groups.values() if len(own) == 1]
    return [*([alone] if alone else []), *(own for own in groups.values() if len(own) > 1)]


def _linear(flows: Flows, entry: BoxEntry, channels: Sequence[int]) -> Tensor:
    x, after, whose = flows.values[entry.name], flows.slopes[entry.operation.name], owners(flows, entry, -1)
    weight = entry.operation.named["weight"]
    if whose is None or not isinstance(weight, Tensor):
        return _each(flows, entry, channels)
    slope = after[..., list(channels)].reshape(-1, len(channels)).T.double() @ x.reshape(-1, x.shape[-1]).double()
    found = torch.zeros(len(channels), flows.graph.total + 1, dtype=torch.float64)
    return found.index_add_(1, whose, (slope * weight[list(channels)].double()).cpu())[:, :-1]


def _each(flows: Flows, entry: BoxEntry, channels: Sequence[int]) -> Tensor:
    """Channel by channel, with the slopes of the operation along what it reads."""
    x, units = flows.values[entry.name], flows.graph.units(entry.name)
    if entry.aligned:
        axes, slope = flows.graph.holders[entry.name].axes, flows.read[entry.operation.name, entry.name]
        a, b, c = (by_channel(one, axes) for one in (slope, x, units))
        return torch.stack([row(a[channel], b[channel], c[channel], flows.graph.total) for channel in channels])
    slope_of = _by_channel(flows, entry)
    return torch.stack([row(slope_of(channel), x, units, flows.graph.total) for channel in channels])


def _by_channel(flows: Flows, entry: BoxEntry) -> Callable[[int], Tensor]:
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
        return slopes_along(output, [*leaves.values()], one)[names.index(entry.name)]

    return slope


def _only(channel: int, shape: tuple[int, ...], axes: tuple[int, ...], like: Tensor) -> Tensor:
    sizes = [shape[axis] if axis in axes else 1 for axis in range(len(shape))]
    mask = torch.zeros(sizes, dtype=like.dtype, device=like.device)
    mask.view(-1)[channel] = 1
    return mask


def owners(flows: Flows, entry: BoxEntry, axis: int) -> Tensor | None:
    """Whose each channel along an axis is, nobody's the last number; None where places of one are of several units."""
    holder, box = flows.graph.holders[entry.name], flows.graph.box_of(entry.name)
    if box is not None and holder.axes == (axis % len(holder.shape),):
        return torch.tensor(box.units)
    units = flows.graph.units(entry.name).movedim(axis, 0)
    flat = units.reshape(len(units), -1)
    if bool((flat != flat[:, :1]).any()):
        return None
    whose = flat[:, 0].long().cpu()
    return whose.where(whose >= 0, flows.graph.total)


_RULES: dict[str, Callable[[Flows, BoxEntry, Sequence[int]], Tensor]] = {"conv2d": _convolution, "linear": _linear}
