"""The steps of a plan backward: what each keeps when it runs, and what it makes of the gradient of its output."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from ..network.backward.backward_rules import Rule
from ..network.backward.masks import Steps
from ..network.backward.rectifiers import SPELLINGS, Rectified
from .fused_ops import Affine, Clamp, Convolution
from .plan import BATCH, Step, Values
from .transposed import Transposed


class Gradients:
    """The gradients of values, summed as they come; a tensor that nobody else has is written to in place."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._parts: dict[str, dict[int, Tensor]] = {}  # of values that are several tensors
        self._own: set[str] = set()

    def add(self, name: str, grad: Tensor | None, own: bool = False) -> None:
        """Add to the gradient of a value; `own` is a tensor that may be written to."""
        known = self._sums.get(name)
        if grad is None:
            return
        if known is None:
            self._sums[name] = grad
        elif name in self._own:
            known.add_(grad)
        else:
            self._sums[name], own = (grad.add_(known) if own else grad + known), True
        if own:
            self._own.add(name)

    def add_part(self, name: str, number: int, grad: Tensor) -> None:
        """Add to the gradient of one of the tensors that a value is."""
        parts = self._parts.setdefault(name, {})
        parts[number] = parts[number] + grad if number in parts else grad

    def take(self, name: str) -> tuple[Tensor | None, bool]:
        """The gradient of a value, None where nothing comes back to it, and whether it may be written to."""
        own = name in self._own
        self._own.discard(name)
        return self._sums.pop(name, None), own

    def take_parts(self, name: str) -> dict[int, Tensor]:
        """The gradients of the tensors that a value is, by number, as far as something comes back to them."""
        return self._parts.pop(name, {})


class ReversedStep(Protocol):
    """A step that can be run backward."""

    step: Step

    def run(self, values: Values) -> tuple[Any, Any]:
        """The value, and what is kept for the way back."""

    def back(self, kept: Any, gradients: Gradients) -> None:
        """From the gradient of the value to those of the step's inputs."""


@dataclass(frozen=True)
class Rectify:
    """A rectifier backward, under a rule or plainly: the output tells where it was open."""

    low: float
    high: float
    rule: Rule | None = None

    def __call__(self, grad: Tensor, y: Tensor, own: bool) -> Tensor:
        """The gradient of the input, given that of the output y; in place where `own`."""
        if self.rule is not None:
            open_ = y > 0 if self.high == torch.inf else (y > 0) & (y < self.high)
            asks = getattr(self.rule, "asks_if_full", False)
            return self.rule(grad, open_, y >= self.high if asks else y.new_zeros((), dtype=torch.bool))
        aten: Any = torch.ops.aten
        into = {"grad_input": grad} if own else {}
        if (self.low, self.high) == (0, torch.inf):
            op = aten.threshold_backward.grad_input if own else aten.threshold_backward
            return cast(Tensor, op(grad, y, 0, **into))
        op = aten.hardtanh_backward.grad_input if own else aten.hardtanh_backward
        return cast(Tensor, op(grad, y, self.low, self.high, **into))


class Joined:
    """A convolution, or a norm, and the rectifier after it: it keeps its output where there is a rectifier."""

    def __init__(self, step: Step, joined: Convolution | Affine, rule: Rule | None) -> None:
        self.step, self._input = step, step.inputs[0]
        clamp = joined.clamp
        self.rectify = None if clamp is None else Rectify(clamp.low, clamp.high, rule if _rectifies(clamp) else None)
        self._scale = joined.scale if isinstance(joined, Affine) else None
        if isinstance(joined, Convolution):
            joined.transposed = joined.transposed or Transposed(joined.even)
            self._transposed = joined.transposed

    def run(self, values: Values) -> tuple[Any, Any]:
        y, x = self.step.whole(values), values[self._input]
        return y, (y if self.rectify else None, x.shape[2:])

    def back(self, kept: Any, gradients: Gradients) -> None:
        (y, size), (grad, own) = kept, gradients.take(self.step.name)
        if grad is None:
            return
        if self.rectify is not None:
            grad, own = self.rectify(grad, y, own), True
        if self._scale is not None:
            gradients.add(self._input, grad.mul_(self._scale) if own else grad * self._scale, True)
        else:
            gradients.add(self._input, self._transposed(grad, size), True)


class Alone:
    """A rectifier that is a step of its own."""

    def __init__(self, step: Step, rectify: Rectify) -> None:
        self.step, self.rectify = step, rectify

    def run(self, values: Values) -> tuple[Any, Any]:
        y = self.step.whole(values)
        return y, y

    def back(self, kept: Any, gradients: Gradients) -> None:
        grad, own = gradients.take(self.step.name)
        if grad is not None:
            gradients.add(self.step.inputs[0], self.rectify(grad, kept, own), True)


class Sum:
    """The sum of two values of one shape, to both of which the gradient goes as it is."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def run(self, values: Values) -> tuple[Any, Any]:
        return self.step.whole(values), None

    def back(self, kept: Any, gradients: Gradients) -> None:
        grad, _ = gradients.take(self.step.name)
        for name in self.step.inputs:
            gradients.add(name, grad)


class Part:
    """One of the tensors that a value is."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def run(self, values: Values) -> tuple[Any, Any]:
        return self.step.whole(values), None

    def back(self, kept: Any, gradients: Gradients) -> None:
        grad, _ = gradients.take(self.step.name)
        assert self.step.call is not None
        if grad is not None:
            gradients.add_part(self.step.inputs[0], self.step.call.args[1], grad)


class ByAutograd:
    """Any other operation: autograd follows it, alone; it keeps what its derivative needs and nothing else."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def run(self, values: Values) -> tuple[Any, Any]:
        given = {name: values[name] for name in self.step.inputs} | {BATCH: values[BATCH]}
        moving = {name: _started(value) for name, value in given.items() if _differentiable(value)}
        with torch.enable_grad():
            made = self.step.whole({**given, **moving})
        starts = {name: get_gradient_edge(value) for name, value in moving.items()}
        return _detached(made), (starts, _ends(made))

    def back(self, kept: Any, gradients: Gradients) -> None:
        starts, ends = kept
        given = gradients.take_parts(self.step.name)
        grad, _ = gradients.take(self.step.name)
        if grad is not None:
            given[0] = grad
        numbers = [number for number in given if number in ends]
        if numbers:
            after, grads = [ends[number] for number in numbers], [given[number] for number in numbers]
            found = torch.autograd.grad(after, list(starts.values()), grads, allow_unused=True)
            for name, grad in zip(starts, found, strict=True):
                gradients.add(name, grad)


class Smoothly:
    """A smooth or leaking activation under a rule that takes it for a rectifier: its own slope where it is positive."""

    def __init__(self, step: Step, rule: Rule) -> None:
        self.step, self.rule = step, rule

    def run(self, values: Values) -> tuple[Any, Any]:
        (name,) = self.step.inputs
        x = values[name].detach().requires_grad_()
        with torch.enable_grad():
            y = self.step.whole({**values, name: x})
            (slope,) = torch.autograd.grad(y.sum(), x)
        return y.detach(), slope * (x.detach() > 0)

    def back(self, kept: Any, gradients: Gradients) -> None:
        grad, _ = gradients.take(self.step.name)
        if grad is not None:
            never = torch.zeros_like(kept, dtype=torch.bool)
            gradients.add(self.step.inputs[0], self.rule(grad, kept, never), True)


def reversed_step(step: Step, rule: Rule | None, smooth: bool, shapes: Mapping[str, tuple[int, ...]]) -> ReversedStep:
    """A step made ready to be run backward, under a rule or plainly."""
    if step.joined is not None:
        return Joined(step, step.joined, rule)
    if step.call is None:
        return ByAutograd(step)
    found = rectified(step)
    if found is not None and (rule is not None or step.kind in ("relu", "relu6")):
        return Alone(step, Rectify(0.0, found.high, rule))
    if rule is not None and smooth and is_smooth(step):
        return Smoothly(step, rule)
    if step.call.op is operator.getitem:
        return Part(step)
    plain = step.kind == "add" and len(step.inputs) == 2 and len(step.call.args) == 2 and not step.call.kwargs
    return Sum(step) if plain and len({shapes.get(name) for name in step.inputs}) == 1 else ByAutograd(step)


def rectified(step: Step) -> Rectified | None:
    """What a step rectifies, if it is a rectifier that stands alone; read as the calls of a module are."""
    spelling = SPELLINGS.get(step.kind)
    if spelling is None or step.call is None or len(step.inputs) != 1:
        return None
    x = torch.zeros((), requires_grad=True)
    args = [x if index == 0 else arg for index, arg in enumerate(step.call.args)]
    numbers = all(isinstance(arg, (int, float, bool, Tensor)) or arg is None for arg in args)
    return spelling.rectified(spelling.given(args, step.call.kwargs), False, Steps()) if numbers else None


def is_smooth(step: Step) -> bool:
    """Whether a step is an activation that may be treated as a rectifier, if that is asked for."""
    spelling = SPELLINGS.get(step.kind)
    return spelling is not None and bool(spelling.smooth) and rectified(step) is None


def _rectifies(clamp: Clamp) -> bool:
    return clamp.low == 0 and clamp.high > 0


class _Start(torch.autograd.Function):
    """A tensor from which autograd counts; what is computed from it does not keep it, as a leaf would be kept."""

    @staticmethod
    def forward(ctx: Any, mark: Tensor, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None, grads[0]


def _started(x: Tensor) -> Tensor:
    with torch.enable_grad():
        started: Tensor = _Start.apply(torch.zeros((), requires_grad=True), x)
    return started


def _differentiable(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _detached(made: Any) -> Any:
    if isinstance(made, list | tuple):
        return tuple(one.detach() if isinstance(one, Tensor) else one for one in made)
    return made.detach() if isinstance(made, Tensor) else made


def _ends(made: Any) -> dict[int, GradientEdge]:
    """Where autograd's graph of each tensor of a value ends, by number; it does not keep the tensors."""
    parts = made if isinstance(made, list | tuple) else [made]
    tracked = {n: one for n, one in enumerate(parts) if isinstance(one, Tensor) and one.requires_grad}
    return {n: get_gradient_edge(one) for n, one in tracked.items()}
