"""From a layer backwards to the input: what each of its neurons can see, along one axis at a time.

A residual block, `x + conv2(relu(conv1(x)))` with kernels of 3, and the neuron at place 2 of 8. `add` wants place 2 of
`conv2` and, by the shortcut, place 2 of `x`. `conv2` wants places 1 to 3 of `relu`, which wants the same of `conv1`,
and that wants places 0 to 4 of `x`. Two ways meet there: {2} lies within {0…4}, and their union is what is seen. The
neuron at place 0 sees 0 to 2, since places −2 and −1 are padding; `ends` goes on to −2 and gives the published size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..base.pixels import Ints
from .axis_map import Array, pack_ends, unpack_ends
from .dependency import Dependency, Map, Trait
from .trace import INPUT

Join: TypeAlias = tuple[str, str]  # where two ways meet: a value, and the second that looks at it
State: TypeAlias = tuple[Array, Array]  # which places of a value are seen, and between which ends


@dataclass
class BackwardTrace:
    """What was met on the way back: a dependency on a whole map, a gate, or what makes the result a bound only.

    Axes are traced by themselves, so a union of two windows is one window only where one lies within the other along
    both axes. `joins` says, for each union, which lies within which; `broken` are the unions after which a place was
    seen that looks at nothing but padding, and may have been all there was of one of the two.

    Say that one way wants row 0 and columns 4 to 6 of a value, the other rows 2 to 3 and column 5. The union has rows 0
    to 3 and columns 4 to 6. If row 0 then turns out to be padding, columns 4 and 6 belong to nothing that is seen,
    which whoever traces columns cannot know: a bound. Had the first way wanted rows 0 to 3, the second would lie within
    it along both axes, and the union would be one window.
    """

    whole: bool = False
    gated: bool = False
    bound: bool = False
    joins: dict[Join, set[str]] = field(default_factory=dict)
    broken: set[Join] = field(default_factory=set)
    hollow: set[int] = field(default_factory=set)  # positions of which one way back ends in padding


def entangled(y: BackwardTrace, x: BackwardTrace) -> bool:
    """Whether the windows along the two axes may belong to different parts of what is seen."""
    # "<" or ">" must hold along both axes: "<" along y and ">" along x is a cross, not a window
    return any(not y.joins.get(join, set()) & x.joins.get(join, set()) for join in y.broken | x.broken)


@dataclass(frozen=True, eq=False)
class AxisWindows:
    """For the places of a layer along an axis: `seen` (n, 2), first and last-exclusive place of the input, 0 and 0
    where there is none; `unclipped` the same beyond the edges; `whole` and `bound` as in the trace.
    """

    seen: Ints
    unclipped: Ints
    size: int
    trace: BackwardTrace

    @property
    def full(self) -> NDArray[np.bool_]:
        """Which places see all of the input because something on the way looks at whole maps."""
        found: NDArray[np.bool_] = (self.seen == [0, self.size]).all(1) & self.trace.whole
        return found


def trace_back(
    maps: Mapping[str, Map],
    dependencies: dict[str, list[Dependency]],  # in the order of execution
    value: str,
    start: State,
    axis: int,
    gates: bool,
) -> AxisWindows:
    """What is seen along an axis of the input (0 is y), given what is looked at in a value."""
    walk = _Walk(maps, axis, BackwardTrace(), {value: start})
    for name in reversed(dependencies):
        state = walk.states.pop(name, None)
        if state is None or not state[0].any():  # nobody wants it, or it has come to nothing but padding
            continue
        for dependency in dependencies[name]:
            walk.trace.gated |= Trait.GATE in dependency.traits
            if gates or Trait.GATE not in dependency.traits:
                walk.back(name, dependency, state)
    return _ends(walk.states.get(INPUT), maps[INPUT], axis, len(start[0]), walk.trace)


@dataclass
class _Walk:
    """The values still to be traced; what is known of none of which channel is seen where; their unions so far."""

    maps: Mapping[str, Map]
    axis: int
    trace: BackwardTrace
    states: dict[str, State]
    blurred: set[str] = field(default_factory=set)
    joined: dict[str, frozenset[Join]] = field(default_factory=dict)

    def back(self, name: str, dependency: Dependency, state: State) -> None:
        """From a value to one that it is made of."""
        blurred, joined = name in self.blurred, self.joined.get(name, frozenset())
        if Trait.BLURS in dependency.traits or (blurred and Trait.BLENDS not in dependency.traits):
            self.blurred.add(dependency.value)
        self.trace.bound |= _inexact(dependency.traits, bool(state[0].all()), blurred)
        before = self._before(dependency, state, joined)
        if dependency.value in self.states:
            other, join = self.states[dependency.value], (name, dependency.value)
            self.trace.joins[join] = self.trace.joins.get(join, {"<", ">"}) & _within(before[0], other[0])
            joined |= {join}
            before = np.maximum(before[0], other[0]), np.maximum(before[1], other[1])
        # a value takes along the unions that it came through: what is lost further back may be lost of one of those
        self.joined[dependency.value] = joined | self.joined.get(dependency.value, frozenset())
        self.states[dependency.value] = before

    def _before(self, dependency: Dependency, state: State, joined: frozenset[Join]) -> State:
        """What is wanted of an input, and what was lost on the way: outputs that depend on nothing but padding."""
        cells, ends = (dependency.channels(array, self.axis) for array in state)
        along, place = dependency.axes[self.axis], self.maps[dependency.value].places[self.axis]
        if along is None or place is None:
            return cells, ends
        self.trace.whole |= along.whole
        seen = along.seen(cells, 1 + place)
        barren = np.moveaxis(cells, 1 + place, -1) & ~along.table.any(1)  # some that was wanted: unions are in doubt
        self.trace.broken |= joined if barren.any() else set()
        dark = cells.max(1 + place) & ~seen.max(1 + place)  # all that was wanted: the other axis does not know
        self.trace.hollow |= set(np.flatnonzero(dark.reshape(len(dark), -1).max(1)).tolist())
        return seen, along.hull(ends, 1 + place)


def _inexact(traits: Trait, everything: bool, blurred: bool) -> bool:
    """Whether a dependency may be less than it says, given whether all of the output is wanted."""
    loose = Trait.LOOSE in traits and not everything
    return Trait.GUESS in traits or loose or (blurred and Trait.SORTS in traits)


def _within(one: Array, other: Array) -> set[str]:
    """Which of two sets of places lies within which, for all positions and channels."""
    both = one | other
    return {sign for sign, larger in (("<", other), (">", one)) if not (both & ~larger).any()}


def _ends(state: State | None, source: Map, axis: int, count: int, trace: BackwardTrace) -> AxisWindows:
    """All channels of the input together."""
    size, place = source.sizes[axis], 1 + (source.places[axis] or 0)
    nothing = np.zeros((count, 2), np.int64)
    if state is None:
        return AxisWindows(nothing, nothing, size, trace)
    others = tuple(d for d in range(1, state[0].ndim) if d != place)
    cells = state[0].max(others)
    there = cells.max(1)
    # where one way back came to nothing, and another did not, the axes may tell of different ways
    trace.bound |= bool(trace.hollow & set(np.flatnonzero(there).tolist()))
    seen = np.stack([cells.argmax(1), size - cells[:, ::-1].argmax(1)], 1) * there[:, None]
    low, high = unpack_ends(state[1].max(others), 1)
    unclipped = seen if trace.whole else np.stack([low, high + 1], 1) * there[:, None]
    return AxisWindows(seen, unclipped, size, trace)


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
