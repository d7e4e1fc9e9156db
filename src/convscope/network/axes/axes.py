"""What each axis of a tensor holds: images, channels, rows or columns of the picture, or parts of these.

An axis is a product of factors, the outer one first. Reshaping splits and joins factors, so that windows, tokens and
heads can be put back in place, however they were folded into other axes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from torch import Tensor

Kind: TypeAlias = Literal["n", "c", "y", "x", "?"]


@dataclass(frozen=True)
class Factor:
    """Images (n), channels (c), rows (y), columns (x) or a mixture (?), or a part of these of more than one number.

    `key` says which part, as the way down a tree of halves: 0 is the outer, 1 the inner one. Place p is where place
    `shift` + p was to be, or `shift` - p if they were `flipped`, counted round. `moved` ones were cut out, picked or
    sampled, so that they are not where they are in the picture.
    """

    kind: Kind
    size: int
    key: tuple[int, ...] = ()
    shift: int = 0
    flipped: bool = False
    moved: bool = False

    @property
    def straight(self) -> bool:
        """Whether nothing was rolled or flipped."""
        return not self.shift and not self.flipped


Axis: TypeAlias = tuple[Factor, ...]
Axes: TypeAlias = tuple[Axis, ...]


def of_image(shape: Sequence[int]) -> Axes:
    """The axes of a batch of pictures, (N, C, H, W)."""
    return tuple(axis(kind, size) for kind, size in zip("ncyx", shape, strict=True))  # type: ignore[arg-type]


def axis(kind: Kind, size: int) -> Axis:
    """An axis that holds one thing whole; of one number it holds nothing."""
    return (Factor(kind, size),) if size != 1 else ()


def resized_axis(old: Axis, size: int, missing: Kind = "?") -> Axis:
    """An axis after an operation that keeps the order of its places, but perhaps not their number."""
    if math.prod(factor.size for factor in old) == size:
        return old
    if not old or size == 1:
        return axis(missing, size)
    mirrored = old[0].flipped and old[0].shift == old[0].size - 1
    if len(old) > 1 or not (old[0].straight or mirrored):
        return axis("?", size)
    return (replace(old[0], size=size, shift=size - 1 if mirrored else 0),)


def place_kinds(axes: Axes) -> tuple[Kind, Kind]:
    """What the last two axes are where they hold one number: rows and columns, unless the others are those."""
    kinds = [{factor.kind for factor in held} for held in axes[-2:]]
    return ("x", "y") if "x" in kinds[0] or "y" in kinds[-1] else ("y", "x")


def viewed(axes: Axes, sizes: Sequence[int]) -> Axes | None:
    """The axes of the same numbers in the same order under another shape; None where factors would have to be cut."""
    waiting = [factor for held in reversed(axes) for factor in reversed(held)]
    found = []
    for size in sizes:
        taken = _taken(waiting, size)
        if taken is None:
            return None
        found.append(_joined(taken))
    return None if waiting else tuple(found)


def _taken(waiting: list[Factor], size: int) -> list[Factor] | None:
    """Factors of a product of `size` from the end of those that wait."""
    taken: list[Factor] = []
    while size > 1:
        if not waiting:
            return None
        factor = waiting.pop()
        if size % factor.size == 0:
            taken.append(factor)
            size //= factor.size
        elif factor.size % size == 0:
            taken.append(replace(factor, size=size, key=(*factor.key, 0)))
            waiting.append(replace(factor, size=factor.size // size, key=(*factor.key, 1)))
            size = 1
        else:
            return None
    return taken


def _joined(factors: Iterable[Factor]) -> Axis:
    """Factors with halves that lie side by side joined again."""
    found: list[Factor] = []
    for factor in factors:
        found.append(factor)
        while len(found) > 1 and _halves(found[-2], found[-1]):
            inner, outer = found.pop(), found.pop()
            found.append(replace(outer, size=outer.size * inner.size, key=outer.key[:-1]))
    return tuple(found)


def _halves(outer: Factor, inner: Factor) -> bool:
    alike = outer.kind != "?" and replace(outer, size=0, key=()) == replace(inner, size=0, key=())
    return alike and outer.key[:-1] == inner.key[:-1] and outer.key[-1:] == (0,) and inner.key[-1:] == (1,)


def pruned(axes: Axes) -> Axes:
    """The same, with halves whose other half was summed over or cut away taken for the whole."""
    factors = [factor for held in axes for factor in held]
    if not any(factor.key for factor in factors):
        return axes
    keys = {kind: [f.key for f in factors if f.kind == kind] for kind in ("n", "y", "x")}
    short = {kind: dict(zip(found, _shortened(found), strict=True)) for kind, found in keys.items()}
    return tuple(tuple(replace(f, key=short[f.kind][f.key]) if f.kind in short else f for f in held) for held in axes)


def _shortened(keys: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    firsts = {key[:1] for key in keys}
    if () in firsts or not keys:
        return keys
    if len(firsts) == 1:
        return _shortened([key[1:] for key in keys])
    halves = {half: iter(_shortened([key[1:] for key in keys if key[:1] == half])) for half in firsts}
    return [(*key[:1], *next(halves[key[:1]])) for key in keys]


@dataclass(frozen=True)
class Arrangement:
    """How a tensor becomes (N, C, H, W): split into `sizes` (-1: images), its axes in `order`, shaped, rolled back."""

    sizes: tuple[int, ...]
    order: tuple[int, ...]
    shape: tuple[int, int, int]
    shifts: tuple[int, int] = (0, 0)
    flips: tuple[bool, bool] = (False, False)
    moved: bool = False

    def __call__(self, tensor: Tensor) -> Tensor:
        """The tensor as (N, C, H, W)."""
        found = tensor.reshape(self.sizes).permute(self.order).reshape(-1, *self.shape)
        if any(self.flips):
            found = found.flip([2 + i for i, flipped in enumerate(self.flips) if flipped])
        back = [s + 1 - n if f else -s for s, f, n in zip(self.shifts, self.flips, self.shape[1:], strict=True)]
        return found.roll(back, (2, 3)) if any(back) else found


def arrangement(axes: Axes, images: int) -> Arrangement | None:
    """How a tensor of so many images is arranged by images, channels and places; None where it cannot be.

    All images, rows and columns must be there once each: a matrix of tokens by tokens has its places twice, and crops
    or flips that were put beside each other are no parts of one picture.
    """
    factors = [factor for held in map(_settled, axes) for factor in held]
    parts = {kind: _in_order(kind, factors) for kind in ("n", "c", "y", "x")}
    mixed = any(factor.kind == "?" for factor in factors)
    if mixed or len(parts["n"]) != (images > 1) or not (parts["y"] or parts["x"]):
        return None
    if not all(_once([factors[i] for i in parts[kind]]) for kind in ("n", "y", "x")):
        return None
    sizes = tuple(-1 if factor.kind == "n" else factor.size for factor in factors)
    channels, height, width = (math.prod(factors[i].size for i in parts[kind]) for kind in ("c", "y", "x"))
    order = tuple(i for part in parts.values() for i in part)
    y, x = (factors[parts[kind][0]] if parts[kind] else Factor(kind, 1) for kind in ("y", "x"))
    shape, moved = (channels, height, width), any(factor.moved for factor in factors)
    return Arrangement(sizes, order, shape, (y.shift, x.shift), (y.flipped, x.flipped), moved)


def _settled(held: Axis) -> Axis:
    """An axis of places and channels as one of them: blocks of a map among its channels, or channels laid out in it."""
    kinds = [factor.kind for factor in held]
    if "c" not in kinds or len(set(kinds)) == 1:
        return held
    if kinds[0] in ("y", "x") and set(kinds[1:]) == {"c"}:  # depth to space
        first, rest = held[0], held[1:]
        keys = [(*first.key, *(1,) * i, *(0,) * (i < len(rest))) for i in range(len(held))]
        return tuple(replace(first, size=factor.size, key=key) for factor, key in zip(held, keys, strict=True))
    return tuple(replace(f, kind="c") if f.kind in ("y", "x") and f.key[-1:] == (1,) else f for f in held)


def _in_order(kind: str, factors: list[Factor]) -> list[int]:
    """Which factors are of a kind, the outer ones first; channels as they come."""
    found = [i for i, factor in enumerate(factors) if factor.kind == kind]
    return found if kind == "c" else sorted(found, key=lambda i: factors[i].key)


def _once(parts: list[Factor]) -> bool:
    """Whether no part is there twice, and all were rolled alike; those that were summed over are no more."""
    return len({(part.shift, part.flipped) for part in parts}) < 2 and _apart([part.key for part in parts])


def _apart(keys: list[tuple[int, ...]]) -> bool:
    if len(keys) < 2:
        return True
    halves = [[key[1:] for key in keys if key[:1] == (half,)] for half in (0, 1)]
    return () not in keys and all(map(_apart, halves))
