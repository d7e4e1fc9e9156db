"""The path of a change: from the pixels through the layers to the class, in contributions that add up."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ...base.errors import BadKnob, UnknownLayer, UnknownUnit
from ...base.image import Image, ImageLike, open_image
from ...base.progress import Work, stage
from ...base.unit import Unit, Valued
from ...contract.technique import technique
from ...network.batch_size import fitting_batch_size
from ...network.isolation.parts import unwrap
from ...network.layer_choice import bottlenecks
from ...network.layers import taps
from ...network.network import Network
from ...results.attribution import Attribution
from ...results.margin_path import MarginPath
from ..attribution.integrated_gradients import integrated_from
from ..attribution.target import AttributionTarget, array
from ..common_knobs import BatchSize
from .flipped_units import CHANGED, MOST, ChosenLayers, select_named
from .layer_line import LayerShare, Line

_TINY = 1e-6  # of a value: roundings make changes as small


@technique(changed=CHANGED)
def margin_path(
    net: Network,
    image: ImageLike,
    changed: ImageLike,
    *,
    value: Annotated[
        str,
        Field(description="what is followed: a unit or a sum; auto: the score of the new class less that of the old"),
    ] = "auto",
    layers: ChosenLayers = "auto",
    steps: Annotated[int, Field(ge=1, le=1000, description="points between the two pictures to begin with")] = 16,
    limit: Annotated[
        int, Field(ge=1, le=10_000, description="points at most; not above steps: nothing is refined")
    ] = 128,
    tolerance: Annotated[
        float, Field(gt=0, le=1, description="what a sum may miss, as a share of the change of the value")
    ] = 0.01,
    batch_size: BatchSize = "auto",
) -> MarginPath:
    """Follow a change of a picture through the layers to the class: what each unit and pixel contributes to it.

    Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", from the first picture to the other:
    for the pixels, and for each layer by itself. A unit's contribution is the change of its activations times the mean
    gradient of the value on the straight line between what its layer puts out for the two pictures. (Conductance,
    Dhamdhere et al. 2019, follows a line of images instead.) Contributions of a layer that everything goes through sum
    to the change of the value; of others to what goes through them, and `evidence["other_ways"]` says which they are.
    Where both are taken for one class, the value is the score of the runner-up less that of this class. Cancelled, it
    is of the layers that are done. Raises BadImage, and BadKnob for units and layers there are
    not, or a layer that the value does not depend on.
    """
    return path_between(net, open_image(image), open_image(changed), value, layers, steps, limit, tolerance, batch_size)


def path_between(
    net: Network,
    image: Image,
    changed: Image,
    value: str | Valued = "auto",
    layers: str = "auto",
    steps: int = 16,
    limit: int = 128,
    tolerance: float = 0.01,
    batch_size: int | Literal["auto"] = "auto",
) -> MarginPath:
    """The same, of pictures that are open."""
    x, other = net.prepare(image), net.prepare(changed)
    unit, about = _followed(net, x, other) if value == "auto" else (_valued(net, value), {})
    names, question = _names(net, unit, layers), AttributionTarget.of(net, changed, unit)
    with stage(0, 2):
        pixels = integrated_from(question, x, steps, tolerance, max(limit, steps), batch_size)
    begin = float(pixels.evidence["value_at_baseline"])
    rise = pixels.value - begin
    scale = _scale(begin, pixels.value)
    with stage(1, 2):
        lines = _lines(net, x, other, unit, names, begin, fitting_batch_size(net, question.deepest, batch_size, True))
        work = Work(lines)
        shares = [line.share(steps, limit, tolerance * scale) for line in work]
    done = list(zip(names, shares, strict=False))
    return MarginPath(
        values=np.concatenate([one.contributions for one in shares]).astype(np.float32),
        unit=unit,
        network=net.name,
        evidence={**_of_pixels(pixels, rise, shares), **about, **_told(done, rise, scale, tolerance), **work.evidence},
        image=image,
        seen=net.see(image),
        seen_changed=question.seen,
        layers=tuple(name for name, _ in done),
        edges=np.cumsum([0, *(len(one.contributions) for one in shares)], dtype=np.int64),
        through=np.array([one.through for one in shares]),
        begin=begin,
        end=pixels.value,
        pixels=pixels.values,
    )


def _scale(begin: float, end: float) -> float:
    """What a gap is compared to: the change of the value, or the value itself where that is not changed."""
    largest = max(abs(begin), abs(end), 1e-30)
    return abs(end - begin) if abs(end - begin) > _TINY * largest else largest


def _of_pixels(pixels: Attribution, rise: float, shares: list[LayerShare]) -> dict[str, Any]:
    """What the integral of the pixels tells, with the passes of all, those to both ends of the lines among them."""
    passes = sum(one.passes for one in shares)
    return {
        **{name: told for name, told in pixels.evidence.items() if name not in _OF_PIXELS},
        "forward_passes": pixels.evidence["forward_passes"] + passes + 2,
        "backward_passes": pixels.evidence["backward_passes"] + passes,
        "pixel_gap": float(pixels.values.sum(dtype=np.float64)) - rise,
    }


_OF_PIXELS = ("steps", "refinements", "completeness_gap", "relative_gap", "value_at_baseline", "no_difference")


def _valued(net: Network, value: str | Valued) -> Valued:
    try:
        return net.unit(value)
    except (UnknownUnit, UnknownLayer) as error:
        raise BadKnob(f"value must be auto, or a unit of {net.name}, not {str(value)!r}: {error}") from None


def _followed(net: Network, x: Tensor, other: Tensor) -> tuple[Valued, dict[str, Any]]:
    """The margin of the new class over the old, or of the runner-up where the class is the same."""
    if not net.classifies:
        raise BadKnob(f"value must be a unit for {net.name}, which puts out no class scores. Say value=LAYER:CHANNEL.")
    with torch.no_grad():
        scores = [array(net.read(one, "logits")["logits"])[0] for one in (x, other)]
    if len(scores[0]) == 1:
        return net.unit(Unit("logits", 0)), {"old": net.label(0), "new": net.label(0)}
    old, (new, runner_up) = int(scores[0].argmax()), np.argsort(-scores[1], kind="stable")[:2].tolist()
    about = (
        {} if new != old else {"same_class": "both pictures are taken for one class, so it is its runner-up's score"}
    )
    new = runner_up if new == old else new
    return Unit("logits", new) - Unit("logits", old), {"old": net.label(old), "new": net.label(new), **about}


def _names(net: Network, unit: Valued, layers: str) -> list[str]:
    end = max(unit.sources, key=list(net.layers.including(*unit.sources)).index)
    names = bottlenecks(net, end, MOST) if layers == "auto" else [row.name for row in select_named(net, layers)]
    found = [name for name in names if name not in ("input", "logits")]
    if not found:
        raise BadKnob(f"layers must name layers before {unit} of {net.name}, not {layers!r}. List them: net.layers.")
    return found


def _lines(
    net: Network, x: Tensor, other: Tensor, unit: Valued, names: list[str], begin: float, size: int
) -> list[Line]:
    """The line of each layer between what it puts out for the two pictures, as the module lays it out."""
    calls = {name: net.layers[name].calls for name in names}
    with torch.no_grad():
        first, second = (taps.forward(unwrap(net.module), one, calls, net.output) for one in (x, other))
    return [Line(net, x, unit, name, first[name], second[name], begin, size) for name in names]


def _told(rows: list[tuple[str, LayerShare]], rise: float, scale: float, tolerance: float) -> dict[str, Any]:
    """How far the sums of layers are from what they must be, and which of them are only part of the way."""
    missed = {name: one.gap / scale for name, one in rows if one.gap > tolerance * scale}
    beside = {name: (rise - one.through) / scale for name, one in rows if abs(rise - one.through) > _BESIDE * scale}
    told: dict[str, Any] = {"steps": {name: one.steps for name, one in rows}}
    told["relative_gap"] = max(one.gap for _, one in rows) / scale
    if missed:
        worst = ", ".join(f"{name} by {gap:.1%}" for name, gap in missed.items())
        told["not_converged"] = f"the sum misses what goes through: of {worst} of the change; raise limit"
    if beside:
        ways = ", ".join(f"{name} ({share:.0%})" for name, share in beside.items())
        told["other_ways"] = f"some of the change does not go through: {ways}"
    return told


_BESIDE = 1e-3  # of the change of the value: what is less are roundings
