"""Steps along the gradient, each projected back to a ball around the clean picture: FGSM, BIM, PGD and MI-FGSM."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from .goal import Goal, Loss
from .model import Found, Model, euclid, largest_magnitude, spread

Norm = Literal["linf", "l2"]


@dataclass(frozen=True)
class Ball:
    """Pixels from 0 to 1 at most `radius` from the clean ones, in the largest or the Euclidean norm."""

    radius: float
    norm: Norm = "linf"

    def project(self, x: Tensor, clean: Tensor) -> Tensor:
        """The nearest of the ball, then of the box; a cut to the box brings nothing out of the ball."""
        delta = x - clean
        if self.norm == "linf":
            return (clean + delta.clamp(-self.radius, self.radius)).clamp(0, 1)
        size = euclid(delta)
        share = (self.radius / size.clamp(min=1e-30)).clamp(max=1)
        return (clean + delta * spread(share, delta)).clamp(0, 1)

    def ascent(self, gradient: Tensor) -> Tensor:
        """The steepest direction, of length 1; zero where the gradient is."""
        if self.norm == "linf":
            return gradient.sign()
        size = euclid(gradient)
        return gradient / spread(torch.where(size > 0, size, 1), gradient)

    def draw(self, clean: Tensor, seed: int) -> Tensor:
        """Where to begin: uniform in the ball, the same for each row whatever others there are."""
        generator = torch.Generator().manual_seed(seed)
        shape, numbers = clean.shape[1:], clean.new_empty(0).double().cpu()
        if self.norm == "linf":
            drawn = torch.rand(shape, generator=generator, dtype=numbers.dtype) * 2 - 1
        else:
            drawn = torch.randn(shape, generator=generator, dtype=numbers.dtype)
            reach = torch.rand((), generator=generator, dtype=numbers.dtype) ** (1 / drawn.numel())
            drawn = drawn / drawn.norm() * reach
        return (clean + self.radius * drawn.to(clean)).clamp(0, 1)


def projected_steps(
    model: Model,
    clean: Tensor,
    goal: Goal,
    ball: Ball,
    step: float,
    steps: Iterable[int],
    *,
    start: Tensor | None = None,
    memory: float | None = None,
    loss: Loss = "ce",
) -> Found:
    """Go up what leads to the goal, `step` at a time, within a ball around `clean` (N, …), pixels from 0 to 1.

    A row ends where it reaches the goal, or where no gradient comes back, and takes no more passes. With `memory` the
    gradients, each of length 1 in the sum norm, add up with that factor (Dong et al. 2018).
    """
    found, x = Found.of(clean), (clean if start is None else start).clone()
    gathered = None if memory is None else torch.zeros_like(x)
    rows = torch.arange(len(x), device=x.device)
    for _ in steps:
        logits, gradient = model.rows(rows).lead(x[rows], goal.rows(rows), loss)
        going = offer_rows(found, rows, x, goal, logits) & (largest_magnitude(gradient) > 0)
        found.flat[rows] |= largest_magnitude(gradient) == 0
        rows, gradient = rows[going], gradient[going]
        if not len(rows):
            break
        if gathered is not None and memory is not None:
            total = gradient.flatten(1).abs().sum(1)
            gathered[rows] = gradient = memory * gathered[rows] + gradient / spread(total, gradient)
        x[rows] = ball.project(x[rows] + step * ball.ascent(gradient), clean[rows])
    if len(rows):
        offer_rows(found, rows, x, goal, model.rows(rows).logits(x[rows]))
    lost = found.flat & ~found.reached
    found.pixels[lost] = clean[lost]  # and not where it began by chance
    return found


def offer_rows(found: Found, rows: Tensor, x: Tensor, goal: Goal, logits: Tensor) -> Tensor:
    """Note where rows of x stand, and say which have not reached the goal."""
    own = goal.rows(rows)
    reached = own.reached(logits)
    found.offer(rows, x[rows], own.lead(logits), reached)
    return ~reached
