"""Which units are behind a selection of images: found in one half of them, tested in the other, and shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ...base.errors import BadKnob, UnknownLayer
from ...base.pixels import Floats
from ...base.progress import stage
from ...base.unit import spanning
from ...contract import knobs
from ...contract.technique import technique
from ...data.source import Source
from ...network.network import Network
from ...representation.separation.peaks import peak_codes
from ...representation.separation.selection import listed_images, selected_images
from ...representation.separation.separate import ENOUGH, SeparatingUnit, Separation, separate
from ...representation.separation.table import separation_table
from ...results.patches import Patches
from ...results.separation import SeparatingUnits
from ...scan.codes.result import Codes
from ...scan.job import Labels
from ...scan.pass_knobs import ClassNames
from ...scan.selection import select
from ...scan.subject import SourceSubject
from ..common_knobs import Seed
from ..inspection.source_patches import source_patches
from ..visualization.maximize import maximize
from .given_codes import check_same
from .selection_subject import SelectionSubject

_LEVEL = 0.05  # below which a corrected p-value is told of


@technique(source=SourceSubject(), selection=SelectionSubject())
def separating_units(
    net: Network,
    source: Source | Codes,
    selection: str | Sequence[str],
    *,
    layers: Annotated[
        str, Field(description="whose units are looked at, with commas between them, or all"), knobs.Several(",")
    ] = "all",
    top: Annotated[
        int, Field(ge=1, le=1000, description="units that are tested, the best on the half that finds")
    ] = 20,
    patches: Annotated[int, Field(ge=0, le=16, description="parts of images a unit that drive it most")] = 4,
    painted: Annotated[
        int, Field(ge=0, le=100, description="best units whose picture is painted too: a second or more each")
    ] = 0,
    steps: Annotated[int, Field(ge=1, le=100_000, description="steps of ascent of a painted picture")] = 48,
    labels: ClassNames = "source",
    seed: Seed = 0,
) -> SeparatingUnits:
    """Find the units that tell selected images from the others, and see what drives them.

    `selection` is a class, ids of images, or an SQL condition on `id` and `class`. One half of the images, by a hash of
    their ids, chooses the units of all layers by the area under the ROC curve of their peaks (Hanley and McNeil 1982);
    the other half tests these (Mann and Whitney 1947), corrected for all that were tested (Holm 1979): chosen and
    tested on the same images, the best of thousands of units would seem to mean something always. Where no unit
    reaches .7 by itself, a logistic direction of all units of the last layer is tested in the same way. `source` is
    what a scan takes, or codes; those of peaks, made with pool="max", are used as they are. Raises BadKnob for a
    selection that holds too few images or all of them and for unknown layers, BadSource, and BadScan for codes of
    another network.
    """
    chosen = str(selection)
    _check_layers(net, layers)
    _check(net, source, chosen, labels)
    with stage(0, 3):
        codes = peak_codes(net, source, layers, labels)
    mask = selected_images(codes.images, chosen)
    with stage(1, 3):
        found = separate({name: codes.of(name) for name in codes.layers}, mask, codes.ids, top=top, seed=seed)
    with stage(2, 3):
        shown = _patches(net, codes, found.units, patches)
    images, undriven = _painted(net, found.units[:painted], steps, seed)
    return SeparatingUnits(
        values=np.array([unit.auroc for unit in found.units], np.float32),
        unit=spanning(unit.layer for unit in found.units),
        network=net.name,
        evidence={**codes.evidence, **_told(found, mask), **undriven},
        selection=chosen,
        ids=codes.ids,
        chosen=mask,
        tested=separation_table(found),
        patches=shown,
        images=images,
        direction=np.zeros(0) if found.direction is None else found.direction.weights,
    )


def _check_layers(net: Network, layers: str) -> None:
    try:
        select(net, layers)
    except UnknownLayer as error:
        raise BadKnob(f"layers must be all, or layers of {net.name}, not {layers!r}: {error}") from None


def _check(net: Network, source: Source | Codes, selection: str, labels: Labels) -> None:
    """Refuse a selection that means nothing before any image is looked at; and classes that codes do not have."""
    if isinstance(source, Source):
        selected_images(listed_images(net, source, labels), selection)
        return
    check_same(source, labels=labels)
    selected_images(source.images, selection)


def _patches(net: Network, codes: Codes, units: Sequence[SeparatingUnit], most: int) -> dict[str, Patches]:
    """By layer what drives its units; nothing where none are asked for."""
    by_layer: dict[str, list[int]] = {}
    for unit in units if most else ():
        by_layer.setdefault(unit.layer, []).append(unit.unit)
    return {layer: source_patches(net, codes, layer, channels, most) for layer, channels in by_layer.items()}


def _painted(net: Network, units: Sequence[SeparatingUnit], steps: int, seed: int) -> tuple[Floats, dict[str, Any]]:
    """Pictures that excite units, and which could not be raised."""
    if not units:
        return np.zeros((0, 1, 1, 3), np.float32), {}
    made = maximize(net, [f"{unit.layer}:{unit.unit}" for unit in units], steps=steps, seed=seed)
    return made.images, {name: made.evidence[name] for name in ("undriven", "partial") if name in made.evidence}


def _told(found: Separation, mask: Any) -> dict[str, Any]:
    """The evidence: how many images there are of each kind, what was tested, and what did not come out."""
    sure = sum(unit.corrected < _LEVEL for unit in found.units)
    told: dict[str, Any] = {
        "selected": int(mask.sum()),
        "finding": list(found.finding),
        "testing": list(found.testing),
        "units": sum(len(areas) for areas in found.areas.values()),
        "layers": len(found.areas),
        "tested": len(found.units),
        "significant": sure,
    }
    if not sure:
        told["chance"] = f"none of the {len(found.units)} tested units is significant: what they show may be chance"
    if (direction := found.direction) is not None:
        ended = "" if direction.converged else ", whose fit did not come to its end"
        told["direction"] = (
            f"no unit reaches {ENOUGH:g} by itself; a direction of all units of {direction.layer} has "
            f"{direction.auroc:.2f}, {direction.found:.2f} where it was fitted{ended}"
        )
    return told
