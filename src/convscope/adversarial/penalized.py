"""The smallest change by a penalty: Carlini and Wagner's objective, begun where linear networks end."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from .boundary import to_boundary
from .goal import Goal
from .model import Found, Model, euclid, spread

_HALVINGS = 10  # of the way from the clean picture to what was found


def penalized(
    model: Model, clean: Tensor, goal: Goal, steps: Iterable[int], *, searches: int, per_search: int, begin: int = 50
) -> Found:
    """The change δ of the least ‖δ‖² + c · max(κ − lead, 0), with the c for which that just reaches the goal.

    Carlini and Wagner 2017, in the variant that keeps to the box by projection: no pixel is stuck at black or white.
    It begins where DeepFool ends. There the slope w of the lead gives c = 2 ‖δ‖ / ‖w‖, which of a linear network is
    the one that is looked for, so few of `searches` are needed, of `per_search` steps each; `steps` goes through all of
    them. A step goes a share of the way to the minimum (c / 2) · w of the linearized objective, and ever less.
    """
    found = to_boundary(model, clean, goal, "l2", range(begin))
    rows = torch.nonzero(~found.flat)[:, 0]
    if not len(rows):
        return found
    model, goal, start = model.rows(rows), goal.rows(rows), found.pixels[rows] - clean[rows]
    delta, clean_rows = start.clone(), clean[rows]
    weight = _Weight(start)
    for number in steps:
        x = (clean_rows + delta).clamp(0, 1)
        logits, slope = model.lead(x, goal)
        reached = goal.reached(logits)
        found.offer_nearer(rows, x, goal.lead(logits), reached, clean)
        weight.see(slope, reached)
        going = (number % per_search) + 1
        toward = spread(torch.where(reached, 0, weight.c / 2), slope) * slope
        delta = ((1 - 1 / (1 + going)) * delta + toward / (1 + going)).clamp(-clean_rows, 1 - clean_rows)
        if going == per_search:
            weight.search(found.reached[rows])
            delta = torch.where(spread(found.reached[rows], delta), found.pixels[rows] - clean_rows, start)
    _halve(model, clean, goal, found, rows)
    return found


class _Weight:
    """The weight c of each row, searched for on its logarithm between one that was too small and one that was not."""

    def __init__(self, start: Tensor) -> None:
        self.size = euclid(start)
        self.c = torch.zeros_like(self.size)
        self.low, self.high = torch.zeros_like(self.c), torch.full_like(self.c, torch.inf)
        self.ever = torch.zeros_like(self.c, dtype=torch.bool)

    def see(self, slope: Tensor, reached: Tensor) -> None:
        """The first slope tells c; a search notes whether it came to its goal."""
        steep = euclid(slope)
        closed = 2 * self.size / steep.clamp(min=torch.finfo(steep.dtype).tiny)
        self.c = torch.where(self.c == 0, 1.02 * closed, self.c)
        self.ever |= reached

    def search(self, _: Tensor) -> None:
        """Another c: smaller where the goal was reached, larger where it was not."""
        self.high = torch.where(self.ever, torch.minimum(self.high, self.c), self.high)
        self.low = torch.where(self.ever, self.low, torch.maximum(self.low, self.c))
        between = torch.where(self.low > 0, (self.low * self.high).sqrt(), self.high / 2)
        self.c = torch.where(self.high.isinf(), 2 * self.c, between)
        self.ever = torch.zeros_like(self.ever)


def _halve(model: Model, clean: Tensor, goal: Goal, found: Found, rows: Tensor) -> None:
    """Go back toward the clean pictures as far as the goal stays reached."""
    low, high = torch.zeros(len(rows)).to(clean), torch.ones(len(rows)).to(clean)
    whole = found.pixels[rows] - clean[rows]
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        x = clean[rows] + spread(share, whole) * whole
        logits = model.logits(x)
        reached = goal.reached(logits)
        found.offer_nearer(rows, x, goal.lead(logits), reached, clean)
        low, high = torch.where(reached, low, share), torch.where(reached, share, high)
