"""The first layer's filters over a recorded training: what they look like, and when they are smoother than chance."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from ...base.errors import BadKnob
from ...base.pixels import Floats
from ...base.unit import Unit
from ...contract import knobs
from ...results.evolution import FilterEvolution
from ...techniques.common_knobs import Seed
from ...techniques.inspection.filter_statistics import roughness, shuffled_roughness
from ..storage.record import Record

_BAND = (5, 95)  # percentiles of the null that are kept


@knobs.checked
def filter_evolution(
    record: Record,
    *,
    draws: Annotated[int, Field(ge=20, le=10_000, description="shufflings of the weights at each step")] = 100,
    seed: Seed = 0,
) -> FilterEvolution:
    """Show the filters of the first convolution over a training, and how smooth they are beside shuffled ones.

    Smooth filters are a sign that a network has trained well, noisy ones of too short a training (Zeiler and Fergus
    2014); what counts as noise is measured: total variation over that of the same weights in any order within each
    kernel. `record` is what `open_record` reads. `.save("film.mp4")`, `.gif` or `.webp` write a film over the steps.
    Raises BadKnob for a record without filters, and for filters of a single weight, which are neither smooth nor rough.
    """
    steps = record.filter_steps
    if not steps:
        raise BadKnob("record must be of a module that convolves, and holds no filters. Record such a module.")
    found = [record.filters(step) for step in steps]
    if len({(one.layer, one.values.shape) for one in found}) > 1:
        last = found[-1]  # the layer was replaced in the middle: what it was before is of another one
        found = [one for one in found if (one.layer, one.values.shape) == (last.layer, last.values.shape)]
    values = np.stack([_planar(one.values) for one in found])
    if values.shape[-1] * values.shape[-2] < 2:
        raise BadKnob(f"The filters of {found[0].layer} must have several weights a channel, to be smooth, not one.")
    nulls = [shuffled_roughness(filters, draws, seed) for filters in values]
    return FilterEvolution(
        values=values,
        unit=Unit(found[0].layer),
        network=str(record.about["module"]),
        evidence={"filters": values.shape[1], "draws": draws, "seed": seed},
        steps=np.array([one.step for one in found], np.int64),
        roughness=np.stack([roughness(filters) for filters in values]),
        null=np.array([np.percentile(null, _BAND) for null in nulls], np.float32),
    )


def _planar(filters: Floats) -> Floats:
    """Filters (out, in, h, w), of whatever dimensions the convolution has."""
    if filters.ndim == 3:
        return filters[:, :, None]
    return filters.reshape(*filters.shape[:1], -1, *filters.shape[-2:])
