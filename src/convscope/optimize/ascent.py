"""Ascent: one step after another up a value, on any canvas; its whole state can be kept and taken up again.

What the value is, a `goal`, is a function of the pictures: `maximize`, `dream` and `invert` each bring their own.
It gives the slope along the pictures too, so that it may add it up window by window, or tile by tile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..base.errors import ForwardFailed
from .canvas import Canvas, Pixels, Transparent
from .draws import Rngs
from .lbfgs import LBFGS, PLACE, SLOPE, TURNS
from .regularizer import Penalty, Update
from .resample import resized

Goal: TypeAlias = Callable[[Tensor, bool], tuple[Tensor, Tensor]]
"""Pictures (N, C, H, W), and whether to redirect gradients → what is to be raised, (N,), and its slope along them."""
Schedule: TypeAlias = Literal["constant", "cosine"]
_REDIRECTED = 16  # first steps in which a picture without a gradient gets a redirected one
_SLOPES = {"exp_avg": 1, "exp_avg_sq": 2, TURNS: 1}  # what optimizers gather of slopes, and to which power
_PIXEL = 255.0  # Yosinski's steps count in pixel values


@dataclass(frozen=True)
class OptimizerSettings:
    """How to ascend: the optimizer, its rate, and what becomes of it over the steps.

    `adam` and `nadam` are the papers' own; `gradient` adds `rate` times the gradient along the network's input to pixel
    values from 0 to 255, as CaffeNet, whose input they were, was shown it; `progress` as much of it as would raise the
    value by `rate` if it were linear, `most` times the gradient at most; `normalized` adds `rate` times the gradient
    over its mean magnitude, `unit` over its length (Euclidean, of all pixels); `lbfgs` is a quasi-Newton step times
    `rate`, with the last `history` moves remembered. Each step's rate is `fall` times that of the one before.
    """

    kind: Literal["adam", "nadam", "lbfgs", "gradient", "progress", "normalized", "unit"] = "adam"
    rate: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: Schedule = "constant"
    fall: float = 1.0
    most: float = math.inf
    history: int = 10
    penalties: tuple[Penalty, ...] = ()
    updates: tuple[Update, ...] = ()

    def rate_at(self, step: int, steps: int) -> float:
        """The rate of one step."""
        share = 0.5 * (1 + math.cos(math.pi * step / steps)) if self.schedule == "cosine" else 1.0
        return self.rate * share * self.fall**step


class NotFinite(ForwardFailed):
    """A value or gradient that is no number any more."""


class Ascent:
    """Raises a goal on a canvas step by step. `values` (N,) are those of the last step; `stuck` (N,) never had a slope.

    `mean` and `deviation` are what the network's input is normalized by; the default is one that takes values to 255.
    `best` are the pictures at their highest value so far, `value` that value. `ended` (N,) is the step at which a
    picture's numbers were no longer finite, else 0: it stays behind, and the others go on as they would alone.
    """

    def __init__(
        self,
        canvas: Canvas,
        goal: Goal,
        settings: OptimizerSettings,
        steps: int,
        rngs: Rngs,
        mean: Tensor | float = 0.5,
        deviation: float = 1 / _PIXEL,
    ) -> None:
        self.canvas, self.goal, self.settings, self.steps, self.rngs = canvas, goal, settings, steps, rngs
        self.mean, self.deviation, self.number = mean, deviation, 0
        with torch.no_grad():
            self.best = canvas.image().detach().clone()
        count = len(self.best)
        self.value = torch.full((count,), -math.inf)
        self.values = torch.zeros(count)
        self.stuck = torch.ones(count, dtype=torch.bool)
        self.ended = torch.zeros(count, dtype=torch.int64)
        self.redirected = 0
        self._optimizer = _optimizer(canvas.parameters, settings)

    def step(self) -> None:
        """Take one step; raises NotFinite, with the canvas as it was before, where no picture can go on.

        Nor can the others where one could not begin.
        """
        image = self.canvas.image()
        values, slopes, still = self._slopes(image)
        going = self._going(values, slopes)
        self.values = values.where(going, torch.nan)
        self.stuck &= still.cpu()
        self._keep_best(self.values, image.detach())
        self._move([s.where(_across(going, s), 0) for s in slopes])
        self.number += 1

    @property
    def over(self) -> bool:
        """Whether no picture can go on."""
        return bool(self.ended.all())

    @torch.no_grad()
    def image(self) -> Tensor:
        """The pictures as they are now."""
        return self.canvas.image().detach()

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything the next steps depend on."""
        found = {f"canvas.{i}": p.detach() for i, p in enumerate(self.canvas.parameters)}
        if self._optimizer is not None:
            for i, p in enumerate(self.canvas.parameters):
                found |= {f"optimizer.{i}.{name}": v for name, v in self._optimizer.state[p].items()}
        found |= {"rng": torch.stack([rng.get_state() for rng in self.rngs]), "ended": self.ended, "stuck": self.stuck}
        found |= {"best": self.best, "value": self.value, "values": self.values}
        found |= {"number": torch.tensor([self.number, self.redirected])}
        return {name: tensor.cpu().numpy().copy() for name, tensor in found.items()}

    @torch.no_grad()
    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        found = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
        for i, p in enumerate(self.canvas.parameters):
            p.copy_(found[f"canvas.{i}"])
            if self._optimizer is not None:
                prefix = f"optimizer.{i}."
                self._optimizer.state[p] = {
                    name.removeprefix(prefix): tensor if tensor.ndim == 0 else tensor.to(p.device)
                    for name, tensor in found.items()
                    if name.startswith(prefix)
                }
        for rng, its in zip(self.rngs, found["rng"], strict=True):
            rng.set_state(its.clone())  # of a view, torch reads beyond its end
        self.best, self.value, self.values = found["best"].to(self.best.device), found["value"], found["values"]
        self.stuck, self.ended = found["stuck"], found["ended"]
        self.number, self.redirected = found["number"].tolist()

    @torch.no_grad()
    def carry(self, other: Ascent) -> None:
        """Begin with what the optimizer of another ascent, of the same pictures at another size, has gathered.

        Slopes along a pixel are as much smaller as there are more pixels.
        """
        if self._optimizer is None or other._optimizer is None:
            return
        for p, q in zip(self.canvas.parameters, other.canvas.parameters, strict=True):
            share = q[0].numel() / p[0].numel()
            self._optimizer.state[p] = {
                name: resized(tensor, (p.shape[-2], p.shape[-1])).contiguous().mul_(share ** _SLOPES.get(name, 0))
                if tensor.ndim
                else tensor.clone()
                for name, tensor in other._optimizer.state[q].items()
                if name not in (PLACE, SLOPE)
            }

    def _slopes(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
        """The values, the slopes of the values less the penalties, and which pictures' values have none."""
        states = [rng.get_state() for rng in self.rngs]
        values, along = self.goal(image.detach(), False)
        still = self._still(along)
        if self.number < _REDIRECTED and still.any():
            for rng, its in zip(self.rngs, states, strict=True):
                rng.set_state(its)
            raised = self.goal(image.detach(), True)[1]
            self.redirected += int((still & ~self._still(raised)).sum())
            along = raised.where(_across(still, along), along)
            still = self._still(along)
        for penalty in self.settings.penalties:
            leaf = image.detach().requires_grad_()
            along = along - torch.autograd.grad(penalty(leaf).sum(), leaf)[0]
        return values.detach(), torch.autograd.grad(image, self.canvas.parameters, along), still

    def _still(self, along: Tensor) -> Tensor:
        """Which pictures have no slope along their colors."""
        return ~(along[:, :-1] if isinstance(self.canvas, Transparent) else along).flatten(1).any(1)

    def _going(self, values: Tensor, slopes: Sequence[Tensor]) -> Tensor:
        """Which pictures go on, (N,): the others have no finite numbers now, or had none before."""
        finite = values.isfinite() & torch.stack([s.isfinite().flatten(1).all(1) for s in slopes]).all(0)
        fresh = ~finite.cpu() & (self.ended == 0)
        self.ended[fresh] = self.number + 1
        if self.over or (self.number == 0 and fresh.any()):
            raise NotFinite(
                f"The value or its gradient was not a number at step {self.number + 1} of {self.steps}. Check the "
                "network's weights, mean and std, or choose another unit."
            )
        return (self.ended == 0).to(values.device)

    @torch.no_grad()
    def _keep_best(self, values: Tensor, image: Tensor) -> None:
        better = values.cpu() > self.value
        self.value = torch.where(better, values.cpu(), self.value)
        if better.any():
            self.best[better.to(self.best.device)] = image[better.to(self.best.device)]

    @torch.no_grad()
    def _move(self, slopes: Sequence[Tensor]) -> None:
        rate = self.settings.rate_at(self.number, self.steps)
        if self._optimizer is not None:
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            for p, s in zip(self.canvas.parameters, slopes, strict=True):
                p.grad = -s
            self._optimizer.step()
            for p in self.canvas.parameters:
                p.grad = None
        else:
            length = self._length(torch.cat([s.flatten(1) for s in slopes], 1), rate)
            for p, s in zip(self.canvas.parameters, slopes, strict=True):
                p += s * _across(length, s)
        colors = self.canvas.colors if isinstance(self.canvas, Transparent) else self.canvas
        if isinstance(colors, Pixels):
            x = colors.parameters[0]
            for update in self.settings.updates:
                x.copy_(update(x - self.mean, slopes[0], self.number) + self.mean)
        self.canvas.constrain()

    def _length(self, slopes: Tensor, rate: float) -> Tensor:
        """How many gradients (N, all numbers of a picture) long a step is, for each picture."""
        match self.settings.kind:
            case "gradient":
                return torch.full((1,), rate * self.deviation / _PIXEL, device=slopes.device)
            case "progress":
                most = self.settings.most * self.deviation / _PIXEL
                return (rate / slopes.square().sum(1)).clamp(max=most).nan_to_num(0)
            case "unit":
                return rate / slopes.square().sum(1).clamp(min=1e-12).sqrt()
        return rate / slopes.abs().mean(1).clamp(min=1e-12)


def _across(each: Tensor, numbers: Tensor) -> Tensor:
    """One value a picture, (N,), in the shape that goes with its numbers."""
    return each.reshape(-1, *[1] * (numbers.ndim - 1))


def _optimizer(parameters: list[Tensor], settings: OptimizerSettings) -> torch.optim.Optimizer | None:
    match settings.kind:
        case "adam":
            return torch.optim.Adam(parameters, lr=settings.rate, betas=settings.betas)
        case "nadam":
            return torch.optim.NAdam(parameters, lr=settings.rate, betas=settings.betas)
        case "lbfgs":
            return LBFGS(parameters, settings.rate, settings.history)
    return None
