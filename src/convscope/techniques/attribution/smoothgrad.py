"""Gradients averaged over noisy copies of the image: their mean and their variance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ...base.image import ImageLike
from ...base.progress import Work
from ...base.unit import UnitLike
from ...contract.technique import technique
from ...execution.input_gradient import engine_evidence, input_gradient
from ...network.backward.gradient import VANISHED, many_passes
from ...network.batch_size import chunks, fitting_batch_size
from ...network.network import Network
from ...results.attribution import Attribution, Estimate
from ..common_knobs import BatchSize, Seed
from .target import AttributionTarget, array

Samples = Annotated[int, Field(ge=1, le=100_000, description="noisy copies of the image")]
Noise = Annotated[
    float, Field(ge=0, le=1, description="standard deviation, as a share of the range of the prepared image")
]


@technique
def smoothgrad(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    samples: Samples = 50,
    noise: Noise = 0.15,
    seed: Seed = 0,
    batch_size: BatchSize = "auto",
) -> Estimate:
    """Show how a unit's value changes with each pixel, averaged over noisy copies of the image.

    Smilkov, Thorat, Kim, Viégas and Wattenberg 2017, "SmoothGrad: removing noise by adding noise". `values` is the mean
    of the gradients, (C, H, W) in normalized input space; `error` its standard error, NaN after a single sample. The
    noise of a sample depends on `seed` and its number only. Cancelled, it is the mean over the samples that are done.
    """
    question = AttributionTarget.of(net, image, unit)
    found = _sample(question, samples, noise, seed, batch_size)
    return question.answer(Estimate, found.mean, found.value, found.evidence, error=array(found.error))


@technique
def vargrad(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    samples: Samples = 50,
    noise: Noise = 0.15,
    seed: Seed = 0,
    batch_size: BatchSize = "auto",
) -> Attribution:
    """Show where a unit's gradient is unsteady: its variance over noisy copies of the image.

    Adebayo, Gilmer, Goodfellow and Kim 2018, "Local explanation methods for deep neural networks lack sensitivity to
    parameter values". `values` is (C, H, W): the mean squared deviation from the mean (over n, not n - 1), in squared
    units of `smoothgrad`, of the same samples. Cancelled, it is the variance of the samples that are done.
    """
    question = AttributionTarget.of(net, image, unit)
    found = _sample(question, samples, noise, seed, batch_size)
    evidence = found.evidence
    if "vanished" not in evidence and not found.variance.any():
        evidence["constant"] = "the gradient is the same for every sample, so it has no variance"
    return question.answer(Attribution, found.variance, found.value, evidence)


@dataclass
class _Moments:
    """Mean and variance of gradients that come in batches, in float64 (Chan, Golub and LeVeque 1983)."""

    mean: Tensor
    squares: Tensor  # of the deviations from the mean, summed
    count: int = 0
    value: float = 0.0
    evidence: dict[str, Any] = field(default_factory=dict)

    def add(self, batch: Tensor) -> None:
        """Take in a batch, (N, C, H, W)."""
        batch = batch.cpu().double()
        mean, total = batch.mean(0), self.count + len(batch)
        apart = mean - self.mean
        self.squares = self.squares + ((batch - mean) ** 2).sum(0) + apart**2 * (self.count * len(batch) / total)
        self.mean = self.mean + apart * (len(batch) / total)
        self.count = total

    @property
    def variance(self) -> Tensor:
        """Of the population: over the count."""
        return self.squares / self.count

    @property
    def error(self) -> Tensor:
        """The standard error of the mean; NaN after one sample."""
        return (self.squares / (self.count - 1) / self.count).sqrt() if self.count > 1 else self.mean * torch.nan


def _sample(question: AttributionTarget, samples: int, noise: float, seed: int, batch_size: Any) -> _Moments:
    net, x, unit = question.net, question.x, question.unit
    std = noise * (x.max() - x.min()).item()
    found = _Moments(*torch.zeros(2, *x.shape[1:], dtype=torch.float64))
    size = fitting_batch_size(net, question.deepest, batch_size, backward=True)
    work = Work(chunks(samples, size), lambda: array(found.mean))
    with many_passes(net):
        first = input_gradient(net, x, unit)
        found.value = first.value.item()
        for numbers in work:
            found.add(input_gradient(net, x + std * _noise(x, seed, numbers), unit).values)
    found.evidence = {
        **_evidence(found),
        "samples": found.count,
        "noise_std": std,
        **engine_evidence(first),
        **work.evidence,
    }
    return found


def _noise(x: Tensor, seed: int, numbers: range) -> Tensor:
    """Standard normal noise for the samples of these numbers, (N, C, H, W): of each number always the same."""
    drawn = [torch.randn(x.shape[1:], generator=_generator(seed, number)) for number in numbers]
    return torch.stack(drawn).to(x)


def _generator(seed: int, number: int) -> torch.Generator:
    (state,) = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state))


def _evidence(found: _Moments) -> dict[str, Any]:
    vanished = {} if found.mean.any() or found.squares.any() else {"vanished": VANISHED}
    return {"forward_passes": found.count + 1, "backward_passes": found.count + 1, **vanished}
