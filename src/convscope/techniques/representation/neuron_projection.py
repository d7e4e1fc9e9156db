"""The units of a layer on a map, near each other where they say the same of images, in the color of their class."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...base.errors import BadKnob
from ...base.unit import Unit
from ...contract.technique import technique
from ...data.source import Source
from ...network.network import Network
from ...representation.embedding.dissimilarities import mds, tsne_of_dissimilarities
from ...representation.embedding.quality import distance_rank_correlation
from ...representation.separation.classes import BestClasses, best_classes
from ...representation.similarity.comoments import CoMoments, comoments
from ...results.neuron_projection import NeuronProjection
from ...scan.codes.result import Codes
from ...scan.pass_knobs import ClassNames
from ...scan.subject import SourceSubject
from ..common_knobs import Seed
from .given_codes import given_codes, missing
from .map_knobs import Pool

_LEAST = 4  # units


@technique(source=SourceSubject())
def neuron_projection(
    net: Network,
    source: Source | Codes,
    layer: str,
    *,
    method: Annotated[
        Literal["mds", "tsne"],
        Field(description="mds: all distances count; tsne: who is near whom, however far the others are"),
    ] = "mds",
    iterations: Annotated[
        int, Field(ge=1, le=100_000, description="updates of t-SNE, after 250 with exaggerated attraction")
    ] = 500,
    pool: Pool = "mean",
    labels: ClassNames = "source",
    seed: Seed = 0,
) -> NeuronProjection:
    """Map the units of a layer so that those that say the same of images lie side by side, colored by class.

    The neuron projection of Rauber, Fadel, Falcão and Telea 2017, "Visualizing the hidden activity of artificial neural
    networks": how units relate, and which have related discriminative roles. Two units are 1 − |r| apart, r their
    correlation over the images, so that opposite ones are together too. A unit's class is the one whose images it says
    most of, against all others, by the area under the ROC curve on one half of the images; its strength is that area on
    the other half. These measures are said here in full, as ours: the paper's may differ in the details. Units that say
    the same of all images have no correlation and are left out. `source` is what a scan takes, or codes. Raises
    BadKnob for fewer than four units that differ, BadSource, and BadScan for codes of another network.
    """
    codes = given_codes(net, source, layer, pool, labels)
    values = codes.of(layer)
    moments = comoments(values, values)
    shown = np.flatnonzero(~moments.constant_x)
    apart = _apart(moments, shown, layer)
    made = mds(apart) if method == "mds" else tsne_of_dissimilarities(apart, iterations=iterations, seed=seed)
    told = best_classes(values[:, shown], codes.labels, codes.ids, seed=seed)
    about = _about(told, len(shown), len(moments.mean_x) - len(shown))
    return NeuronProjection(
        values=made.coordinates,
        unit=Unit(codes.layers[0] if len(codes.layers) == 1 else layer),
        network=net.name,
        evidence={
            **codes.evidence,
            **made.evidence,
            **about,
            **missing(codes.evidence, made.evidence),
        },
        channels=shown,
        classes=tuple(told.names[best] if best >= 0 else None for best in told.best),
        auroc=told.auroc,
        correlation=distance_rank_correlation(apart, made.coordinates),
    )


def _apart(moments: CoMoments, shown: NDArray[np.int64], layer: str) -> NDArray[np.float64]:
    """1 − |r| of all pairs of the units shown, (n, n), exactly symmetric; raises BadKnob for fewer than four."""
    if len(shown) < _LEAST:
        raise BadKnob(
            f"layer must have at least {_LEAST} units that differ from image to image, not {len(shown)} as {layer}. "
            "Choose another layer, or give more images."
        )
    apart = 1 - np.abs(moments.correlation[np.ix_(shown, shown)])
    apart = (apart + apart.T) / 2
    np.fill_diagonal(apart, 0)
    return np.asarray(apart)


def _about(told: BestClasses, shown: int, left: int) -> dict[str, Any]:
    """The evidence of the units and their classes."""
    said: dict[str, Any] = {"units": shown, "classes": len(told.names)}
    if left:
        said["constant"] = f"{left} of {left + shown} units say the same of all images and are left out"
    if told.few:
        said["few"] = f"{told.few} classes have less than 5 images in a half and are not asked about"
    if not told.names:
        said["uncolored"] = "no class can be told: units have one color"
    return said
