"""Rules for operations that move numbers and change none: new shapes, permutations, slices and joins."""

from __future__ import annotations

import math

import numpy as np
import torch

from ..base.pixels import Ints
from . import axis_map, channel_map
from .channel_map import Shape
from .dependency import BATCH, Dependency, Map, OperatorCall, Ruling, Trait, unknown, whole_input
from .window import HERE, Reach

SPLITS = {"chunk", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk", "unsafe_split"}


def viewing(operator: OperatorCall) -> Ruling:
    """A new shape; places stay where both of their axes are left whole."""
    source, rest = operator.source, operator.shape()[1:]
    count = math.prod(source.shape)
    shape = (count // max(1, math.prod(rest)), *rest)
    if math.prod(shape) != count:
        return unknown(operator)
    y, x = (_whole_axis(source.shape, shape, axis) for axis in source.places)
    lost = [a for a, b in zip(source.places, (y, x), strict=True) if a is not None and b is None]
    if any(source.shape[axis] > 1 for axis in lost):
        return Map(shape), [whole_input(operator, operator.values[0], Trait.LOOSE)]
    rows, columns = (axis_map.everything(1) if axis in lost else None for axis in source.places)
    back = channel_map.reshaped(source.shape, shape, source.places, (y, x))
    return Map(shape, (y, x)), [Dependency(operator.values[0], (rows, columns), back, Trait.SORTS)]


def _whole_axis(before: Shape, after: Shape, axis: int | None) -> int | None:
    """Which axis of a new shape is this one of the old."""
    if axis is None:
        return None
    ahead, size = math.prod(before[:axis]), before[axis]
    fits = [d for d, n in enumerate(after) if n == size and math.prod(after[:d]) == ahead]
    return axis if axis in fits else fits[0] if len(fits) == 1 else None


def permuting(operator: OperatorCall) -> Ruling:
    """The operation itself says what goes where."""
    source = operator.source
    probe = torch.empty(tuple(range(1, len(source.shape) + 1)), device="meta")
    order = [size - 1 for size in operator.call({operator.values[0]: probe}).shape]
    y, x = (None if axis is None else order.index(axis) for axis in source.places)
    return Map(tuple(source.shape[d] for d in order), (y, x)), [
        Dependency(operator.values[0], channels=channel_map.permuted(order))
    ]


def slicing(operator: OperatorCall) -> Ruling:
    """Every so many places of an axis."""
    args, source = operator.args, operator.source
    dim = args["dim"] % len(source.shape)
    indices = np.arange(source.shape[dim])[args["start"] : args["end"] : args["step"]]
    return _taken(operator, dim, indices)


def selecting(operator: OperatorCall) -> Ruling:
    """One place of an axis, which is then gone."""
    dim = operator.args["dim"] % len(operator.source.shape)
    return _taken(operator, dim, np.arange(operator.source.shape[dim])[operator.args["index"]].reshape(1), removed=True)


def part_of_result(operator: OperatorCall) -> Ruling:
    """One of the parts a value was split into, or the first of several results."""
    maker, number = operator.makers[operator.values[0]], operator.call.args[1]
    if maker.kind not in SPLITS:
        return splitting(operator) if number == 0 else unknown(operator)
    asked = maker.named
    dim = asked["dim"] % len(operator.source.shape)
    sizes = {name: value for name, value in asked.items() if name not in ("self", "tensor", "input", "dim")}
    pieces = maker.op(torch.arange(operator.source.shape[dim]), *sizes.values())
    return _taken(operator, dim, pieces[number].reshape(-1).numpy(), removed=maker.kind == "unbind")


def _taken(operator: OperatorCall, dim: int, indices: Ints, removed: bool = False) -> Ruling:
    source, name = operator.source, operator.values[0]
    size = source.shape[dim]
    shape = (*source.shape[:dim], *([] if removed else [len(indices)]), *source.shape[dim + 1 :])
    y, x = (
        axis if axis is None or not removed or axis < dim else None if axis == dim else axis - 1
        for axis in source.places
    )
    if dim not in source.places:
        found = channel_map.sliced(dim, indices, size, removed)
        traits = Trait.SORTS if len(indices) < size else Trait.NONE
        return Map(shape, (y, x)), [Dependency(name, channels=found, traits=traits)]
    rows, columns = (axis_map.picked(indices, size) if axis == dim else None for axis in source.places)
    back = channel_map.restored([dim]) if removed else channel_map.same_channel
    return Map(shape, (y, x)), [Dependency(name, (rows, columns), back)]


def joining(operator: OperatorCall) -> Ruling:
    """Several maps one after the other along an axis."""
    parts = [part.name for part in operator.call.args[0]]
    places = next(
        (operator.maps[n].places for n in parts if n in operator.maps and operator.maps[n].places != (None, None)), None
    )
    made = Map(operator.shape(), places or (None, None))
    dim = operator.args["dim"] % len(made.shape)
    found, start = [], 0
    for name in parts:
        size = operator.size(name)[dim] if dim else BATCH
        if name in operator.maps:
            found.append(_joined(operator, name, made, dim, start))
        start += size
    return made, found


def _joined(operator: OperatorCall, name: str, made: Map, dim: int, start: int) -> Dependency:
    source = operator.maps[name]
    if source.places != made.places or len(source.shape) != len(made.shape) or dim == 0:
        return whole_input(operator, name, Trait.GUESS)
    size = source.shape[dim]
    if dim not in made.places:
        back = channel_map.joined_part(dim, start, size)
        windows = HERE if dim == 1 and operator.same_everywhere else None
        return Dependency(name, channels=back, traits=Trait.SORTS, windows=windows)
    y, x = (
        axis_map.window(Reach(before=start), size, made.shape[dim]) if axis == dim else None for axis in made.places
    )
    return Dependency(name, (y, x))


def splitting(operator: OperatorCall) -> Ruling:
    """All parts together are what was split."""
    return operator.source, [Dependency(operator.values[0])]
