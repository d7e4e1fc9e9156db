"""The pointing game: is the map's maximum on the object?"""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...base.errors import BadKnob
from ...base.image import ImageLike
from ...base.unit import UnitLike
from ...contract.knobs import Several
from ...contract.technique import technique
from ...network.network import Network
from ...results.evaluation import PointingGame
from ..attribution.target import AttributionTarget
from ..common_knobs import Seed
from .attribution_methods import Method, about, attribution_map, importance

Box: TypeAlias = tuple[float, float, float, float]


@technique
def pointing_game(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    method: Method = "saliency",
    box: Annotated[
        str,
        Field(description="the object: left,top,right,bottom in pixels of the picture; center: its middle half"),
        Several(","),
    ] = "center",
    tolerance: Annotated[float, Field(ge=0, description="how many pixels beside the box still hit")] = 15.0,
    seed: Seed = 0,
) -> PointingGame:
    """Test a map: see whether its maximum lies on the object.

    Zhang, Lin, Brandt, Shen and Sclaroff 2016, "Top-down neural attention by excitation backprop". `values` is the map
    (H, W); `hit` whether the middle of its largest pixel, `point` (y, x), is within `tolerance` pixels of the `box`,
    measured as the network sees the picture. `evidence["energy"]` is the share of the map's positive part inside the
    box (Wang et al. 2020, "Score-CAM"), next to `box_area`, the share a map of noise would have. Raises BadKnob for a
    box that cannot be read, is empty, or lies where the network does not see.
    """
    question = AttributionTarget.of(net, image, unit)
    seen = _seen_box(question, box)
    found = attribution_map(net, image, unit, method, seed)
    values = importance(found)
    y, x = divmod(int(values.argmax()), values.shape[1])
    flat = bool(np.ptp(values) == 0)
    hit = not flat and _distance(seen, y + 0.5, x + 0.5) <= tolerance
    evidence = {**about(method, found), **_energy(values, seen), **({"flat": _FLAT} if flat else {})}
    return question.answer(PointingGame, values, found.value, evidence, hit=hit, point=(y, x), box=seen)


_FLAT = "the map is the same everywhere: it points nowhere, which counts as a miss"
_FORM = "Give left,top,right,bottom in pixels of the picture, such as 30,40,200,180, or center."


def _seen_box(question: AttributionTarget, text: str) -> Box:
    """The part of a box that the network sees, in its pixels."""
    height, width = question.image.size
    left, top, right, bottom = _parsed(text, width, height)
    box = question.net.preprocessing.to_seen((height, width), (left, top, right, bottom), question.image.view)
    rows, columns = question.seen.shape[:2]
    seen = max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(columns)), min(box[3], float(rows))
    if seen[0] >= seen[2] or seen[1] >= seen[3]:
        raise BadKnob(
            f"box must lie in the part of the picture the network sees, not {text!r} of {width} × {height} pixels, "
            "which its crop leaves out. Crop the picture around the object first."
        )
    return seen


def _parsed(text: str, width: int, height: int) -> Box:
    if text.strip() == "center":
        return width / 4, height / 4, width * 3 / 4, height * 3 / 4
    try:
        left, top, right, bottom = map(float, text.split(","))
    except ValueError:
        raise BadKnob(f"box must be four numbers or center, not {text!r}. {_FORM}") from None
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):  # which refuses NaN too
        raise BadKnob(f"box must lie in the picture of {width} × {height} pixels, not be {text!r}. {_FORM}")
    return left, top, right, bottom


def _distance(box: Box, y: float, x: float) -> float:
    left, top, right, bottom = box
    return math.hypot(max(left - x, x - right, 0), max(top - y, y - bottom, 0))


def _energy(values: NDArray[np.float32], box: Box) -> dict[str, Any]:
    """The share of the map's positive part inside the box, and of the area; pixels on its edge count in part."""
    rows, columns = (_overlap(side, *ends) for side, ends in zip(values.shape, (box[1::2], box[::2]), strict=True))
    positive = values.clip(0).astype(np.float64)
    area = {"box_area": float(rows.mean() * columns.mean())}
    return {"energy": float(rows @ positive @ columns / positive.sum()), **area} if positive.any() else area


def _overlap(side: int, start: float, end: float) -> NDArray[np.float64]:
    """How much of each of `side` pixels lies from start to end."""
    edges = np.arange(side + 1, dtype=np.float64).clip(start, end)
    return np.diff(edges)
