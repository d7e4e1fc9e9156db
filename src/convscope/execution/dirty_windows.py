"""Where a hidden patch changes the maps of a network: windows, exact to the pixel, for many positions of the patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..base.pixels import Ints
from ..graph.trace import INPUT
from ..graph.window import Reach
from .plan import Plan


@dataclass(frozen=True)
class Interval:
    """First and last place of a window along one axis, for each of some positions of the patch."""

    low: Ints
    high: Ints

    @property
    def length(self) -> int:
        """How many places the longest has."""
        return int((self.high - self.low).max()) + 1

    def __getitem__(self, positions: Ints) -> Interval:
        return Interval(self.low[positions], self.high[positions])

    def evened(self, size: int) -> Interval:
        """All made as long as the longest, within a map of so many places."""
        low = np.minimum(self.low, size - self.length)
        return Interval(low, low + self.length - 1)

    def inside(self, other: Interval) -> NDArray[np.bool_]:
        """Which of its places lie in another's, (positions, length)."""
        places = self.low[:, None] + np.arange(self.length)
        found: NDArray[np.bool_] = (places >= other.low[:, None]) & (places <= other.high[:, None])
        return found


DirtyWindows: TypeAlias = Mapping[str, Interval]  # by value, along one axis


def propagate_forward(plan: Plan, axis: int, patch: Interval) -> DirtyWindows:
    """The window of every value along an axis (0 is y), as far as all steps on the way work on windows."""
    found = {INPUT: patch}
    for step in plan.steps:
        if step.reach is not None and all(name in found for name in step.inputs):
            size = plan.shapes[step.name][1 + axis]
            touched = [step.reach[axis].touched(found[n].low, found[n].high, size) for n in step.inputs]
            low, high = (np.stack(ends) for ends in zip(*touched, strict=True))
            found[step.name] = Interval(low.min(0), high.max(0))
    return found


def slab(reach: Reach, window: Interval) -> Interval:
    """What of its input a step must have to compute a window of its output; it may go beyond the edges."""
    return Interval(*reach.sees(window.low, window.high))


def runs(count: int, length: int) -> list[Ints]:
    """The numbers below `count` in runs of about `length`, as even as can be."""
    return [np.asarray(run) for run in np.array_split(np.arange(count), max(1, round(count / length)))]
