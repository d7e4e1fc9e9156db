"""L-BFGS with a short history and no line search, whose whole state is a few tensors, so that it can be taken up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_FIRST = 0.01  # the mean length of the first step, of which nothing is known yet; and ten times it is the most of any
STEPS, TURNS, PLACE, SLOPE = "steps", "turns", "place", "slope"


class LBFGS(torch.optim.Optimizer):
    """Limited-memory BFGS (Nocedal 1980, "Updating quasi-Newton matrices with limited storage").

    It remembers the last `history` moves and what they changed of the gradient. A move is measured by where a
    parameter is found next, so that it may be clipped in between. Each parameter, (1, C, H, W), is on its own.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float = 1.0, history: int = 10) -> None:
        super().__init__(parameters, {"lr": lr, "history": history})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take a step along each parameter's gradient as the history bends it."""
        for group in self.param_groups:
            for p in group["params"]:
                self._remember(p, group["history"])
                p -= self._bent(p, group["lr"])

    def _remember(self, p: Tensor, history: int) -> None:
        state = self.state[p]
        none = p.new_zeros(0, *p.shape[1:])
        steps, turns = state.get(STEPS, none), state.get(TURNS, none)
        if PLACE in state:
            step, turn = p - state[PLACE], p.grad - state[SLOPE]
            if (step * turn).sum() > 1e-10 * turn.square().sum():  # else the curvature says to go downhill
                steps, turns = (torch.cat([old, new])[-history:] for old, new in ((steps, step), (turns, turn)))
        assert p.grad is not None
        self.state[p] = {STEPS: steps, TURNS: turns, PLACE: p.detach().clone(), SLOPE: p.grad.detach().clone()}

    def _bent(self, p: Tensor, rate: float) -> Tensor:
        """The step to take: the gradient times the inverse of the curvature that was seen."""
        steps, turns = self.state[p][STEPS], self.state[p][TURNS]
        assert p.grad is not None
        found = p.grad.clone()
        if not len(steps):
            return found * (rate * _FIRST / found.abs().mean().clamp(min=1e-30))
        scales = [1 / (s * y).sum() for s, y in zip(steps, turns, strict=True)]
        shares = []
        for s, y, scale in reversed(list(zip(steps, turns, scales, strict=True))):
            shares.append(scale * (s * found).sum())
            found -= shares[-1] * y
        found *= 1 / (scales[-1] * turns[-1].square().sum())
        for s, y, scale, share in zip(steps, turns, scales, reversed(shares), strict=True):
            found += s * (share - scale * (y * found).sum())
        length = rate * found
        return length * (10 * _FIRST / length.abs().mean().clamp(min=1e-30)).clamp(max=1)
