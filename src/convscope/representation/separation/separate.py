"""Which units separate a selection of images from the rest: found on one half of the images, tested on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...base.progress import report_progress
from ..centered import checked_codes
from .auroc import auroc, checked_selection, mann_whitney
from .direction import SeparatingDirection, fit_direction
from .halves import finding_half
from .holm import holm
from .threshold import best_threshold, rates

LEAST = 5  # images of either kind in either half
ENOUGH = 0.7  # area under the curve of a unit that separates by itself


@dataclass(frozen=True, eq=False)
class SeparatingUnit:
    """A unit of a layer that was found to separate a selection on one half of the images, and how it does on the other.

    `sign` is 1 where it says more of selected images, -1 where less, and `found` the area under the ROC curve that was
    found, at least .5. Of the testing half are `auroc`, for the same sign, `p_value` (Mann–Whitney, one-sided) and
    `corrected` for all units that were tested (Holm), and the `sensitivity` and `specificity` of `threshold`: above it,
    or with `sign` -1 below it, an image counts as selected.
    """

    layer: str
    unit: int
    sign: int
    found: float
    auroc: float
    p_value: float
    corrected: float
    threshold: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True, eq=False)
class Separation:
    """What separates a selection of images: `units`, the best first as one half of the images finds them.

    `areas` has for each layer the area under the ROC curve of every unit, (d,), on that half: more than .5 where it
    says more of the selection. `direction` is there where no unit reaches .7 on the testing half, and None elsewhere.
    `finding` and `testing` count selected and other images in the halves.
    """

    units: tuple[SeparatingUnit, ...]
    areas: Mapping[str, NDArray[np.float64]]
    direction: SeparatingDirection | None
    finding: tuple[int, int]
    testing: tuple[int, int]


def separate(
    layers: Mapping[str, NDArray[Any]],
    selected: NDArray[np.bool_],
    ids: Sequence[str],
    *,
    top: int = 20,
    layer: str | None = None,
    seed: int = 0,
) -> Separation:
    """Find the units whose values separate the `selected` images (n,) from the rest, of layers' codes (n, d).

    One half of the images, by a hash of their `ids` (n,) and `seed`, chooses the `top` units, their sign and threshold;
    the other half tests these. Where none is enough, a logistic direction of the codes of `layer`, by default the last,
    is fitted and tested on the same halves. Raises BadKnob for NaN, a selection that is empty or everything, less than
    five images of either kind in a half, and ids or codes of other images.
    """
    if top < 1:
        raise BadKnob(f"top must be at least 1 unit, not {top}.")
    checked, finding = checked_selection(selected, len(ids)), finding_half(ids, seed)
    codes = {name: _of(name, layer_codes, len(ids)) for name, layer_codes in layers.items()}
    where = _known(layer, list(codes))
    counts = [_counted(checked[half]) for half in (finding, ~finding)]
    areas = _areas(codes, checked, finding)
    tests = [_tested(name, unit, codes[name][:, unit], checked, finding) for name, unit in _best(areas, top)]
    corrected = holm(np.array([test.p_value for test in tests]))
    units = tuple(replace(test, corrected=float(p)) for test, p in zip(tests, corrected, strict=True))
    alone = max(unit.auroc for unit in units) >= ENOUGH
    direction = None if alone else fit_direction(where, codes[where], checked, finding)
    return Separation(units, areas, direction, *counts)


def _of(name: str, codes: NDArray[Any], rows: int) -> NDArray[Any]:
    found = checked_codes(codes, name)
    if len(found) != rows:
        raise BadKnob(
            f"{name} must have codes of the {rows} images that have ids, not of {len(found)}. Add or leave out."
        )
    return found


def _known(layer: str | None, names: list[str]) -> str:
    if not names or layer not in (None, *names):
        raise BadKnob(f"layer must be one of {', '.join(names) or 'at least one'}, not {layer}. Add its codes.")
    return layer or names[-1]


def _counted(selected: NDArray[np.bool_]) -> tuple[int, int]:
    """How many images of a half are selected, and how many are not."""
    inside = int(selected.sum())
    outside = len(selected) - inside
    if min(inside, outside) < LEAST:
        raise BadKnob(
            f"Each half of the images must have at least {LEAST} selected and {LEAST} others, not {inside} and "
            f"{outside}. Select more of them, or fewer."
        )
    return inside, outside


def _areas(
    codes: Mapping[str, NDArray[Any]], selected: NDArray[np.bool_], finding: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    found = {}
    for step, (name, layer) in enumerate(codes.items(), 1):
        found[name] = auroc(layer[finding], selected[finding])
        report_progress(step, len(codes))
    return found


def _best(areas: Mapping[str, NDArray[np.float64]], top: int) -> list[tuple[str, int]]:
    """The units furthest from .5, then by the order of layers and units."""
    names = [(name, unit) for name, layer in areas.items() for unit in range(len(layer))]
    order = np.argsort(-np.abs(np.concatenate(list(areas.values())) - 0.5), kind="stable")
    return [names[i] for i in order[:top]]


def _tested(
    layer: str, unit: int, values: NDArray[Any], selected: NDArray[np.bool_], finding: NDArray[np.bool_]
) -> SeparatingUnit:
    above = float(auroc(values[finding, None], selected[finding])[0])
    sign = 1 if above >= 0.5 else -1
    signed = sign * values.astype(np.float64)
    threshold = best_threshold(signed[finding], selected[finding])
    sensitivity, specificity = rates(signed[~finding], selected[~finding], threshold)
    return SeparatingUnit(
        layer=layer,
        unit=unit,
        sign=sign,
        found=max(above, 1 - above),
        auroc=float(auroc(signed[~finding, None], selected[~finding])[0]),
        p_value=mann_whitney(signed[~finding], selected[~finding]),
        corrected=1.0,
        threshold=sign * threshold,
        sensitivity=sensitivity,
        specificity=specificity,
    )
