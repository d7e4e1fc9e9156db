"""Insertion and deletion: does the unit's value really depend on the pixels a map calls important?"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from torch import Tensor

from ...base.errors import BadKnob
from ...base.image import ImageLike
from ...base.progress import Work
from ...base.unit import UnitLike
from ...contract.technique import technique
from ...execution.fast_value import compile_value
from ...network.batch_size import chunks, fitting_batch_size
from ...network.isolation.frozen import frozen
from ...network.isolation.parts import unwrap
from ...network.network import Network
from ...results.evaluation import Curves
from ..attribution.baselines import Fill, filled
from ..attribution.target import AttributionTarget
from ..common_knobs import BatchSize, Seed
from .attribution_methods import Method, about, attribution_map, importance

_NAMES = ("deletion", "insertion")


@technique
def insertion_deletion(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    method: Method = "saliency",
    steps: Annotated[int, Field(ge=1, le=10_000, description="steps from the whole picture to a hidden one")] = 50,
    fill: Fill = "blur",
    seed: Seed = 0,
    batch_size: BatchSize = "auto",
) -> Curves:
    """Test a map: hide, then show, the most important pixels first, and watch the unit's value.

    Petsiuk, Das and Saenko 2018, "RISE: Randomized input sampling for explanation of black-box models". `values` is
    (2, steps + 1), the deletion and the insertion curve over `fractions` of the pixels, in the unit's own scale. The
    evidence has the area under each: of a faithful map small for deletion, large for insertion. Both curves use the
    same fill, so that each begins where the other ends. Compare with `method="random"`.
    """
    found = attribution_map(net, image, unit, method, seed)
    result = curves(net, image, unit, importance(found), steps=steps, fill=fill, seed=seed, batch_size=batch_size)
    return replace(result, evidence={**result.evidence, **about(method, found)})


def curves(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    importance: ArrayLike,
    *,
    steps: int = 50,
    fill: str = "blur",
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
) -> Curves:
    """The deletion and insertion curves of any map: `importance` is (H, W), as large as what the network is given.

    Of equally important pixels the first in reading order goes first. After step k of `steps`, the share k / steps of
    the pixels is hidden or shown, rounded to whole pixels. Raises BadKnob for a map of another shape or with NaN.
    """
    question = AttributionTarget.of(net, image, unit)
    rank = _rank(_checked(importance, question))
    counts = np.rint(np.linspace(0, rank.size, steps + 1)).astype(np.int64)
    values = np.full((2, steps + 1), np.nan)
    hidden, jobs = filled(question, fill, seed), np.array([(c, k) for k in range(steps + 1) for c in (0, 1)])
    with torch.no_grad(), frozen(unwrap(net.module), channels_last=True):
        work = Work(
            chunks(len(jobs), fitting_batch_size(net, question.deepest, batch_size)), lambda: values.astype(np.float32)
        )
        value_of = compile_value(net, question.unit, question.x)
        for numbers in work:
            which, step = jobs[numbers].T
            x = _pictures(question.x, hidden, rank, which, counts[step])
            values[which, step] = value_of(x).double().numpy(force=True)
    fractions = counts / rank.size
    evidence = {**_areas(values, fractions), "forward_passes": int((~np.isnan(values)).sum()), **work.evidence}
    shown = {"fractions": fractions.astype(np.float32), "map": np.asarray(importance, np.float32)}
    return question.answer(Curves, values, values[0, 0], evidence, **shown)


def _checked(importance: ArrayLike, question: AttributionTarget) -> NDArray[np.float64]:
    values, size = np.asarray(importance, np.float64), question.seen.shape[:2]
    if values.shape != size:
        raise BadKnob(
            f"importance must be of shape {size}, as what {question.net.name} is given, not {values.shape}. "
            "Sum a map over its colors and resize it to that."
        )
    if np.isnan(values).any():
        raise BadKnob("importance must be numbers, not NaN. Replace them, for instance with np.nan_to_num.")
    return values


def _rank(importance: NDArray[np.float64]) -> NDArray[np.int64]:
    """The place of each pixel in the order of importance, (H, W), 0 for the most important."""
    rank = np.empty(importance.size, np.int64)
    rank[np.argsort(-importance, axis=None, kind="stable")] = np.arange(importance.size)
    return rank.reshape(importance.shape)


def _pictures(
    x: Tensor, hidden: Tensor, rank: NDArray[np.int64], which: NDArray[np.int64], counts: NDArray[np.int64]
) -> Tensor:
    """One picture for each count: with that many pixels hidden where `which` is 0, with only them shown where 1."""
    first = rank < counts[:, None, None]
    visible = torch.from_numpy(first == (which == 1)[:, None, None])[:, None].to(x.device)
    return torch.where(visible, x, hidden)


def _areas(values: NDArray[np.float64], fractions: NDArray[np.float64]) -> dict[str, Any]:
    """The area under each curve, and of each over the clean value where that is positive."""
    clean = float(values[0, 0])
    trapezoids = (values[:, 1:] + values[:, :-1]) / 2 * np.diff(fractions)
    areas = dict(zip(_NAMES, trapezoids.sum(1).tolist(), strict=True))
    if not clean > 0:
        return areas
    return {**areas, **{f"{name}_normalized": area / clean for name, area in areas.items()}}
