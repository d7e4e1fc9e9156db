"""Two networks, or two checkpoints of one, side by side over the same images: layers by layers, unit by unit."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...base.errors import BadKnob, UnknownLayer
from ...base.pixels import Ints
from ...base.progress import stage
from ...base.unit import Unit
from ...contract import knobs
from ...contract.technique import technique
from ...data.source import Source
from ...graph.outgoing import outgoing_weights
from ...network.layer_choice import evenly_spread
from ...network.network import Network
from ...representation.similarity.cka import CKA
from ...representation.similarity.compared import ComparedCodes
from ...results.network_comparison import NetworkComparison
from ...scan.codes.pooling import check_pool
from ...scan.codes.result import Codes
from ...scan.feature_extraction import codes as codes_of
from ...scan.selection import select
from ...scan.subject import SourceSubject
from ..common_knobs import Seed
from .other_network import OtherNetwork

_LAYERS = 12  # where none are named
_LEAST = 5  # images, for canonical correlations


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
    ] = 20,
    seed: Seed = 0,
) -> NetworkComparison:
    """Compare what two networks hold of the same images: layers by layers, and unit by unit.

    Kornblith, Norouzi, Lee and Hinton 2019, "Similarity of neural network representations revisited", unbiased as
    Nguyen, Raghu and Kornblith 2021; Procrustes and canonical correlations (Raghu et al. 2017) beside their chance;
    units matched as Li et al. 2016, "Convergent learning": see `.matches()`. `other` is a network or the name of one.
    Each sees the images in its own way; of codes of one, made before, the other sees their images. Layers are compared
    with those of the same name, else with the most alike. All codes are held in memory. Cancelled, it is of the images
    that both have seen, and of the pairs that are done. Raises BadKnob for fewer than five images and unknown
    layers, BadSource, BadScan where the images of codes are gone, and what `load` raises.
    """
    names = _chosen(net, layers, pool, "layers")
    others = _chosen(other, other_layers or layers, pool, "other_layers" if other_layers else "layers")
    with stage(0, 3):
        first = _codes(net, source, names, pool, layers == "auto")
    _check_enough(len(first))
    with stage(1, 3):
        second = _codes(other, source, others, pool, (other_layers or layers) == "auto")
    compared = ComparedCodes(first, second, draws, seed, _outgoing(net, first), _outgoing(other, second))
    _check_enough(len(compared))
    alignment = compared.alignment()
    pairs = _paired(first, second, alignment)
    with stage(2, 3):
        by_pairs, about = compared.by_pairs(pairs)
    return NetworkComparison(
        values=alignment.values.astype(np.float32),
        unit=Unit(first.layers[-1]),
        network=net.name,
        evidence=_told(compared, alignment, about),
        other=other.name,
        layers=first.layers,
        other_layers=second.layers,
        cka=alignment.values,
        pairs=pairs,
        **by_pairs,
        behind=compared,
    )


def _chosen(net: Network, layers: str, pool: str, knob: str) -> str:
    """The names of the layers of a network; raises BadKnob for other ones, before any image is looked at."""
    names = ",".join(evenly_spread(net, _LAYERS)) if layers == "auto" else layers
    try:
        check_pool(pool, select(net, names).layers)
    except UnknownLayer as error:
        raise BadKnob(
            f"{knob} must be auto, or layers of {net.name}, not {layers!r}: {error} Where the other network has other "
            "names, give them: other_layers=…."
        ) from None
    return names


def _codes(net: Network, source: Source | Codes, layers: str, pool: str, any_layers: bool) -> Codes:
    """What a network holds of the images: codes that were given, where they are its own, or new ones."""
    if isinstance(source, Source):
        return codes_of(net, source, layers, pool=pool, labels="none")
    if source.ledger.weights != net.digest:
        return codes_of(net, source.source, layers, pool=pool, labels="none")
    if source.ledger.knobs["pool"] != pool:
        raise BadKnob(
            f"pool must be that of the codes, {source.ledger.knobs['pool']}, not {pool}. Say so, or leave it."
        )
    if any_layers:
        return source
    wanted = [layer.name for layer in select(net, layers).layers]
    return source.only([source.ledger.same.get(name, name) for name in wanted if source.width(name)])


def _check_enough(images: int) -> None:
    if images < _LEAST:
        raise BadKnob(f"source must hold at least {_LEAST} images to compare networks by, not {images}. Give more.")


def _outgoing(net: Network, codes: Codes) -> dict[str, NDArray[np.float64] | None]:
    return {layer: outgoing_weights(net, layer) for layer in codes.layers}


def _paired(a: Codes, b: Codes, alignment: CKA) -> Ints:
    """For each layer of a that of b with its name, else the one most like it."""
    best = np.nan_to_num(alignment.values, nan=-1).argmax(1)
    own = [b.ledger.same.get(name, name) for name in a.layers]
    found = [[i, b.layers.index(name) if name in b.layers else best[i]] for i, name in enumerate(own)]
    return np.array(found, np.int64).reshape(-1, 2)


def _told(compared: ComparedCodes, alignment: CKA, about: dict[str, Any]) -> dict[str, Any]:
    """The evidence: which images there are, what is missing, and where nothing can be said."""
    a, b = compared.a, compared.b
    count, refused = len(compared), len({*a.refused} | {*b.refused})
    told = {"images": count, "refused": refused, "pool": a.ledger.knobs["pool"], "draws": compared.draws}
    told |= {"seed": compared.seed, "chance_deviation": alignment.chance_deviation}
    told |= {"same": dict(a.ledger.same)} if a.ledger.same else {}
    left = max(len(a), len(b)) - count
    partial = [codes.evidence["partial"] for codes in (a, b) if "partial" in codes.evidence][:1]
    partial += [about["partial"]] if about else []
    told |= {"partial": f"of {count} images: {'; '.join(partial)}"} if partial else {}
    told |= {"unread": f"{left} images that only one network could read are left out"} if left and not partial else {}
    silent = [f"{a.layers[i]} of {a.ledger.network}" for i in alignment.undefined_a]
    silent += [f"{b.layers[i]} of {b.ledger.network}" for i in alignment.undefined_b]
    constant = f"the same for all images, or for all but one: {', '.join(silent)}"
    return {**told, "constant": constant} if silent else told
