"""Changes in whole steps of 8 bits: what a file can hold, put right where rounding lost what was found."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .goal import Goal
from .model import Model

_ROUNDS, _HALVINGS, _DOUBLINGS = 20, 9, 20
NOTHING = 0.499  # of a step is rounded to none
_FAR, _SHORTER = 1e6, 1 - 1e-9


@dataclass(frozen=True, eq=False)
class Lattice:
    """The bytes of a picture, `clean` (1, …), and how far they may go, in whole steps.

    No byte goes more than `most` steps, nor out of 0 to 255; all together their Euclidean length is at most `length`.
    """

    clean: Tensor
    most: int = 255
    length: float = torch.inf

    def pixels(self, steps: Tensor) -> Tensor:
        """The picture so many steps away, from 0 to 1."""
        return (self.clean + steps) / 255

    def kept(self, steps: Tensor) -> Tensor:
        """The nearest whole steps that are allowed one by one."""
        whole = steps.round().clamp(-self.most, self.most)
        return torch.minimum(torch.maximum(whole, -self.clean), 255 - self.clean)

    def nearest(self, x: Tensor) -> Tensor:
        """The steps to pixels x, rounded; as long as is allowed where a length is, which is theirs or more."""
        steps = x.mul(255) - self.clean
        return self.kept(steps) if self.length == torch.inf else self.along(steps, self.length)

    def along(self, direction: Tensor, length: float) -> Tensor:
        """The longest whole steps along a direction that are no longer than `length`."""
        ray = Ray(self, direction)
        return ray.at(ray.reach(length))

    def pushed(self, steps: Tensor, slope: Tensor, gain: float) -> Tensor:
        """One step more of the values of the steepest slopes, as many as gain so much, among those that have room."""
        toward = slope.sign()
        moved = self.kept(steps + toward)
        gains = torch.where(moved != steps, slope.abs(), 0).flatten()
        cost = ((moved**2) - (steps**2)).flatten()
        order = (gains / cost.clamp(min=1e-3)).argsort(descending=True, stable=True)
        enough = torch.searchsorted(gains[order].double().cumsum(0), gain * 255)
        affords = torch.searchsorted(
            cost[order].double().cumsum(0), self.length**2 - float(steps.square().sum()), right=True
        )
        chosen = order[: max(1, min(int(enough) + 1, int(affords)))]
        found = steps.flatten().clone()
        found[chosen] = moved.flatten()[chosen]
        return found.reshape(steps.shape) if float(found.square().sum()) <= self.length**2 else steps


class Ray:
    """Whole steps along a direction g, as far as c: c · g rounded, where g is scaled so that its largest value is 1.

    They are those of least length for what they gain, where that is linear with slopes g: a step from n to n + 1 adds
    2 n + 1 to the square of the length, so the next best value is always the next that is rounded up.
    """

    def __init__(self, lattice: Lattice, direction: Tensor) -> None:
        top = direction.abs().max()
        self.lattice, self.direction = lattice, direction / torch.where(top > 0, top, 1)
        self.end = lattice.kept(255 * direction.sign())

    def at(self, c: float) -> Tensor:
        """The steps."""
        return self.lattice.kept(c * self.direction)

    def ends(self, c: float) -> bool:
        """Whether no value has room for more, or those that have are a millionth of the largest."""
        return c > _FAR or torch.equal(self.at(c), self.end)

    def reach(self, length: float) -> float:
        """The largest c whose steps are no longer."""
        low, high = NOTHING, 2 * NOTHING
        while length_of(self.at(high)) <= length and not self.ends(high):
            low, high = high, 2 * high
        for _ in range(_DOUBLINGS):
            between = (low + high) / 2
            low, high = (between, high) if length_of(self.at(between)) <= length else (low, between)
        return low


def length_of(steps: Tensor) -> float:
    """The Euclidean length."""
    return float(torch.linalg.vector_norm(steps, dtype=torch.float64))


@dataclass
class Stepped:
    """Whole steps, whether they `reached` the goal, and by which `lead`; `rounds` were needed after rounding."""

    steps: Tensor
    lead: float
    reached: bool
    rounds: int = 0

    @property
    def length(self) -> float:
        """The Euclidean length of the steps."""
        return length_of(self.steps)


def looked_at(model: Model, lattice: Lattice, goal: Goal, steps: Tensor) -> Stepped:
    """What the network makes of so many steps."""
    logits = model.logits(lattice.pixels(steps))
    return Stepped(steps, float(goal.lead(logits)), bool(goal.reached(logits)))


def repaired(model: Model, lattice: Lattice, goal: Goal, x: Tensor) -> Stepped:
    """Pixels x (1, …) on the lattice, put right where rounding lost the goal: the best of up to 20 rounds.

    Each takes the slope where it stands and moves the values of the largest ones by a step, as many as are needed by
    that slope and then some (Carlini, in his answers to nn_robust_attacks, advises such a search on the lattice).
    """
    best = here = looked_at(model, lattice, goal, lattice.nearest(x))
    for number in range(1, _ROUNDS + 1):
        if best.reached:
            break
        _, slope = model.lead(lattice.pixels(here.steps), goal)
        moved = lattice.pushed(here.steps, slope, (goal.kappa - here.lead) * (1 + number / 4))
        if torch.equal(moved, here.steps):  # no room, or no length left: all of it along this slope
            moved = lattice.along(slope, lattice.length)
        if torch.equal(moved, here.steps):
            break
        here = looked_at(model, lattice, goal, moved)
        here.rounds = number
        best = here if here.lead > best.lead else best
    return best


def fewest(model: Model, lattice: Lattice, goal: Goal, direction: Tensor, rounds: Iterable[int]) -> Stepped:
    """The shortest whole steps that reach the goal: along a direction, then along the slope where those end, and so on.

    Along each the length is found by halving. The shortest steps of all lie along their own slope, for which a slope is
    taken anew in each of `rounds`; where that brings nothing shorter, halfway between the two directions, then no more.
    """
    best, along, mixed = _shortest(model, lattice, goal, direction, torch.inf), direction, False
    for number in rounds:
        _, slope = model.lead(lattice.pixels(best.steps), goal)
        if not slope.any():
            break
        toward = _unit(slope) + _unit(along) if mixed or not best.reached else slope
        found = _shortest(model, lattice, goal, toward, best.length * _SHORTER if best.reached else torch.inf)
        if found.reached if best.reached else found.lead > best.lead:
            best, along, mixed = replace(found, rounds=number + 1), toward, False
        elif mixed:
            break
        else:
            mixed = True
    return best


def _unit(x: Tensor) -> Tensor:
    return x / max(length_of(x), 1e-30)


def _shortest(model: Model, lattice: Lattice, goal: Goal, direction: Tensor, below: float) -> Stepped:
    """The shortest steps along a direction that reach the goal, no longer than `below`; else how far those lead."""
    ray, low = Ray(lattice, direction), NOTHING
    high = 2 * low if below == torch.inf else ray.reach(below)
    best = looked_at(model, lattice, goal, ray.at(high))
    while below == torch.inf and not best.reached and not ray.ends(high):
        low, high = high, 2 * high
        best = looked_at(model, lattice, goal, ray.at(high))
    for _ in range(_HALVINGS if best.reached else 0):
        between = math.sqrt(low * high)
        found = looked_at(model, lattice, goal, ray.at(between))
        low, high = (low, between) if found.reached else (between, high)
        best = found if found.reached else best
    return best
