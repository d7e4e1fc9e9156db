"""Two networks, or two checkpoints of one, side by side over the same images: layers by layers, unit by unit."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from ...base.errors import BadKnob
from ...base.pixels import Ints
from ...base.unit import Unit
from ...contract import knobs
from ...contract.technique import technique
from ...data.source import Source
from ...network.layer_choice import evenly_spread
from ...network.network import Network
from ...representation.similarity.cka import CKA
from ...representation.similarity.compared import ComparedCodes
from ...results.network_comparison import NetworkComparison
from ...scan.codes.result import Codes
from ...scan.feature_extraction import codes as codes_of
from ...scan.subject import SourceSubject
from ..common_knobs import Seed
from .other_network import OtherNetwork

_LAYERS = 12  # where none are named


@technique(other=OtherNetwork(), source=SourceSubject())
def compare_networks(
    net: Network,
    other: Network,
    source: Source | Codes,
    *,
    layers: Annotated[
        str,
        Field(description="of both networks, with commas between them; auto: 12 of each, evenly over its depth"),
        knobs.Several(","),
    ] = "auto",
    other_layers: Annotated[
        str, Field(description="of the other network, where they have other names"), knobs.Several(",")
    ] = "",
    pool: Annotated[
        str, Field(description="how a map of a layer becomes one number: mean, max, or one place y,x", min_length=1)
    ] = "mean",
    draws: Annotated[
        int, Field(ge=1, le=1000, description="shuffles of the images that give the level of chance")
    ] = 10,
    seed: Seed = 0,
) -> NetworkComparison:
    """Compare what two networks hold of the same images: layers by layers, and unit by unit.

    Kornblith, Norouzi, Lee and Hinton 2019, "Similarity of neural network representations revisited", unbiased as
    Nguyen, Raghu and Kornblith 2021; Procrustes and canonical correlations (Raghu et al. 2017) beside their chance;
    units matched as Li et al. 2016, "Convergent learning". Each network sees the images in its own way. `other` is a
    network or the name of one. Raises BadKnob for fewer than ten images, UnknownLayer, BadSource, and what `load`
    raises.
    """
    if isinstance(source, Codes):
        raise BadKnob("source must be images, which both networks see, not codes of one. Give the images themselves.")
    first, second = (
        codes_of(one, source, names, pool=pool, labels="none")
        for one, names in ((net, _named(net, layers)), (other, _named(other, other_layers or layers)))
    )
    if len(first) < 10:
        raise BadKnob(f"source must hold at least 10 images to compare networks by, not {len(first)}. Give more.")
    compared = ComparedCodes(first, second)
    alignment = compared.alignment()
    pairs = _paired(first, second, alignment)
    return NetworkComparison(
        values=alignment.values.astype(np.float32),
        unit=Unit(first.layers[-1]),
        network=net.name,
        evidence={**first.evidence, **_told(first, second, alignment), "draws": draws, "seed": seed},
        other=other.name,
        layers=first.layers,
        other_layers=second.layers,
        cka=alignment.values,
        pairs=pairs,
        **compared.by_pairs(pairs, draws, seed),
        behind=compared,
    )


def _named(net: Network, layers: str) -> str:
    return ",".join(evenly_spread(net, _LAYERS)) if layers == "auto" else layers


def _paired(a: Codes, b: Codes, alignment: CKA) -> Ints:
    """For each layer of a that of b with its name, else the one most like it."""
    best = np.nan_to_num(alignment.values, nan=-1).argmax(1)
    return np.array(
        [[i, b.layers.index(name) if name in b.layers else best[i]] for i, name in enumerate(a.layers)], np.int64
    ).reshape(-1, 2)


def _told(a: Codes, b: Codes, alignment: CKA) -> dict[str, object]:
    told: dict[str, object] = {"chance_deviation": alignment.chance_deviation}
    undefined = [f"{a.ledger.network}: {a.layers[i]}" for i in alignment.undefined_a]
    undefined += [f"{b.ledger.network}: {b.layers[i]}" for i in alignment.undefined_b]
    return {**told, "constant": f"the same for all images: {', '.join(undefined)}"} if undefined else told
