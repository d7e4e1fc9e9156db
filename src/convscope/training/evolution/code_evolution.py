"""What a network makes of the probe of a record, over its training: one map a snapshot, beside what moves by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ...base.errors import BadKnob
from ...base.unit import Unit
from ...contract import knobs
from ...representation.embedding.evolution import evolve
from ...representation.embedding.points import finite_rows, in_metric
from ...results.evolution import Evolution
from ...techniques.common_knobs import Seed
from ...techniques.representation.evolution import evolution_of, superimposed
from ...techniques.representation.map_knobs import CodeDistance
from ..storage.record import Record

_NOTICE = "Codes are what this layer was given, means over places."


@knobs.checked
def code_evolution(
    record: Record,
    *,
    steps: Annotated[
        Sequence[int] | None, Field(description="snapshots to map, of record.snapshots; None for all of them")
    ] = None,
    classes: Annotated[
        Sequence[str] | None, Field(description="names of the classes whose numbers came with the probe")
    ] = None,
    dims: Annotated[Literal[2, 3], Field(description="dimensions of the maps")] = 2,
    metric: CodeDistance = "l2",
    pull: Annotated[
        float, Field(ge=0, le=100, description="how strongly an image is held where it is on the next map")
    ] = 0.003,
    iterations: Annotated[int, Field(ge=1, le=100_000, description="updates of the last map")] = 500,
    continued: Annotated[int, Field(ge=1, le=100_000, description="updates of each map that continues another")] = 500,
    seed: Seed = 0,
) -> Evolution:
    """Map what the last layer with weights was given for each image of the probe, snapshot by snapshot of a training.

    The same maps, continued from the last to the first, and the same control beside them as `embed` of a list of
    networks gives, without the networks: the codes are in the record. `.save("maps.mp4")` is a film of them, `.html` a
    page with a slider. Classes are those that came with the probe. Raises BadKnob for steps without a snapshot, fewer
    than two of them, and a probe of fewer than ten images.
    """
    chosen = tuple(record.snapshots if steps is None else sorted(set(steps)))
    if len(chosen) < 2:
        raise BadKnob(f"steps must be at least two snapshots, not {len(chosen)}. Record a training with a probe.")
    ids = tuple(f"probe {number}" for number in range(len(record.codes(chosen[0]))))
    labels = _labels(record, classes, len(ids))
    rows = [in_metric(finite_rows(record.codes(step), names=ids), metric, ids) for step in chosen]
    made = evolve(
        rows, dims=dims, pull=pull, iterations=iterations, continued=continued, seed=seed, names=ids, align=superimposed
    )
    kept = chosen[len(chosen) - len(made.coordinates) :]
    return evolution_of(
        made,
        rows,
        ids,
        labels,
        names=tuple(f"step {step}" for step in kept),
        unit=Unit(record.codes_of or "logits"),
        network=str(record.about["module"]),
        evidence={"images": len(ids), "metric": metric, **made.evidence, "steps": list(kept), "notice": _NOTICE},
    )


def _labels(record: Record, names: Sequence[str] | None, count: int) -> tuple[str | None, ...]:
    numbers = record.classes
    if numbers is None:
        if names is not None:
            raise BadKnob("classes must be left out: the probe of this record came without any. Give it as a pair.")
        return (None,) * count
    if names is None:
        return tuple(f"{number:g}" for number in numbers)
    if any(not 0 <= number < len(names) for number in numbers):
        raise BadKnob(f"classes must be a name for each number up to {max(numbers):g}, not {len(names)} names.")
    return tuple(names[int(number)] for number in numbers)
