"""Logits as a function of pixels, with slopes, and a count of the passes they took."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..network.backward.gradient import unless_recomputed
from .goal import Goal, Loss

Scores = Callable[[Tensor], Tensor]


@dataclass
class Passes:
    """How often the picture of each row went `forward` and `backward`; `last` are those that went last."""

    forward: Counter[int] = field(default_factory=Counter)
    backward: Counter[int] = field(default_factory=Counter)
    last: Tensor | None = None


class Model:
    """`scores` gives the logits (N, K) of pixels (N, …) from 0 to 1, each row by itself.

    Of those that take no slopes at most `at_once` go through together.

    `passes` counts what each row took.
    """

    def __init__(self, scores: Scores, at_once: int = 1 << 30) -> None:
        self.scores, self.at_once = scores, at_once
        self.passes = Passes()
        self._rows: Tensor | None = None

    def rows(self, kept: Tensor) -> Model:
        """The same for pixels of these rows, by number, for which it counts what they take."""
        other = copy.copy(self)
        other._rows = kept
        return other

    @property
    def forward(self) -> int:
        """How many pictures went forward."""
        return self.passes.forward.total()

    @property
    def backward(self) -> int:
        """How many gradients came back."""
        return self.passes.backward.total()

    def logits(self, x: Tensor) -> Tensor:
        """The logits, without slopes."""
        with torch.no_grad():
            self._count(x, 0)
            return torch.cat([self.scores(part) for part in torch.split(x, self.at_once)])

    def slopes(self, x: Tensor, toward: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Logits, and the gradient of each row's own sum of them, weighted as `toward` says of the logits: (N, …)."""
        logits, slopes = self.several_slopes(x, lambda logits: toward(logits)[None])
        return logits, slopes[0]

    def several_slopes(self, x: Tensor, toward: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Logits, and gradients (M, N, …) of M sums of them with weights (M, N, K), all from one forward."""
        with torch.enable_grad(), unless_recomputed():
            leaf = x.detach().clone().requires_grad_()
            logits = self.scores(leaf)
            weights = toward(logits.detach())
            self._count(x, len(weights) if logits.requires_grad else 0)
            if not logits.requires_grad:
                return logits.detach(), leaf.new_zeros((len(weights), *leaf.shape))
            slopes = [self._slope(logits, leaf, weights, number) for number in range(len(weights))]
        return logits.detach(), torch.stack(slopes)

    def lead(self, x: Tensor, goal: Goal, loss: Loss = "margin") -> tuple[Tensor, Tensor]:
        """Logits, and the gradient of what leads to the goal."""
        return self.slopes(x, lambda logits: goal.slope(logits, loss))

    def _count(self, x: Tensor, slopes: int) -> None:
        rows = range(len(x)) if self._rows is None else self._rows.tolist()
        self.passes.forward.update(rows)
        self.passes.backward.update(dict.fromkeys(rows, slopes))
        self.passes.last = x

    @staticmethod
    def _slope(logits: Tensor, leaf: Tensor, weights: Tensor, number: int) -> Tensor:
        last = number == len(weights) - 1
        (found,) = torch.autograd.grad(logits, leaf, weights[number], retain_graph=not last, allow_unused=True)
        return torch.zeros_like(leaf) if found is None else found


@dataclass
class Found:
    """What an attack came to, a row each: `pixels` (N, …), whether they `reached` the goal, and by which `lead`.

    `history` are the leads on the way, (N,) each, NaN for a row that had ended; `flat` (N,) says where no gradient came
    back.
    """

    pixels: Tensor
    reached: Tensor
    lead: Tensor
    flat: Tensor
    history: list[Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, x: Tensor) -> Found:
        """Nothing yet."""
        none = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        return cls(x.clone(), none, x.new_full((len(x),), -torch.inf), none.clone())

    def rows(self, kept: slice) -> Found:
        """What became of some rows."""
        return replace(
            self, pixels=self.pixels[kept], reached=self.reached[kept], lead=self.lead[kept], flat=self.flat[kept]
        )

    def offer(self, rows: Tensor, pixels: Tensor, lead: Tensor, reached: Tensor) -> None:
        """Keep what has the larger lead, and write the lead down."""
        self._write(rows, lead)
        better = lead > self.lead[rows]
        self._keep(rows[better], pixels[better], lead[better], reached[better])

    def offer_nearer(self, rows: Tensor, pixels: Tensor, lead: Tensor, reached: Tensor, clean: Tensor) -> None:
        """Keep what reaches the goal at the smaller distance from `clean`; where nothing does, the larger lead."""
        self._write(rows, lead)
        before, now = (euclidean_distance(kept, clean[rows]) for kept in (self.pixels[rows], pixels))
        nearer = torch.where(self.reached[rows], reached & (now < before), reached | (lead > self.lead[rows]))
        self._keep(rows[nearer], pixels[nearer], lead[nearer], reached[nearer])

    def _keep(self, rows: Tensor, pixels: Tensor, lead: Tensor, reached: Tensor) -> None:
        self.pixels[rows], self.lead[rows], self.reached[rows] = pixels, lead.to(self.lead.dtype), reached

    def _write(self, rows: Tensor, lead: Tensor) -> None:
        told = torch.full_like(self.lead, torch.nan)
        told[rows] = lead.to(told.dtype)
        self.history.append(told)


def euclidean_distance(x: Tensor, y: Tensor) -> Tensor:
    """The Euclidean distance of rows, (N,)."""
    return euclid(x - y)


def euclid(x: Tensor) -> Tensor:
    """The Euclidean length of each row, (N,)."""
    found: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return found


def largest_magnitude(x: Tensor) -> Tensor:
    """The largest magnitude of each row, (N,)."""
    return x.flatten(1).abs().amax(1)


def spread(values: Tensor, like: Tensor) -> Tensor:
    """Values (N,) in the form (N, 1, …) that multiplies `like`."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
