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
class ByteLattice:
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
        moved = self.kept(steps + slope.sign())
        gains = torch.where(moved != steps, slope.abs(), 0).flatten().double()
        order = gains.argsort(descending=True, stable=True)
        enough = int(torch.searchsorted(gains[order].cumsum(0), 255 * gain)) + 1
        found = steps.flatten().clone()
        found[order[:enough]] = moved.flatten()[order[:enough]]
        return found.reshape(steps.shape)


class Ray:
    """Whole steps along a direction g, as far as c: c · g rounded, where g is scaled so that its largest value is 1.

    They are those of least length for what they gain, where that is linear with slopes g: a step from n to n + 1 adds
    2 n + 1 to the square of the length, so the next best value is always the next that is rounded up.
    """

    def __init__(self, lattice: ByteLattice, direction: Tensor) -> None:
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


def looked_at(model: Model, lattice: ByteLattice, goal: Goal, steps: Tensor) -> Stepped:
    """What the network makes of so many steps."""
    logits = model.logits(lattice.pixels(steps))
    return Stepped(steps, float(goal.lead(logits)), bool(goal.reached(logits)))


def repaired(model: Model, lattice: ByteLattice, goal: Goal, x: Tensor) -> Stepped:
    """Pixels x (1, …) on the lattice, put right where rounding lost the goal; see `mended`."""
    return mended(model, lattice, goal, looked_at(model, lattice, goal, lattice.nearest(x)))


def mended(model: Model, lattice: ByteLattice, goal: Goal, here: Stepped) -> Stepped:
    """Whole steps that miss the goal, put right: the best of up to 20 rounds.

    Each takes the slope where it stands and moves the values of the largest ones by a step: as many as are needed by
    that slope, and from round to round more than that; where the length is bounded, all go along the slope, and then
    halfway to it. Carlini
    advises such a search on the lattice.
    """
    best = here
    for number in range(_ROUNDS):
        if here.reached:
            break
        _, slope = model.lead(lattice.pixels(here.steps), goal)
        if lattice.length == torch.inf:
            moved = lattice.pushed(here.steps, slope, (goal.kappa - here.lead) * 1.5**number)
        else:
            moved = lattice.along(_unit(slope) + (number > 0) * _unit(here.steps), lattice.length)
        if torch.equal(moved, here.steps):
            break
        here = replace(looked_at(model, lattice, goal, moved), rounds=number + 1)
        best = here if here.lead > best.lead else best
    return best


def fewest(
    model: Model, lattice: ByteLattice, goal: Goal, direction: Tensor, rounds: Iterable[int], reach: float = 1.0
) -> Stepped:
    """The shortest whole steps that reach the goal: along a direction, then along the slope where those end, and so on.

    Along each the length is found by halving; `reach` is how far the direction leads by itself. Shortest of all are
    steps along their own slope, so one is taken anew in each of `rounds`; where that brings nothing shorter, halfway
    between the two directions, and then no more. Where the first direction leads nowhere, it is put right.
    """
    best = _shortest(model, lattice, goal, direction, reach)
    best = best if best.reached else mended(model, lattice, goal, best)
    along, mixed = direction, False
    for number in rounds if best.reached else ():
        _, slope = model.lead(lattice.pixels(best.steps), goal)
        toward = _unit(slope) + _unit(along) if mixed else slope
        found = _shorter(model, lattice, goal, toward, best.length)
        if found.reached:
            best, along, mixed = replace(found, rounds=number + 1), toward, False
        elif mixed:
            break
        else:
            mixed = True
    return best


def _unit(x: Tensor) -> Tensor:
    return x / max(length_of(x), 1e-30)


def _shortest(model: Model, lattice: ByteLattice, goal: Goal, direction: Tensor, reach: float) -> Stepped:
    """The shortest steps along a direction that reach the goal; else those that come nearest to it."""
    ray, low = Ray(lattice, direction), NOTHING
    high = max(2 * low, reach * float(direction.abs().max()))
    best = here = looked_at(model, lattice, goal, ray.at(high))
    for _ in range(_DOUBLINGS):
        if here.reached or ray.ends(high) or here.lead < best.lead:
            break
        low, high = high, 2 * high
        best, here = (here if here.lead > best.lead else best), looked_at(model, lattice, goal, ray.at(high))
    return _halved(model, goal, ray, low, high, here) if here.reached else best


def _shorter(model: Model, lattice: ByteLattice, goal: Goal, direction: Tensor, length: float) -> Stepped:
    """The shortest steps along a direction that reach the goal and are shorter than `length`, if there are any."""
    ray = Ray(lattice, direction)
    high = ray.reach(length * _SHORTER)
    here = looked_at(model, lattice, goal, ray.at(high))
    return _halved(model, goal, ray, NOTHING, high, here) if here.reached else here


def _halved(model: Model, goal: Goal, ray: Ray, low: float, high: float, best: Stepped) -> Stepped:
    """The shortest steps between two places of a ray, of which the farther reaches the goal with `best`."""
    for _ in range(_HALVINGS):
        between = math.sqrt(low * high)
        steps = ray.at(between)
        if torch.equal(steps, best.steps):
            high = between
            continue
        found = looked_at(model, ray.lattice, goal, steps)
        low, high = (low, between) if found.reached else (between, high)
        best = found if found.reached else best
    return best
