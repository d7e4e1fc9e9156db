"""Integrated gradients: a unit's rise from a baseline to the image, shared out among the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ...base.image import ImageLike
from ...base.progress import Work
from ...base.unit import UnitLike
from ...contract.technique import technique
from ...execution.input_gradient import engine_evidence, input_gradient
from ...network.backward.gradient import VANISHED, check_finite, many_passes
from ...network.batch_size import chunks, fitting_batch_size
from ...network.network import Network
from ...results.attribution import Attribution
from ..common_knobs import BatchSize, Seed
from .baselines import Fill, filled
from .target import AttributionTarget

Steps = Annotated[int, Field(ge=1, le=10_000, description="points between baseline and image to begin with")]
Limit = Annotated[int, Field(ge=1, le=100_000, description="points at most; not above steps: nothing is refined")]
Tolerance = Annotated[
    float, Field(gt=0, le=1, description="what the sum of the values may miss, as a share of the unit's rise")
]
_GOLDEN = 0.6180339887498949
_ROUNDING = 1e-6  # of a value: float32 tells no smaller rise from none
_TINY = 1e-30

_Points: TypeAlias = NDArray[np.float64]


@technique
def integrated_gradients(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    fill: Fill = "mean",
    steps: Steps = 50,
    tolerance: Tolerance = 0.01,
    limit: Limit = 800,
    seed: Seed = 0,
    batch_size: BatchSize = "auto",
) -> Attribution:
    """Share out a unit's rise from a baseline to the image among the pixels.

    Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks". `values` is (C, H, W), in units of the
    unit's value: the step of each pixel from the baseline, which is `fill` everywhere, times the mean gradient on the
    straight way (Gauss-Legendre quadrature). Their sum must be the unit's rise: while it is not to `tolerance`, the
    steps are doubled, up to `limit`, and crowded where the value changes (midpoint rule);
    `evidence["completeness_gap"]` says what the sum misses. `seed` is for fill="noise".
    Cancelled, it is the last complete refinement, or else the mean over the points that are done.
    """
    question = AttributionTarget.of(net, image, unit)
    return integrated_from(question, filled(question, fill, seed), steps, tolerance, limit, batch_size)


def integrated_from(
    question: AttributionTarget,
    baseline: Tensor,
    steps: int,
    tolerance: float,
    limit: int,
    batch_size: int | Literal["auto"] = "auto",
) -> Attribution:
    """Share out a unit's rise from any baseline, (1, C, H, W) as the network is given it, among the pixels."""
    size = fitting_batch_size(question.net, question.deepest, batch_size, True)
    path = _Path.between(question, baseline, size)
    with many_passes(question.net):
        tried = _refine(path, steps, limit, tolerance)
    complete = [one for one in tried if not one.partial] or tried
    evidence = {
        **_counts(tried, len(complete) - 1),
        **_completeness(path, complete[-1], tolerance),
        **tried[-1].engine,
        **tried[-1].partial,
    }
    return question.answer(Attribution, complete[-1].values, path.value, evidence)


@dataclass(frozen=True)
class _Path:
    """The straight way from a baseline to the image, the unit's value at both ends, and how many points fit a pass."""

    question: AttributionTarget
    baseline: Tensor
    value: float
    value_at_baseline: float
    size: int

    @classmethod
    def between(cls, question: AttributionTarget, baseline: Tensor, size: int) -> _Path:
        """The way to the question's image; raises ForwardFailed where the unit's value is not finite."""
        with torch.no_grad():
            values = torch.cat([question.net.value(end, question.unit) for end in (question.x, baseline)])
        check_finite(question.net, question.unit, values)
        return cls(question, baseline, values[0].item(), values[1].item(), size)

    @property
    def rise(self) -> float:
        """What the attribution must sum up to."""
        return self.value - self.value_at_baseline

    @property
    def level(self) -> bool:
        """Whether the value is the same at both ends, to rounding."""
        return abs(self.rise) <= _ROUNDING * max(abs(self.value), abs(self.value_at_baseline))

    @property
    def scale(self) -> float:
        """What a gap is compared to: the rise, or the value itself where there is none."""
        return max(abs(self.value if self.level else self.rise), _TINY)


@dataclass(frozen=True)
class _Integral:
    """The attribution by some points, the unit's value at each, and how far its sum is from the rise."""

    values: Tensor
    places: _Points
    heights: _Points
    gap: float
    vanished: bool
    partial: dict[str, Any]
    engine: dict[str, Any]

    @property
    def steps(self) -> int:
        """How many points it took."""
        return len(self.places)


def _refine(path: _Path, steps: int, limit: int, tolerance: float) -> list[_Integral]:
    """Approximations by ever more points, until the last one's sum is right, no more may be taken, or cancelled."""
    tried = [_integrate(path, *_legendre(steps))]
    while not tried[-1].partial and tried[-1].gap > tolerance * path.scale and tried[-1].steps < limit:
        tried.append(_integrate(path, *_finer(path, tried[-1], min(2 * tried[-1].steps, limit))))
    return tried


def _integrate(path: _Path, places: _Points, weights: _Points) -> _Integral:
    order = (np.arange(len(places)) * _GOLDEN % 1).argsort().argsort()  # any first few are spread evenly
    places, weights, heights = places[order], weights[order], np.empty(len(order))
    question, apart = path.question, path.question.x - path.baseline
    total, done = torch.zeros(apart.shape[1:], dtype=torch.float64), 0
    work = Work(chunks(len(order), path.size))
    for run in work:
        now, done = slice(run.start, run.stop), run.stop
        found = input_gradient(question.net, path.baseline + _column(places[now]).to(apart) * apart, question.unit)
        total += (_column(weights[now]) * found.values.cpu().double()).sum(0)
        heights[now] = found.value.cpu().double().numpy()
    values = apart[0].cpu().double() * total / weights[:done].sum()
    gap = abs(values.sum().item() - path.rise)
    told = engine_evidence(found) if done else {}
    return _Integral(values, places[:done], heights[:done], gap, not total.any(), work.evidence, told)


def _legendre(steps: int) -> tuple[_Points, _Points]:
    """Points and weights of Gauss-Legendre quadrature on 0 to 1."""
    places, weights = np.polynomial.legendre.leggauss(steps)
    return (places + 1) / 2, weights / 2


def _finer(path: _Path, coarse: _Integral, steps: int) -> tuple[_Points, _Points]:
    """The middles and lengths of stretches of the way: half spread evenly, half crowded where the value changes.

    A network may do most of its rise in the first tenth of the way (lite0 on the sample cat does), where even points
    are few.
    """
    order = coarse.places.argsort()
    places = np.array([0, *coarse.places[order], 1])
    change = np.abs(np.diff([path.value_at_baseline, *coarse.heights[order], path.value]))
    crowd = np.array([0, *np.cumsum(np.diff(places) + change / max(change.sum(), _TINY))])
    bounds = np.interp(np.linspace(0, crowd[-1], steps + 1), crowd, places)
    return (bounds[:-1] + bounds[1:]) / 2, np.diff(bounds)


def _column(numbers: _Points) -> Tensor:
    return torch.from_numpy(numbers)[:, None, None, None]


def _counts(tried: list[_Integral], refinements: int) -> dict[str, Any]:
    passes = sum(one.steps for one in tried)
    return {"forward_passes": passes + 2, "backward_passes": passes, "refinements": refinements}


def _completeness(path: _Path, found: _Integral, tolerance: float) -> dict[str, Any]:
    """How far the sum of the values is from what it must be."""
    evidence: dict[str, Any] = {
        "steps": found.steps,
        "value_at_baseline": path.value_at_baseline,
        "completeness_gap": found.gap,
        "relative_gap": found.gap / path.scale,
    }
    if path.level:
        evidence["no_difference"] = (
            "the unit is as large for the baseline; gaps are relative to its value, not its rise"
        )
    if found.vanished:
        evidence["vanished"] = VANISHED
    if found.gap > tolerance * path.scale and not found.vanished:
        evidence["not_converged"] = (
            f"the sum of the values misses the unit's rise by {found.gap / path.scale:.2%} of it after {found.steps} "
            f"points; at most {tolerance:.2%} was asked for: raise limit"
        )
    return evidence
