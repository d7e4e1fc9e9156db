"""A plan run forward, keeping what the way back needs, and then backward: the gradient of what it put out.

See `docs/how/gradients.md`. Weights are constants, so that a convolution keeps nothing of its input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..network.backward.backward_rules import Rule
from .plan import BATCH, Plan
from .reversed_steps import Alone, Gradients, Joined, ReversedStep, Smoothly, reversed_step


@dataclass(frozen=True)
class Reversible:
    """A plan that can be run backward, its rectifiers under a `rule`, smooth activations too where `smooth`."""

    plan: Plan
    rule: Rule | None = None
    smooth: bool = False

    @cached_property
    def steps(self) -> tuple[ReversedStep, ...]:
        """The plan's steps, in its order."""
        return tuple(reversed_step(step, self.rule, self.smooth, self.plan.shapes) for step in self.plan.steps)

    @property
    def rectifiers(self) -> int:
        """How many steps follow the rule."""
        return sum(_follows(step) for step in self.steps)

    def run(self, x: Tensor) -> Passed:
        """Run it on inputs x, (N, C, H, W)."""
        values: dict[str, Any] = {self.plan.start: x, BATCH: len(x)}
        kept, left = [], self.plan.readers.copy()
        with torch.inference_mode(False), torch.no_grad():
            for step in self.steps:
                values[step.step.name], keep = step.run(values)
                kept.append(keep)
                self.plan.free(step.step, values, left)
        return Passed(self, {layer: values[name] for layer, name in self.plan.outputs.items()}, kept)


@dataclass(frozen=True)
class Passed:
    """One run forward: the tensors at the plan's layers, and what was kept for one run backward."""

    way: Reversible
    outputs: Mapping[str, Tensor]
    kept: list[Any]

    def back(self, grads: Mapping[str, Tensor]) -> Tensor | None:
        """The gradient of the inputs, given those of layers; None where none comes back. What was kept is used up."""
        plan, gradients = self.way.plan, Gradients()
        for layer, grad in grads.items():
            gradients.add(plan.outputs[layer], grad)
        with torch.inference_mode(False), torch.no_grad():
            for step in reversed(self.way.steps):
                step.back(self.kept.pop(), gradients)
        return gradients.take(plan.start)[0]


def _follows(step: ReversedStep) -> bool:
    match step:
        case Joined() | Alone():
            return step.rectify is not None and step.rectify.rule is not None
    return isinstance(step, Smoothly)
