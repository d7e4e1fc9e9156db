"""All attribution methods side by side, with their scores."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ...base.errors import BadKnob, ConvscopeError, nearest
from ...base.image import ImageLike
from ...base.progress import Work, listening
from ...base.unit import UnitLike
from ...contract.knobs import Several
from ...contract.technique import technique
from ...network.network import Network
from ...results.attribution import Attribution
from ...results.evaluation import Comparison
from ..attribution.baselines import Fill
from ..attribution.target import AttributionTarget
from ..common_knobs import Seed
from .attribution_methods import MAPS, attribution_map, importance
from .insertion_deletion import curves

_ALL = ",".join(MAPS)


@technique(presumes=True)
def compare(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    methods: Annotated[str, Field(description="names of methods, with commas between them"), Several(",")] = _ALL,
    steps: Annotated[int, Field(ge=1, le=10_000, description="steps of the insertion and deletion curves")] = 50,
    fill: Fill = "blur",
    seed: Seed = 0,
) -> Comparison:
    """Put all attribution methods of one unit in one figure, with their insertion and deletion scores.

    Every method runs with its default knobs; the scores are those of `insertion_deletion` (Petsiuk, Das and Saenko
    2018) with this `fill`, in the unit's own scale. Small areas for deletion and large ones for insertion speak for a
    map, if they beat those of `random`. A method that cannot be used on this network is named in `refused`, with the
    reason. Cancelled, it compares the methods that are done. Raises BadKnob for an unknown method.
    """
    question = AttributionTarget.of(net, image, unit)
    wanted = _wanted(methods)
    maps, scores, refused = {}, {}, {}
    work = Work(wanted)
    for method in work:
        try:
            with listening(lambda *_: None):  # the steps of one method are not those of the comparison
                found = attribution_map(net, question.image, question.unit, method, seed)
                maps[method] = importance(found)
                scores[method] = _score(question, found, steps, fill, seed)
        except ConvscopeError as error:
            refused[method] = str(error)
    if not maps:
        raise BadKnob(f"methods must hold one that can be used here, not {methods!r}. {refused[wanted[0]]}")
    areas = {
        name: np.array([score[name] for score in scores.values()], np.float32) for name in ("deletion", "insertion")
    }
    value = float(next(iter(scores.values()))["value"])
    evidence: dict[str, Any] = {"methods": len(maps), **({"refused": refused} if refused else {}), **work.evidence}
    shown = {"methods": tuple(maps), "refused": refused, **areas}
    return question.answer(Comparison, np.stack(list(maps.values())), value, evidence, **shown)


def _wanted(methods: str) -> list[str]:
    names = [name.strip().replace("-", "_") for name in methods.split(",") if name.strip()]
    unknown = next((name for name in names if name not in MAPS), None)
    if unknown is not None or not names:
        near = nearest(unknown or "", MAPS)
        raise BadKnob(f"methods must be names of {', '.join(MAPS)}, not {unknown or methods!r}.{near}")
    return list(dict.fromkeys(names))


def _score(question: AttributionTarget, found: Attribution, steps: int, fill: str, seed: int) -> dict[str, float]:
    ranked = np.nan_to_num(importance(found), nan=0.0)
    tested = curves(question.net, question.image, question.unit, ranked, steps=steps, fill=fill, seed=seed)
    return {"value": tested.value, **{name: tested.evidence[name] for name in ("deletion", "insertion")}}
