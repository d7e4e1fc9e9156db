"""L-BFGS with a short history and no line search, whose whole state is a few tensors, so that it can be taken up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_FIRST = 0.01  # the mean length of the first step, of which nothing is known yet; and ten times it is the most of any
STEPS, TURNS, MOVES, PLACE, SLOPE = "steps", "turns", "moves", "place", "slope"


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
        """Put the last move in the place of the oldest one: in place, since all of them are much memory."""
        state = self.state[p]
        assert p.grad is not None
        if MOVES not in state:
            state |= {name: p.new_zeros(history, *p.shape[1:]) for name in (STEPS, TURNS)}
            state[MOVES] = torch.tensor(0)
        if PLACE in state:
            step, turn = p - state[PLACE], p.grad - state[SLOPE]
            if (step * turn).sum() > 1e-10 * turn.square().sum():  # else the curvature says to go downhill
                slot = int(state[MOVES]) % history
                state[STEPS][slot], state[TURNS][slot] = step[0], turn[0]
                state[MOVES] += 1
        state[PLACE], state[SLOPE] = p.detach().clone(), p.grad.detach().clone()

    def _bent(self, p: Tensor, rate: float) -> Tensor:
        """The step to take: the gradient times the inverse of the curvature that was seen."""
        assert p.grad is not None
        found = p.grad.clone()
        moves = self._moves(p)
        if not moves:
            return found * (rate * _FIRST / found.abs().mean().clamp(min=1e-30))
        scales = [1 / (s * y).sum() for s, y in moves]
        shares = []
        for (s, y), scale in reversed(list(zip(moves, scales, strict=True))):
            shares.append(scale * (s * found).sum())
            found -= shares[-1] * y
        found *= 1 / (scales[-1] * moves[-1][1].square().sum())
        for (s, y), scale, share in zip(moves, scales, reversed(shares), strict=True):
            found += s * (share - scale * (y * found).sum())
        length = rate * found
        return length * (10 * _FIRST / length.abs().mean().clamp(min=1e-30)).clamp(max=1)

    def _moves(self, p: Tensor) -> list[tuple[Tensor, Tensor]]:
        """What is remembered, steps and turns (1, C, H, W), from the oldest on."""
        steps, turns, moves = self.state[p][STEPS], self.state[p][TURNS], int(self.state[p][MOVES])
        history = len(steps)
        slots = [number % history for number in range(max(0, moves - history), moves)]
        return [(steps[slot : slot + 1], turns[slot : slot + 1]) for slot in slots]
