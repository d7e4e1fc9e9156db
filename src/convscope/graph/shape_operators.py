"""Rules for operations that move numbers and change none: new shapes, permutations, slices and joins."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from . import axis_map, channel_map
from .channel_map import Shape
from .dependency import BATCH, Dependency, Map, OperatorCall, Seen, unknown, whole_input
from .window import Ints, Reach

SPLITS = {"chunk", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk", "unsafe_split"}


def viewing(scene: OperatorCall) -> Seen:
    """A new shape; places stay where both of their axes are left whole."""
    source, rest = scene.source, scene.shape()[1:]
    count = math.prod(source.shape)
    shape = (count // max(1, math.prod(rest)), *rest)
    if math.prod(shape) != count:
        return unknown(scene)
    y, x = (_whole_axis(source.shape, shape, axis) for axis in source.places)
    lost = [a for a, b in zip(source.places, (y, x), strict=True) if a is not None and b is None]
    if any(source.shape[axis] > 1 for axis in lost):
        return Map(shape), [whole_input(scene, scene.values[0], sloppy=True)]
    looks = [axis_map.everything(1) if axis in lost else None for axis in source.places]
    back = channel_map.reshaped(source.shape, shape, source.places, (y, x))
    return Map(shape, (y, x)), [Dependency(scene.values[0], (looks[0], looks[1]), back, sorts=True)]


def _whole_axis(before: Shape, after: Shape, axis: int | None) -> int | None:
    """Which axis of a new shape is this one of the old."""
    if axis is None:
        return None
    ahead, size = math.prod(before[:axis]), before[axis]
    fits = [d for d, n in enumerate(after) if n == size and math.prod(after[:d]) == ahead]
    return axis if axis in fits else fits[0] if len(fits) == 1 else None


def permuting(scene: OperatorCall) -> Seen:
    """The operation itself says what goes where."""
    source = scene.source
    probe = torch.empty(tuple(range(1, len(source.shape) + 1)), device="meta")
    order = [size - 1 for size in scene.call({scene.values[0]: probe}).shape]
    y, x = (None if axis is None else order.index(axis) for axis in source.places)
    return Map(tuple(source.shape[d] for d in order), (y, x)), [
        Dependency(scene.values[0], mix=channel_map.permuted(order))
    ]


def slicing(scene: OperatorCall) -> Seen:
    """Every so many places of an axis."""
    args, source = scene.args, scene.source
    dim = args["dim"] % len(source.shape)
    indices = np.arange(source.shape[dim])[args["start"] : args["end"] : args["step"]]
    return _taken(scene, dim, indices)


def selecting(scene: OperatorCall) -> Seen:
    """One place of an axis, which is then gone."""
    dim = scene.args["dim"] % len(scene.source.shape)
    return _taken(scene, dim, np.arange(scene.source.shape[dim])[scene.args["index"]].reshape(1), removed=True)


def part_of_result(scene: OperatorCall) -> Seen:
    """One of the parts a value was split into, or the first of several results."""
    maker, number = scene.makers[scene.values[0]], scene.call.args[1]
    if maker.kind not in SPLITS:
        return splitting(scene) if number == 0 else unknown(scene)
    asked = replace(scene, call=maker).args
    dim = asked["dim"] % len(scene.source.shape)
    sizes = {name: value for name, value in asked.items() if name not in ("self", "tensor", "input", "dim")}
    pieces = maker.op(torch.arange(scene.source.shape[dim]), *sizes.values())
    return _taken(scene, dim, pieces[number].reshape(-1).numpy(), removed=maker.kind == "unbind")


def _taken(scene: OperatorCall, dim: int, indices: Ints, removed: bool = False) -> Seen:
    source, name = scene.source, scene.values[0]
    size = source.shape[dim]
    shape = (*source.shape[:dim], *([] if removed else [len(indices)]), *source.shape[dim + 1 :])
    y, x = (
        axis if axis is None or not removed or axis < dim else None if axis == dim else axis - 1
        for axis in source.places
    )
    if dim not in source.places:
        found = channel_map.sliced(dim, indices, size, removed)
        return Map(shape, (y, x)), [Dependency(name, mix=found, sorts=len(indices) < size)]
    looks = [axis_map.picked(indices, size) if axis == dim else None for axis in source.places]
    back = channel_map.restored([dim]) if removed else channel_map.same_channel
    return Map(shape, (y, x)), [Dependency(name, (looks[0], looks[1]), back)]


def joining(scene: OperatorCall) -> Seen:
    """Several maps one after the other along an axis."""
    parts = [part.name for part in scene.call.args[0]]
    places = next(
        (scene.maps[n].places for n in parts if n in scene.maps and scene.maps[n].places != (None, None)), None
    )
    made = Map(scene.shape(), places or (None, None))
    dim = scene.args["dim"] % len(made.shape)
    found, start = [], 0
    for name in parts:
        size = scene.size(name)[dim] if dim else BATCH
        if name in scene.maps:
            found.append(_joined(scene, name, made, dim, start))
        start += size
    return made, found


def _joined(scene: OperatorCall, name: str, made: Map, dim: int, start: int) -> Dependency:
    source = scene.maps[name]
    if source.places != made.places or len(source.shape) != len(made.shape) or dim == 0:
        return whole_input(scene, name, guess=True)
    size = source.shape[dim]
    if dim not in made.places:
        return Dependency(name, mix=channel_map.joined_part(dim, start, size), sorts=True)
    looks = [
        axis_map.window(Reach(before=start), size, made.shape[dim]) if axis == dim else None for axis in made.places
    ]
    return Dependency(name, (looks[0], looks[1]))


def splitting(scene: OperatorCall) -> Seen:
    """All parts together are what was split."""
    return scene.source, [Dependency(scene.values[0])]
