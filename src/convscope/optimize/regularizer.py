"""Regularizers: what a picture is asked to be besides what excites the unit.

A penalty is `image → (N,)`, what is subtracted from each picture's value. An update changes the pixels after a step,
given how far they lie from the mean, and the gradient: `(x, gradient, step) → x`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from .transform import blurred

Penalty: TypeAlias = Callable[[Tensor], Tensor]
Update: TypeAlias = Callable[[Tensor, Tensor, int], Tensor]


@dataclass(frozen=True)
class L2:
    """`weight` times the sum of squares about `center` (Simonyan, Vedaldi and Zisserman 2013)."""

    weight: float
    center: float = 0.5

    def __call__(self, image: Tensor) -> Tensor:
        """The penalty of each picture."""
        return self.weight * (image - self.center).square().flatten(1).sum(1)


@dataclass(frozen=True)
class AlphaNorm:
    """`weight` times the sum of |x - center|^`alpha`, which keeps pixels in range (Mahendran and Vedaldi 2015)."""

    weight: float
    alpha: float = 6.0
    center: float = 0.5

    def __call__(self, image: Tensor) -> Tensor:
        """The penalty of each picture."""
        return self.weight * (image - self.center).abs().pow(self.alpha).flatten(1).sum(1)


@dataclass(frozen=True)
class TotalVariation:
    """`weight` times the sum over pixels of (dx² + dy²)^(`beta` / 2) (Mahendran and Vedaldi 2015)."""

    weight: float
    beta: float = 2.0

    def __call__(self, image: Tensor) -> Tensor:
        """The penalty of each picture."""
        across = image[..., :-1, 1:] - image[..., :-1, :-1]
        down = image[..., 1:, :-1] - image[..., :-1, :-1]
        steps = across.square() + down.square()
        if self.beta != 2:
            steps = (steps + 1e-12).pow(self.beta / 2)  # else the slope at flat places is infinite
        return self.weight * steps.flatten(1).sum(1)


@dataclass(frozen=True)
class Decay:
    """x ← (1 - `rate`) x (Yosinski et al. 2015)."""

    rate: float

    def __call__(self, x: Tensor, gradient: Tensor, step: int) -> Tensor:
        """The updated pixels."""
        return x * (1 - self.rate)


@dataclass(frozen=True)
class BlurEvery:
    """A Gaussian blur of `sd` pixels at every `every`th step (Yosinski et al. 2015)."""

    sd: float
    every: int = 4

    def __call__(self, x: Tensor, gradient: Tensor, step: int) -> Tensor:
        """The updated pixels."""
        return blurred(x, self.sd) if step % self.every == 0 else x


@dataclass(frozen=True)
class Clip:
    """Pixels below a percentile go back to the mean (Yosinski et al. 2015): of what, `by` says.

    `value`: the magnitude of each color by itself; `norm`: the norm over colors; `contribution`: what the pixel adds to
    the unit, x · gradient summed over colors; `absolute`: its magnitude, the paper's "small contribution".
    """

    by: Literal["value", "norm", "contribution", "absolute"]
    percentile: float

    def __call__(self, x: Tensor, gradient: Tensor, step: int) -> Tensor:
        """The updated pixels."""
        size = self._size(x, gradient)
        bound = torch.quantile(size.flatten(1), self.percentile / 100, dim=1).reshape(-1, 1, 1, 1)
        return torch.where(size < bound, 0.0, x)

    def _size(self, x: Tensor, gradient: Tensor) -> Tensor:
        match self.by:
            case "value":
                return x.abs()
            case "norm":
                return x.square().sum(1, keepdim=True).sqrt()
        contribution = (x * gradient).sum(1, keepdim=True)
        return contribution.abs() if self.by == "absolute" else contribution
