"""What an attack is after: another class than the own one, or one class in particular."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

Loss = Literal["ce", "margin"]


@dataclass(frozen=True)
class Goal:
    """For each row of logits (N, K): any class but that of `classes` (N,), or, if `targeted`, that one.

    It is reached where the lead of what is wanted is more than `kappa`, in logits. All of it depends on differences of
    logits alone, so that adding a number to them changes nothing, and works for two classes and more.
    """

    classes: Tensor
    targeted: bool = False
    kappa: float = 0.0

    def rows(self, kept: Tensor | slice) -> Goal:
        """The goal of some rows, by number or by mask."""
        return replace(self, classes=self.classes[kept])

    def lead(self, logits: Tensor) -> Tensor:
        """By how much what is wanted leads, (N,): the target over all others, or the best other over the own class."""
        named = logits.gather(1, self.classes[:, None])[:, 0]
        others = self.others(logits).amax(1)
        return named - others if self.targeted else others - named

    def reached(self, logits: Tensor) -> Tensor:
        """Where the lead is large enough, (N,)."""
        return self.lead(logits) > self.kappa

    def others(self, logits: Tensor) -> Tensor:
        """The logits of all classes but the named one, which has minus infinity."""
        return logits.scatter(1, self.classes[:, None], -torch.inf)

    def slope(self, logits: Tensor, loss: Loss = "margin") -> Tensor:
        """The direction in logits, (N, K), that leads to the goal: of cross-entropy, or of the lead itself.

        Cross-entropy's is (1 − p) · (softmax over the other classes − the named one's unit vector): without its factor,
        which only tells how far the way is, it does not vanish where the network is very sure.
        """
        others = self.others(logits)
        weights = others.double().softmax(1) if loss == "ce" else _one_hot(others.argmax(1), logits)
        away = weights.to(logits.dtype) - _one_hot(self.classes, logits)
        return -away if self.targeted else away


def _one_hot(classes: Tensor, logits: Tensor) -> Tensor:
    return torch.zeros_like(logits).scatter(1, classes[:, None], 1)
