"""Levels and lanes of a graph: how far each node is from the input, and which way around the others it goes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import count

from ..workspace.kept_graph import Inputs

Levels = dict[str, int]
Weights = Mapping[str, float]
Interval = tuple[int, int]


def longest_levels(inputs: Inputs) -> Levels:
    """The number of steps on the longest way from a node without inputs to each node; inputs come first."""
    found: Levels = {}
    for name, read in inputs.items():
        found[name] = 1 + max((found[other] for other in read), default=-1)
    return found


def paths(inputs: Inputs, weights: Weights) -> list[list[str]]:
    """All nodes in paths: the longest first, of equally long ones the heaviest, then the longest of what is left."""
    left, found = dict.fromkeys(inputs), list[list[str]]()
    while left:
        found.append(_longest(inputs, weights, left))
        for name in found[-1]:
            del left[name]
    return found


def lanes_of(inputs: Inputs, levels: Levels, weights: Weights) -> dict[str, int]:
    """The lane of each node: 0 for the longest path, the nearest that is free all along on either side for the others.

    A path has its lane to itself from what it reads to what reads it, so no edge at its ends crosses another plane.
    """
    readers = defaultdict[str, list[str]](list)
    for name, read in inputs.items():
        for other in read:
            readers[other].append(name)
    busy, sides, found = defaultdict[int, list[Interval]](list), Counter[bool](), dict[str, int]()
    for path in paths(inputs, weights):
        before, after = inputs[path[0]], readers[path[-1]]
        begin = min((levels[name] for name in before), default=levels[path[0]] - 1) + 1
        end = max((levels[name] for name in after), default=levels[path[-1]] + 1) - 1
        beside = [found[name] for name in (*before, *after) if name in found]
        lane = _free(busy, (begin, end), sum(beside) / len(beside) if beside else 0.0, sides)
        busy[lane].append((begin, end))
        sides[lane > 0] += end - begin + 1
        found.update(dict.fromkeys(path, lane))
    return found


def _longest(inputs: Inputs, weights: Weights, left: Mapping[str, None]) -> list[str]:
    best, before = dict[str, tuple[int, float]](), dict[str, str | None]()
    for name in left:
        far = [other for other in inputs[name] if other in left]
        last = max(far, key=best.__getitem__, default=None)
        steps, weight = best[last] if last is not None else (0, 0.0)
        best[name], before[name] = (steps + 1, weight + weights[name]), last
    path, at = list[str](), max(best, key=best.__getitem__)
    step: str | None = at
    while step is not None:
        path.append(step)
        step = before[step]
    return path[::-1]


def _free(busy: Mapping[int, list[Interval]], wanted: Interval, beside: float, sides: Counter[bool]) -> int:
    begin, end = wanted
    for far in count():
        lanes = [lane for lane in {far, -far} if all(end < first or last < begin for first, last in busy[lane])]
        if lanes:
            return min(lanes, key=lambda lane: (abs(lane - beside), sides[lane > 0], lane))
    raise AssertionError  # pragma: no cover
