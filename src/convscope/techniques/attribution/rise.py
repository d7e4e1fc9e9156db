"""RISE: random masks, and what the unit's value is on average where a pixel stays visible."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ...base.image import ImageLike
from ...base.progress import Work
from ...base.unit import UnitLike
from ...contract.technique import technique
from ...execution.fast_value import compile_value
from ...network.batch_size import chunks, fitting_batch_size
from ...network.isolation.frozen import frozen
from ...network.isolation.parts import unwrap
from ...network.network import Network
from ...results.attribution import Estimate
from ..common_knobs import BatchSize, Seed
from .baselines import Fill, filled
from .target import AttributionTarget

_Doubles = NDArray[np.float64]
_UNMOVED = "no mask changed the unit's value: it does not depend on what was hidden"


@technique
def rise(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    samples: Annotated[
        int, Field(ge=2, le=1_000_000, description="random masks; four times as many halve the error")
    ] = 2000,
    cells: Annotated[int, Field(ge=1, le=64, description="cells of a mask along each side, before it is smoothed")] = 7,
    keep: Annotated[float, Field(gt=0, lt=1, description="how likely a cell stays visible")] = 0.5,
    seed: Seed = 0,
    fill: Fill = "mean",
    batch_size: BatchSize = "auto",
) -> Estimate:
    """Show how large a unit's value is on average while a pixel stays visible, under random masks.

    Petsiuk, Das and Saenko 2018, "RISE: Randomized input sampling for explanation of black-box models". `values` is
    (H, W) in the unit's own scale, best read for a class probability, and `error` the standard error of each pixel.
    What is estimated is the paper's E[value · mask] / keep; since the masks' mean is known to be `keep`, it is put
    together as mean value + covariance(value, mask) / keep, which has the same expectation and less variance. Mask i
    is drawn from (seed, i) alone, so neither the batch size nor the device changes it. Cancelled work is an estimate
    from fewer samples.
    """
    question = AttributionTarget.of(net, image, unit)
    hidden, size = filled(question, fill, seed), question.seen.shape[:2]
    with torch.no_grad(), frozen(unwrap(net.module), channels_last=True):
        value = net.value(question.x, question.unit).item()
        sums, value_of = Sums(value, keep, size), compile_value(net, question.unit, question.x)
        work = Work(chunks(samples, fitting_batch_size(net, question.deepest, batch_size)), lambda: sums.estimate()[0])
        for numbers in work:
            masks = np.stack([mask(seed, i, cells, keep, size) for i in numbers])
            sums.add(masks, _values(question, masks, hidden, value_of))
    values, error = sums.estimate()
    evidence = {**_evidence(sums, values, error), **work.evidence}
    return question.answer(Estimate, values, value, evidence, error=error)


def mask(seed: int, index: int, cells: int, keep: float, size: tuple[int, ...]) -> NDArray[np.float32]:
    """Mask number `index`, (H, W) from 0 (hidden) to 1: a random grid, enlarged bilinearly and cropped at random."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    grid = (rng.random((cells, cells)) < keep).astype(np.float32)
    steps = [math.ceil(side / cells) for side in size]
    down, right = (_enlarge(cells, (cells + 1) * step) for step in steps)
    y, x = (int(rng.integers(step)) for step in steps)
    return np.asarray(down[y : y + size[0]] @ grid @ right[x : x + size[1]].T, np.float32)


def _enlarge(count: int, length: int) -> NDArray[np.float32]:
    """The (length, count) matrix of bilinear enlargement. Its rows sum to 1, so a mask's mean is `keep` everywhere."""
    at = ((np.arange(length) + 0.5) * count / length - 0.5).clip(0, count - 1)
    return (1 - np.abs(at[:, None] - np.arange(count))).clip(0).astype(np.float32)


def _values(
    question: AttributionTarget, masks: NDArray[np.float32], hidden: Tensor, value_of: Callable[[Tensor], Tensor]
) -> _Doubles:
    shown = torch.from_numpy(masks)[:, None].to(question.x.device, question.x.dtype)
    x = question.x * shown + hidden * (1 - shown)
    return value_of(x).double().numpy(force=True)


class Sums:
    """Sums over masks M (H, W) and values v, from which mean and covariance follow; v is taken relative to `origin`."""

    def __init__(self, origin: float, keep: float, size: tuple[int, ...]) -> None:
        self.origin, self.keep, self.size, self.count = origin, keep, size, 0
        self.v, self.vv = 0.0, 0.0
        self.m, self.vm, self.mm, self.vmm, self.vvmm = (np.zeros(math.prod(size)) for _ in range(5))

    def add(self, masks: NDArray[np.float32], values: _Doubles) -> None:
        """Count in masks (N, H, W) and what the unit's value was under them, (N,)."""
        m, v = masks.reshape(len(masks), -1).astype(np.float64), values - self.origin
        self.count += len(v)
        self.v, self.vv = self.v + v.sum(), self.vv + (v**2).sum()
        self.m, self.vm = self.m + m.sum(0), self.vm + v @ m
        m **= 2
        self.mm, self.vmm, self.vvmm = self.mm + m.sum(0), self.vmm + v @ m, self.vvmm + v**2 @ m

    def estimate(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The estimate of E[v · M] / keep and its standard error, (H, W) each; infinite for a single sample."""
        n, mean, error = self.count, self.v / self.count, np.full(self.size, np.inf)
        covariance = (self.vm - mean * self.m) / max(n - 1, 1)  # n - 1: exactly the covariance in expectation
        if n > 1:  # each sample adds (v - mean) · M / keep: the variance of that, over n
            square = (self.vvmm - 2 * mean * self.vmm + mean**2 * self.mm) / n
            error = (np.sqrt((square - covariance**2).clip(0) / (n - 1)) / self.keep).reshape(self.size)
        values = self.origin + mean + covariance / self.keep
        return values.reshape(self.size).astype(np.float32), error.astype(np.float32)


def _evidence(sums: Sums, values: NDArray[np.float32], error: NDArray[np.float32]) -> dict[str, Any]:
    spread, mean = float(values.std()), float(error.mean())
    evidence: dict[str, Any] = {
        "samples": sums.count,
        "mean_error": mean,
        "largest_error": float(error.max()),
        "relative_error": mean / spread if spread > 0 else math.inf,  # over the map's own standard deviation
        "forward_passes": sums.count + 1,
    }
    unmoved = sums.count > 1 and sums.count * sums.vv - sums.v**2 <= 1e-12 * sums.count * sums.vv
    return {**evidence, "unmoved": _UNMOVED} if unmoved else evidence
