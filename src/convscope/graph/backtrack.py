"""From a layer backwards to the input: what each of its neurons can see, along one axis at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .axis_map import Array, pack_ends, unpack_ends
from .dependency import Dependency, Map
from .trace import INPUT
from .window import Ints

Join: TypeAlias = tuple[str, str]  # where two ways meet: a value, and the second that looks at it
State: TypeAlias = tuple[Array, Array]  # which places of a value are seen, and between which ends


@dataclass
class BackwardTrace:
    """What was met on the way back: a look at a whole map, a gate, or something that makes the result a bound only.

    Axes are followed by themselves, so a union of two windows is one window only where one lies within the other along
    both axes. `joins` says, for each union, which lies within which; `broken` are the unions after which a place was
    seen that looks at nothing but padding, and may have been all there was of one of the two.
    """

    whole: bool = False
    gated: bool = False
    bound: bool = False
    joins: dict[Join, set[str]] = field(default_factory=dict)
    broken: set[Join] = field(default_factory=set)
    hollow: set[int] = field(default_factory=set)  # positions of which one way back ends in padding


def entangled(y: BackwardTrace, x: BackwardTrace) -> bool:
    """Whether the windows along the two axes may belong to different parts of what is seen."""
    return any(not y.joins.get(join, set()) & x.joins.get(join, set()) for join in y.broken | x.broken)


@dataclass(frozen=True, eq=False)
class Axis:
    """For the places of a layer along an axis: `seen` (n, 2), first and last-exclusive place of the input, 0 and 0
    where there is none; `unclipped` the same beyond the edges; `whole` and `bound` as in a Trail.
    """

    seen: Ints
    unclipped: Ints
    size: int
    trail: BackwardTrace

    @property
    def full(self) -> NDArray[np.bool_]:
        """Which places see all of the input because something on the way looks at whole maps."""
        found: NDArray[np.bool_] = (self.seen == [0, self.size]).all(1) & self.trail.whole
        return found


def trace_back(
    maps: Mapping[str, Map],
    sights: dict[str, list[Dependency]],  # in the order of execution
    value: str,
    start: State,
    axis: int,
    gates: bool,
) -> Axis:
    """What is seen along an axis of the input (0 is y), given what is looked at in a value."""
    walk = _Walk(maps, axis, BackwardTrace(), {value: start})
    for name in reversed(sights):
        state = walk.states.pop(name, None)
        if state is None or not state[0].any():
            continue
        for sight in sights[name]:
            walk.trail.gated |= sight.gate
            if gates or not sight.gate:
                walk.back(name, sight, state)
    return _ends(walk.states.get(INPUT), maps[INPUT], axis, len(start[0]), walk.trail)


@dataclass
class _Walk:
    """The values still to be followed; what is known of none of which channel is seen where; their unions so far."""

    maps: Mapping[str, Map]
    axis: int
    trail: BackwardTrace
    states: dict[str, State]
    blurred: set[str] = field(default_factory=set)
    joined: dict[str, frozenset[Join]] = field(default_factory=dict)

    def back(self, name: str, sight: Dependency, state: State) -> None:
        """From a value to one that it is made of."""
        blurred, joined = name in self.blurred, self.joined.get(name, frozenset())
        if sight.blurs or (blurred and not sight.blends):
            self.blurred.add(sight.value)
        self.trail.bound |= sight.guess or (sight.sloppy and not state[0].all()) or (blurred and sight.sorts)
        before = self._looked(sight, state, joined)
        if sight.value in self.states:
            other, join = self.states[sight.value], (name, sight.value)
            self.trail.joins[join] = self.trail.joins.get(join, {"<", ">"}) & _within(before[0], other[0])
            joined |= {join}
            before = np.maximum(before[0], other[0]), np.maximum(before[1], other[1])
        self.joined[sight.value] = joined | self.joined.get(sight.value, frozenset())
        self.states[sight.value] = before

    def _looked(self, sight: Dependency, state: State, joined: frozenset[Join]) -> State:
        cells, ends = (sight.mix(array, self.axis) for array in state)
        look, place = sight.looks[self.axis], self.maps[sight.value].places[self.axis]
        if look is None or place is None:
            return cells, ends
        self.trail.whole |= look.whole
        seen = look.seen(cells, 1 + place)
        barren = np.moveaxis(cells, 1 + place, -1) & ~look.table.any(1)
        self.trail.broken |= joined if barren.any() else set()
        dark = cells.max(1 + place) & ~seen.max(1 + place)
        self.trail.hollow |= set(np.flatnonzero(dark.reshape(len(dark), -1).max(1)).tolist())
        return seen, look.hull(ends, 1 + place)


def _within(one: Array, other: Array) -> set[str]:
    """Which of two sets of places lies within which, for all positions and channels."""
    both = one | other
    return {sign for sign, larger in (("<", other), (">", one)) if not (both & ~larger).any()}


def _ends(state: State | None, source: Map, axis: int, count: int, trail: BackwardTrace) -> Axis:
    """All channels of the input together."""
    size, place = source.sizes[axis], 1 + (source.places[axis] or 0)
    nothing = np.zeros((count, 2), np.int64)
    if state is None:
        return Axis(nothing, nothing, size, trail)
    others = tuple(d for d in range(1, state[0].ndim) if d != place)
    cells = state[0].max(others)
    there = cells.max(1)
    trail.bound |= bool(trail.hollow & set(np.flatnonzero(there).tolist()))
    seen = np.stack([cells.argmax(1), size - cells[:, ::-1].argmax(1)], 1) * there[:, None]
    low, high = unpack_ends(state[1].max(others), 1)
    unclipped = seen if trail.whole else np.stack([low, high + 1], 1) * there[:, None]
    return Axis(seen, unclipped, size, trail)


def start_state(source: Map, axis: int, channel: int | None, channels: int) -> State:
    """Each place of a value along an axis, in one channel of its axis `channels`, or in all."""
    rank, place, count = len(source.shape), source.places[axis], source.sizes[axis]
    cells, ends = np.ones((count, *[1] * rank), bool), np.ones((count, *[1] * rank), np.int64)
    if place is not None:
        cells = np.eye(count, dtype=bool).reshape(count, *[count if d == place else 1 for d in range(rank)])
        places = np.arange(count).reshape(count, *[1] * (rank - 1))
        ends = pack_ends(places, places, 1 + place)
    if channel is None:
        return cells, ends
    asked = np.arange(source.shape[channels]).reshape(-1, *[1] * (rank - 1 - channels)) == channel
    return cells & asked, ends * asked
