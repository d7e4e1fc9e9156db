"""How what is seen of a value turns into what is seen of the input it was made from, along all axes but the places'.

A channel map takes (positions, axes of the output…) to (positions, axes of the input…). An axis of length one stands
for one that is the same all along; channels are told apart only where something tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

import numpy as np

from ..base.pixels import Ints
from .axis_map import Array

ChannelMap: TypeAlias = Callable[[Array, int], Array]  # the second says which axis is traced: 0 for y, 1 for x
Shape: TypeAlias = tuple[int, ...]
Places: TypeAlias = tuple[int | None, int | None]


def same_channel(state: Array, axis: int) -> Array:
    """Each number looks at its own place and channel."""
    return state


def reduced_over(dims: Collection[int], places: Places = (None, None)) -> ChannelMap:
    """Each number looks at all along some axes, other than those of places, which are traced by themselves."""
    along = tuple(1 + dim for dim in dims if dim not in places)
    return lambda state, axis: np.asarray(state.max(along, keepdims=True)) if along else state


def every_channel(rank: int) -> ChannelMap:
    """Each number looks at everything of an input with so many axes."""
    return lambda state, axis: state.reshape(len(state), -1).max(1).reshape(-1, *[1] * rank)


def groups(count: int, inputs: int, dim: int = 1) -> ChannelMap:
    """Channels in groups look at all channels of their group: a convolution's."""

    def back(state: Array, axis: int) -> Array:
        if count == 1 or state.shape[1 + dim] == 1:
            return reduced_over([dim])(state, axis)
        split: Array = np.moveaxis(state, 1 + dim, -1)
        split = split.reshape(*split.shape[:-1], count, -1).max(-1)
        return np.moveaxis(np.repeat(split, inputs // count, -1), -1, 1 + dim)

    return back


def shuffled(count: int, channels: int) -> ChannelMap:
    """Channels dealt out among groups, as ShuffleNet does."""
    order = np.arange(channels).reshape(count, -1).T.ravel().argsort()
    return lambda state, axis: state if state.shape[2] == 1 else state[:, :, order]


def pixel_shuffled(factor: int) -> ChannelMap:
    """Pixel shuffle: each channel looks at `factor`² of the input's."""
    return lambda state, axis: state if state.shape[2] == 1 else np.repeat(state, factor**2, 2)


def gathered(factor: int) -> ChannelMap:
    """Pixel unshuffle: `factor`² channels look at one of the input's."""

    def back(state: Array, axis: int) -> Array:
        if state.shape[2] == 1:
            return state
        return np.asarray(state.reshape(*state.shape[:2], -1, factor**2, *state.shape[3:]).max(3))

    return back


def broadcast(shape: Shape, places: Places) -> ChannelMap:
    """Axes along which an input of this shape is but one number long look at that one."""
    return reduced_over([dim for dim, size in enumerate(shape) if size == 1], places)


def permuted(order: Sequence[int]) -> ChannelMap:
    """Axis i of the output is axis order[i] of the input."""
    inverse = [0, *(1 + np.argsort(order))]
    return lambda state, axis: state.transpose(inverse)


def restored(dims: Collection[int]) -> ChannelMap:
    """Axes that the output has no more."""
    return lambda state, axis: np.expand_dims(state, tuple(1 + dim for dim in sorted(dims)))


def sliced(dim: int, indices: Ints, size: int, removed: bool) -> ChannelMap:
    """A slice along an axis of `size`, or one of its entries, in which case the axis is `removed`."""

    def back(state: Array, axis: int) -> Array:
        state = np.expand_dims(state, 1 + dim) if removed else state
        found = np.zeros((*state.shape[: 1 + dim], size, *state.shape[2 + dim :]), state.dtype)
        np.moveaxis(found, 1 + dim, 0)[indices] = np.moveaxis(state, 1 + dim, 0)
        return found

    return back


def joined_part(dim: int, start: int, size: int) -> ChannelMap:
    """One of the inputs that were joined along an axis."""

    def back(state: Array, axis: int) -> Array:
        return state if state.shape[1 + dim] == 1 else state.take(range(start, start + size), 1 + dim)

    return back


def reshaped(before: Shape, after: Shape, places_before: Places, places_after: Places) -> ChannelMap:
    """The same numbers in another shape, in which the axes of places are whole."""

    def back(state: Array, axis: int) -> Array:
        if state.size == len(state):
            return state.reshape(len(state), *[1] * len(before))
        old, new = list(before), list(after)
        for i in (0, 1):  # the axis that is not traced is left out, and the other may hold ends
            old_place, new_place = places_before[i], places_after[i]
            if new_place is not None:
                new[new_place] = state.shape[1 + new_place] if i == axis else 1
            if old_place is not None:
                old[old_place] = 1 if i != axis or new_place is None else new[new_place]
        return np.broadcast_to(state, (len(state), *new)).reshape(len(state), *old)

    return back
