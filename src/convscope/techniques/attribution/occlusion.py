"""What happens to a unit, and to all classes, when a part of the image is hidden."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ...base.errors import BadKnob, CannotExport, UnknownUnit
from ...base.image import ImageLike
from ...base.progress import Work
from ...base.unit import UnitLike, parse
from ...contract.knobs import OneClass
from ...contract.technique import technique
from ...execution.dirty_windows import Interval
from ...execution.incremental import PatchGroup
from ...execution.occluded import OccludedInputs, Precision, Strategy, joined, ways
from ...network.isolation.frozen import frozen
from ...network.isolation.parts import unwrap
from ...network.network import Network
from ...results.occlusion import Occlusion
from ..common_knobs import BatchSize, Seed
from .baselines import Fill, filled
from .occlusion_values import OcclusionValues
from .target import AttributionTarget

_Pixels: TypeAlias = Annotated[int, Field(ge=1)] | Literal["auto"]
Side = Annotated[_Pixels, Field(description="height of the patch in pixels; auto: a seventh of the shorter side")]
Width = Annotated[_Pixels, Field(description="width of the patch in pixels; auto: as high as wide")]
Stride = Annotated[_Pixels, Field(description="pixels from one position to the next; auto: a quarter of the patch")]
Correct = Annotated[
    str,
    Field(description="number or label of the correct class; empty: the unit's, or the top one"),
    OneClass(),
]
Check = Annotated[int, Field(ge=0, description="positions computed once more with the plain module, to compare")]
Bits = Annotated[Precision, Field(description="of the numbers; bf16 is faster and about one percent off")]


@technique
def occlusion(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    size: Side = "auto",
    width: Width = "auto",
    stride: Stride = "auto",
    fill: Fill = "mean",
    correct: Correct = "",
    check: Check = 4,
    precision: Bits = "fp32",
    seed: Seed = 0,
    batch_size: BatchSize = "auto",
) -> Occlusion:
    """Show what hiding each part of the image does to a unit, to the correct class and to the most probable one.

    Zeiler and Fergus 2013, "Visualizing and understanding convolutional networks". `values` (H, W) is the mean drop of
    the unit's value over the windows that cover a pixel; windows begin every `stride` pixels, and the last of a row or
    column is cut off at the edge. Only what a patch can change is computed, exactly; a sample of positions is computed
    once more on whole images, and `evidence["largest_difference"]` says how far apart they are.
    Raises BadKnob for a patch larger than the image. Cancelled, it returns the windows that are done.
    """
    question = AttributionTarget.of(net, image, unit)
    patch = _patch(question, size, width)
    tops, lefts = (_starts(n, side, stride) for n, side in zip(question.seen.shape[:2], patch, strict=True))
    rows, columns = (
        Interval(starts, np.minimum(starts + side, n) - 1)
        for starts, side, n in zip((tops, lefts), patch, question.seen.shape[:2], strict=True)
    )
    layers = tuple(dict.fromkeys((*question.unit.sources, *(("logits",) if _predicts(net) else ()))))
    hiding = OccludedInputs(net, question.x, filled(question, fill, seed), rows, columns, layers)
    measured = OcclusionValues(question, hiding, patch, _correct(question, correct))
    with torch.no_grad(), frozen(unwrap(net.module), channels_last=True):
        evidence = _first_right(measured, ways(hiding, precision, batch_size), check, seed)
    return measured.result(evidence)


def _first_right(measured: OcclusionValues, several: list[Strategy], check: int, seed: int) -> dict[str, Any]:
    """Measure in the fastest way whose numbers are those of the plain module, and say how it went."""
    for way in several:
        work = Work(way.batches, measured.map)
        try:
            for batch in work:
                measured.put(joined(batch), way.run(batch))
        except CannotExport:
            continue
        done = joined([group for batch in way.batches[: work.done] for group in batch])
        chosen = np.random.default_rng(seed).permutation(len(done.y))[:check]
        apart, share = measured.difference(PatchGroup(done.y[chosen], done.x[chosen])) if check else (0.0, 0.0)
        if share <= way.tolerance or work.evidence:
            break
    checked = {"checked_positions": len(chosen), "largest_difference": apart, "relative_difference": share}
    return {"positions": len(done.y), **way.evidence(), **(checked if check else {}), **work.evidence}


def _patch(question: AttributionTarget, size: int | str, width: int | str) -> tuple[int, int]:
    """Height and width of the patch."""
    shape = question.seen.shape[:2]
    tall = max(1, round(min(shape) / 7)) if isinstance(size, str) else size
    wide = tall if isinstance(width, str) else width
    if tall > shape[0] or wide > shape[1]:
        raise BadKnob(
            f"size and width must be at most {shape[0]} × {shape[1]}, what {question.net.name} sees of an image, "
            f"not {tall} × {wide}. Give a smaller patch."
        )
    return tall, wide


def _starts(length: int, side: int, stride: int | str) -> NDArray[np.int64]:
    """Where windows begin, up to the one that reaches the end; with gaps between them, the last one ends there."""
    step = max(1, side // 4) if isinstance(stride, str) else stride
    starts = np.arange(1 + -(-(length - side) // step)) * step
    return np.where(starts < length, starts, length - side)


def _predicts(net: Network) -> bool:
    """Whether class scores can be had; they cannot where weights are missing."""
    return net.classifies and not net.untrained


def _correct(question: AttributionTarget, wanted: str) -> int:
    """The index of the correct class; -1 for a network that does not classify."""
    net, unit = question.net, question.unit
    if not _predicts(net):
        return -1
    if wanted:
        try:
            return net.unit(parse(f"logits:{wanted}", net.labels)).channel or 0
        except UnknownUnit as error:
            raise BadKnob(f"correct must be the number or label of a class, not {wanted!r}. {error}") from None
    raised = (term.channel for weight, term in unit.terms if term.is_class and term.channel is not None and weight > 0)
    own = next(raised, None)
    return net.predict(question.image, 1)[0][1] if own is None else own
