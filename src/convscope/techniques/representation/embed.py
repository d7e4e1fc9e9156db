"""Maps of what a layer holds of a collection of images: near on the map is near in the layer, as far as that goes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ...base.errors import BadKnob
from ...base.pixels import Floats
from ...base.unit import Unit
from ...contract import knobs
from ...contract.technique import technique
from ...data.source import Source
from ...network.network import Network
from ...representation.embedding.behind import Representation
from ...representation.embedding.methods import METHODS
from ...representation.embedding.points import Metric, finite_rows, in_metric
from ...representation.embedding.principal import MOST, Scatter
from ...representation.embedding.quality import Quality, map_quality
from ...results.embedding import Embedding
from ...scan.codes.result import Codes
from ...scan.pass_knobs import ClassNames
from ...scan.subject import SourceSubject
from ..common_knobs import Seed
from .evolution import evolution
from .given_codes import given_codes, missing
from .map_knobs import CodeDistance, Pool

_EXACT = 1 << 30  # bytes of codes against which a map is judged; of more, against their components


@technique(source=SourceSubject(), over=evolution)
def embed(
    net: Network,
    source: Source | Codes,
    layer: str,
    *,
    method: Annotated[
        Literal["tsne", "pca", "umap"], Field(description="t-SNE, the first principal components, or UMAP if installed")
    ] = "tsne",
    dims: Annotated[Literal[2, 3], Field(description="dimensions of the map")] = 2,
    metric: CodeDistance = "l2",
    perplexity: Annotated[
        str,
        Field(description="of t-SNE, several with commas; auto: 30 and n/100, above 10,000 images 30 alone"),
        knobs.Several(","),
    ] = "auto",
    iterations: Annotated[
        int, Field(ge=1, le=100_000, description="updates of t-SNE, after 250 with exaggerated attraction")
    ] = 500,
    pool: Pool = "mean",
    labels: ClassNames = "source",
    seed: Seed = 0,
) -> Embedding:
    """Map the images of a collection so that those a layer takes for alike lie side by side.

    van der Maaten and Hinton 2008, "Visualizing data using t-SNE"; the recipe of Kobak and Berens 2019, by openTSNE.
    Codes go through at most 50 principal components, then through t-SNE from a start that these give, so that the same
    images give the same map. `source` is what a scan takes, or codes made before. Every map is judged: how near its
    neighbors are in the layer, how many of the layer's nearest it keeps, and how it keeps the classes. Of a list of
    networks it is their `evolution`. Raises BadKnob for too few or equal codes and a perplexity that does not fit,
    BadSource, BadScan for codes of another network, and MissingExtra for umap where that is not installed.
    """
    found = given_codes(net, source, layer, pool, labels)
    axes = _axes(found, layer, metric)
    behind = Representation(net, found, layer, metric, axes, method)
    components = np.concatenate([behind.components(block) for block in found.blocks(layer)])
    chosen: dict[str, Any] = {"dims": dims, "seed": seed, "names": found.ids}
    if method == "tsne":
        chosen |= {"perplexity": _perplexity(perplexity), "iterations": iterations}
    made = METHODS[method](components, **chosen)
    quality, about = _judged(found, layer, metric, components, made.coordinates, seed)
    held = {"components": len(axes.axes), "variance_held": round(float(axes.explained.sum()), 4), "metric": metric}
    return Embedding(
        values=made.coordinates,
        unit=Unit(layer),
        network=net.name,
        evidence={**found.evidence, **made.evidence, **held, **about, **missing(found.evidence, made.evidence)},
        ids=found.ids,
        labels=found.labels,
        quality=quality,
        behind=behind,
    )


def _axes(found: Codes, layer: str, metric: Metric) -> Any:
    """The principal axes of codes that are seen block by block, once."""
    scatter, begin = Scatter(), 0
    for block in found.blocks(layer):
        names = found.ids[begin : begin + len(block)]
        scatter.add(in_metric(finite_rows(block, names=names), metric, names), names)
        begin += len(block)
    return scatter.axes(MOST)


def _perplexity(text: str) -> list[float] | None:
    if text == "auto":
        return None
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise BadKnob(f"perplexity must be auto, or numbers with commas between them, not {text!r}.") from None


def _judged(
    found: Codes, layer: str, metric: Metric, components: Floats, points: Floats, seed: int
) -> tuple[dict[str, float | None], dict[str, Any]]:
    """The quality of a map, and what it was judged against."""
    few = 8 * len(found) * found.width(layer) <= _EXACT
    codes = in_metric(finite_rows(found.of(layer)), metric) if few else components
    labels = found.labels if any(found.labels) else None
    quality: Quality = map_quality(codes, points, labels, seed=seed)
    told = {
        "trustworthiness": quality.trustworthiness,
        "continuity": quality.continuity,
        "recall": quality.neighbor_recall,
        "hit": quality.neighborhood_hit,
        "centroid_recall": quality.class_recall,
        "distance_correlation": quality.distance_correlation,
    }
    against = {} if few else {"judged_against": f"the {components.shape[1]} components, not the codes themselves"}
    return told, {**quality.evidence, "chance_recall": quality.chance, **against}
