"""What operations that only move numbers do to the axes of tensors: reshaping, cutting, picking, turning, joining."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from torch import Tensor

from .axes import Axes, Axis, Factor, Kind, axis, place_kinds, resized_axis, viewed

AxesOf: TypeAlias = Callable[[Tensor], Axes | None]
Rule: TypeAlias = Callable[[AxesOf, Sequence[Any], Tensor], Axes | None]


def after_view(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """The same numbers in the same order, in another shape."""
    axes = axes_of(args[0])
    return None if axes is None else viewed(axes, result.shape)


def after_permute(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Axes in another order."""
    axes = axes_of(args[0])
    return None if axes is None else tuple(axes[i] for i in args[1])


def after_transpose(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Two axes that change places."""
    axes = axes_of(args[0])
    if axes is None:
        return None
    order = list(range(len(axes)))
    one, other = args[1:3] if len(args) > 2 else (0, len(axes) - 1)
    order[one], order[other] = order[other], order[one]
    return tuple(axes[i] for i in order)


def after_cut(
    axes_of: AxesOf, args: Sequence[Any], result: Tensor, aligned: bool = False, step: int = 1
) -> Axes | None:
    """A part along some axes, or copies along one of one number; where `aligned`, perhaps one of those put together."""
    axes = axes_of(args[0])
    if axes is None or len(axes) > result.ndim:
        return None
    padded = ((),) * (result.ndim - len(axes)) + axes
    return tuple(
        held[1:] if aligned and _put_together_of(held, n) else _trimmed(held, n, step)
        for held, n in zip(padded, result.shape, strict=True)
    )


def after_expand(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Copies along axes of one number; in maps, of their one place."""
    axes = axes_of(args[0])
    if axes is None or len(axes) > result.ndim:
        return None
    kinds: list[Kind] = ["?", "?", *place_kinds(axes)] if len(axes) == result.ndim == 4 else ["?"] * result.ndim
    padded = ((),) * (result.ndim - len(axes)) + axes
    return tuple(resized_axis(held, n, kind) for held, n, kind in zip(padded, result.shape, kinds, strict=True))


def _trimmed(held: Axis, size: int, step: int) -> Axis:
    """A part of an axis; of places, one that leaves out more than an edge is not where it was."""
    cut = step == 1 and size < _MOST * math.prod(factor.size for factor in held)
    return displaced(resized_axis(held, size)) if cut else resized_axis(held, size)


def displaced(held: Axis) -> Axis:
    """An axis whose places are not where they are in the picture."""
    return tuple(replace(factor, moved=True) if factor.kind in ("y", "x") else factor for factor in held)


_MOST = 0.9  # of places: cutting off less is what paddings ask for


def after_picked(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """What was gathered or sorted along an axis."""
    axes = axes_of(args[0])
    if axes is None or len(axes) != result.ndim:
        return None
    dim = next((arg for arg in args[1:] if isinstance(arg, int)), -1) % result.ndim
    return tuple(
        displaced(resized_axis(h, n)) if i == dim else h
        for i, (h, n) in enumerate(zip(axes, result.shape, strict=True))
    )


def after_indexed(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """What one list of indices picked along one axis; more than that is not followed."""
    axes, indices = axes_of(args[0]), args[1]
    used = [i for i, index in enumerate(indices) if index is not None]
    if axes is None or len(used) != 1 or len(axes) != result.ndim:
        return None
    return tuple(
        displaced(resized_axis(h, n)) if i == used[0] else h
        for i, (h, n) in enumerate(zip(axes, result.shape, strict=True))
    )


def after_flip(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Places in the other order."""
    axes = axes_of(args[0])
    dims = {dim % result.ndim for dim in args[1]}
    return None if axes is None else tuple(_flipped(held) if i in dims else held for i, held in enumerate(axes))


def _flipped(held: Axis) -> Axis:
    if len(held) != 1 or held[0].kind not in ("y", "x") or held[0].key:
        plain = all(factor.kind == "c" for factor in held)
        return held if plain else axis("?", math.prod(factor.size for factor in held))
    one = held[0]
    return (replace(one, flipped=not one.flipped, shift=one.size - 1 - one.shift),)


def _put_together_of(held: Axis, size: int) -> bool:
    """Whether an axis is several of one size that were put together, one after the other, as `after_cat` does."""
    return len(held) > 1 and held[0].kind == "?" and math.prod(factor.size for factor in held[1:]) == size


def after_slice(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """A part along one axis."""
    dim, start, step = args[1] if len(args) > 1 else 0, args[2] if len(args) > 2 else 0, args[4] if len(args) > 4 else 1
    return after_cut(axes_of, args, result, step == 1 and (start or 0) % max(1, result.shape[dim]) == 0, step)


def after_split(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Parts along one axis."""
    return after_cut(axes_of, args, result, isinstance(args[1], int) or len(set(args[1])) == 1)


def after_select(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """One place along an axis, which is gone."""
    axes = axes_of(args[0])
    dim = int(args[1]) if len(args) > 1 else 0
    return None if axes is None else tuple(held for i, held in enumerate(axes) if i != dim % len(axes))


def after_cat(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Tensors one after the other along an axis."""
    known = [axes for value in args[0] if (axes := axes_of(value)) is not None]
    if not known:
        return None
    dim = (args[1] if len(args) > 1 else 0) % result.ndim
    first, size = known[0][dim], result.shape[dim]
    joined = axis("c", size)
    if any(held.kind != "c" for axes in known for held in axes[dim]) or (dim == 0 and not first):
        alike = len(known) == len(args[0]) and all(axes[dim] == first for axes in known)
        joined = (Factor("?", len(known)), *first) if alike and len(known) > 1 else axis("?", size)
    same = [all(axes[i] == known[0][i] for axes in known) for i in range(result.ndim)]
    plain = [all(factor.kind == "c" for factor in held) for held in known[0]]
    whole = [same[i] or plain[i] for i in range(result.ndim)]
    rest = [known[0][i] if whole[i] else axis("?", n) for i, n in enumerate(result.shape)]
    return tuple(joined if i == dim else held for i, held in enumerate(rest))


def after_stack(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Tensors beside each other along a new axis."""
    axes = axes_of(args[0][0])
    dim = (args[1] if len(args) > 1 else 0) % result.ndim
    return None if axes is None else (*axes[:dim], axis("?", result.shape[dim]), *axes[dim:])


def after_unsqueeze(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """A new axis of one number."""
    axes = axes_of(args[0])
    dim = args[1] % result.ndim
    return None if axes is None else (*axes[:dim], (), *axes[dim:])


def after_squeeze(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Without axes of one number."""
    axes, x = axes_of(args[0]), args[0]
    given = args[1] if len(args) > 1 else range(x.ndim)
    gone = {int(i) % x.ndim for i in (given if isinstance(given, (list, tuple, range)) else [given])}
    return None if axes is None else tuple(h for i, h in enumerate(axes) if i not in gone or x.shape[i] != 1)


def after_roll(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Places that moved round."""
    axes = axes_of(args[0])
    if axes is None or len(args) < 3:
        return None
    moved = {dim % result.ndim: shift for shift, dim in zip(args[1], args[2], strict=True)}
    return tuple(_rolled(held, moved.get(i, 0)) for i, held in enumerate(axes))


def _rolled(held: Axis, shift: int) -> Axis:
    if len(held) != 1 or not shift:
        return held if not held or not shift else axis("?", math.prod(factor.size for factor in held))
    one = held[0]
    if one.kind not in ("y", "x") or one.key:
        return axis("?", one.size)
    return (replace(one, shift=(one.shift + shift) % one.size),)
