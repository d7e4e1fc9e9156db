"""Maps of what a layer holds before, during and after training: the same images, one map continued from the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...base.errors import BadKnob
from ...base.unit import Unit
from ...contract import knobs
from ...data.open import open_source
from ...network.network import Network
from ...representation.embedding.evolution import EvolvedMaps, evolve
from ...representation.embedding.points import finite_rows, in_metric
from ...representation.embedding.quality import neighborhood_hit
from ...representation.procrustes import procrustes
from ...results.evolution import Evolution
from ...scan.codes.result import Codes
from ...scan.feature_extraction import codes as codes_of
from ...scan.pass_knobs import ClassNames
from ..common_knobs import Seed
from .map_knobs import CodeDistance, Pool

_HIT = 10  # neighbors on a map


@knobs.checked
def evolution(
    net: Sequence[Network],
    source: Any,
    layer: str,
    *,
    dims: Annotated[Literal[2, 3], Field(description="dimensions of the maps")] = 2,
    metric: CodeDistance = "l2",
    pull: Annotated[
        float, Field(ge=0, le=100, description="how strongly an image is held where it is on the next map")
    ] = 0.003,
    iterations: Annotated[
        int, Field(ge=1, le=100_000, description="updates of the last map, after 250 with exaggerated attraction")
    ] = 500,
    continued: Annotated[int, Field(ge=1, le=100_000, description="updates of each map that continues another")] = 500,
    pool: Pool = "mean",
    labels: ClassNames = "source",
    seed: Seed = 0,
) -> Evolution:
    """Map the same images in several networks, or checkpoints of one, first to last: what `embed` of a list does.

    Rauber, Fadel, Falcão and Telea 2017, "Visualizing the hidden activity of artificial neural networks". All networks
    share the principal components of all; the last is mapped first, and each one before it continues from the next,
    held by `pull` (Rauber, Falcão and Telea 2016). Beside it stands how far the images move when nothing changes.
    `net` are at least two networks whose `layer` has as many units. Raises BadKnob for other ones, and what `embed`
    raises.
    """
    several = [_checked(one) for one in net]
    if len(several) < 2:
        raise BadKnob(f"net must be at least two networks to see one evolve, not {len(several)}. For one, use embed.")
    opened = open_source(source)
    found = [codes_of(one, opened, layer, pool=pool, labels=labels) for one in several]
    _check_alike(several, found, layer)
    ids, classes = found[-1].ids, found[-1].labels
    rows = [in_metric(finite_rows(codes.values, names=ids), metric, ids) for codes in found]
    made = evolve(
        rows, dims=dims, pull=pull, iterations=iterations, continued=continued, seed=seed, names=ids, align=superimposed
    )
    kept = several[len(several) - len(made.coordinates) :]  # where it was cancelled, the last ones
    about = {"digests": [one.digest for one in kept], "source": opened.digest}
    return evolution_of(
        made,
        rows,
        ids,
        classes,
        names=_names(kept),
        unit=Unit(found[-1].layers[0]),
        network=several[-1].name,
        evidence={**found[-1].evidence, "metric": metric, **made.evidence, **about},
    )


def evolution_of(
    made: EvolvedMaps,
    rows: Sequence[NDArray[Any]],
    ids: tuple[str, ...],
    labels: tuple[str | None, ...],
    *,
    names: tuple[str, ...],
    unit: Unit,
    network: str,
    evidence: Mapping[str, Any],
) -> Evolution:
    """Maps that were made of codes, (n, d) each, as a result: with how far images move, and how far that is chance.

    `names` are those of the maps that were made, of the last codes where it was cancelled.
    """
    count = len(made.coordinates)
    return Evolution(
        values=made.coordinates,
        unit=unit,
        network=network,
        evidence=evidence,
        names=names,
        ids=ids,
        labels=labels,
        displacement=_stacked([motion.displacement for motion in made.motions], len(ids)),
        replaced=_stacked([motion.replaced for motion in made.motions], len(ids)),
        hits=_hits([*made.coordinates], labels),
        code_hits=_hits(rows[len(rows) - count :], labels),
        control=_control(made),
    )


def _checked(net: Any) -> Network:
    if not isinstance(net, Network):
        raise BadKnob(f"net must be Networks, not {type(net).__name__}. Use cs.load('lite0') or cs.Network(module).")
    return net


def _check_alike(several: list[Network], found: list[Codes], layer: str) -> None:
    for one, codes in zip(several, found, strict=True):
        if codes.width(layer) != found[0].width(layer):
            raise BadKnob(
                f"The networks must be of one architecture, but {layer} has {found[0].width(layer)} units in "
                f"{several[0].name} and {codes.width(layer)} in {one.name}. Compare them with compare_networks."
            )
        if codes.ids != found[0].ids:
            raise BadKnob("All networks must see the same images, but the source has changed meanwhile. Ask again.")


def superimposed(points: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points turned, mirrored, scaled and shifted onto others, (n, dims): what of a motion is none."""
    return procrustes(points, other).apply(points)


def _names(several: list[Network]) -> tuple[str, ...]:
    """Names that differ: of one network over its training those of its weights, else with numbers."""
    names = [one.name for one in several]
    weights = [Path(one.reference.get("weights", "")).stem for one in several]
    for found in (names, weights):
        if len(set(found)) == len(found):
            return tuple(found)
    return tuple(f"{name} {i}" for i, name in enumerate(names))


def _stacked(rows: list[NDArray[np.float32]], count: int) -> NDArray[np.float32]:
    return np.array(rows, np.float32).reshape(len(rows), count)


def _hits(several: Sequence[NDArray[Any]], classes: Sequence[str | None]) -> NDArray[np.float64]:
    if not any(classes):
        return np.full(len(several), np.nan)
    found = [neighborhood_hit(points, classes, _HIT) for points in several]
    return np.array([np.nan if hit is None else hit for hit in found], np.float64)


def _control(made: EvolvedMaps) -> dict[str, Any]:
    return {
        "null_motion": None if made.null is None else made.null.median,
        "median_motion": [motion.median for motion in made.motions],
        "neighbour_change": [float(motion.replaced.mean()) for motion in made.motions],
        "rank_correlation": [motion.correlation for motion in made.motions],
        "procrustes": [motion.aligned for motion in made.motions],
    }
