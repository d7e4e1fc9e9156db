"""The units behind a unit: what each channel gives to the next, exactly, from the image on."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from ...attribution_graph.flows import Flows
from ...attribution_graph.unit_graph import UnitGraph
from ...base.errors import BadScan
from ...base.image import Image, ImageLike
from ...base.progress import report_progress
from ...base.unit import Unit, UnitLike
from ...contract.technique import technique
from ...network.isolation.frozen import frozen
from ...network.isolation.parts import unwrap
from ...network.network import Network
from ...results.connections import Connections
from ...scan.result import Scan
from ...scan.subject import AScan, scan_of
from ..attribution.target import remarks
from ..common_knobs import Seed
from ..unit_choice import computed_unit
from .circuit_test import tested
from .found_circuit import FoundCircuit
from .picture_or_scan import PictureOrScan

_PATCHES = 5  # images of a scan that stand for all: what flows in each is held


@technique(image=PictureOrScan())
def connections(
    net: Network,
    image: ImageLike | Scan,
    unit: UnitLike,
    *,
    keep: Annotated[
        float, Field(gt=0, le=1, description="share of what a layer gives to the circuit that its kept units carry")
    ] = 0.9,
    most: Annotated[int, Field(ge=1, le=32, description="units kept of a layer, at most")] = 8,
    into: Annotated[int, Field(ge=1, le=1000, description="edges into a unit, the strongest, at most")] = 3,
    scan: Annotated[AScan, Field(description="folder of a scan, for the mean and the crops beside the units")] = "",
    draws: Annotated[int, Field(ge=0, le=1000, description="circuits by chance that the circuit is held against")] = 20,
    seed: Seed = 0,
) -> Connections:
    """Show the circuit behind a unit: which units of earlier layers made it what it is, and what each gave to the next.

    Edges are gradient × activation, operation by operation: of a convolution Σ W ⊙ ∂y/∂W over its kernel, as in Syed et
    al. 2023 and Hanna et al. 2024, where slopes leave over a fifth unexplained averaged over 8 steps (Sundararajan et
    al. 2017). Norms and rectifiers belong to the convolution before them; inhibitors are kept. The circuit is tested as
    Rajaram et al. 2024 do: all else becomes the mean over the images of `scan`, or over the bundled photos. For `image`
    a scan may stand, whose images that drive the unit most are averaged. Raises CannotExport where the executed graph
    cannot be found, and UnknownUnit for whole layers, sums, probabilities and the image itself.
    """
    asked = computed_unit(net.unit(unit))
    net.check_trained([asked.source])
    seen = scan_of(net, scan)
    with torch.inference_mode(False), frozen(unwrap(net.module)):
        if isinstance(image, Scan):
            return _over(net, image, asked, (keep, most, into))
        return _of_image(net, image, asked, (keep, most, into), (seen, draws, seed))


def _of_image(
    net: Network, image: Any, unit: Unit, limits: tuple[float, int, int], test: tuple[Scan | None, int, int]
) -> Connections:
    picture: Image = image
    shown = net.see(picture)
    x = net.feed(shown)
    report_progress(0, 2)
    graph = UnitGraph(net, unit, x)
    flows = graph.flows(graph.first)
    value = float(graph.read(flows.values[graph.end]))
    found = FoundCircuit.of(graph, [flows], limits)
    told: dict[str, Any] = {"forward_passes": 1, "backward_passes": 1, **found.evidence(value), **remarks(net, unit)}
    told |= net.preprocessing.told(picture)
    kept, random = float("nan"), np.zeros(0)
    report_progress(1, 2)
    if found.circuit.edges and value != 0:
        outcome = tested(graph, x, value, found.circuit.channels, *test)
        kept, random = outcome.kept, outcome.random
        told |= {**outcome.evidence, "kept_share": kept, **_beside(kept, random)}
    elif value == 0 or not found.circuit.edges:
        told["silent"] = f"{unit} is {value:.4g} for this image and nothing flows to it, so there is no circuit"
    return found.result(unit, value, told, image=picture, seen=shown, kept=kept, random=random, scan=test[0])


def _over(net: Network, scan: Scan, unit: Unit, limits: tuple[float, int, int]) -> Connections:
    """The mean over the images of a scan that drive a unit most, each at the place where it did."""
    scan.check(net)
    channel = Unit(unit.layer, unit.channel)
    hits = scan.top(channel, _PATCHES)
    if not hits:
        raise BadScan(f"{channel} must have entries in the scan; it never fired. Choose another unit, or an image.")
    flat = len(net.layers[unit.layer].shape) == 1
    places = [channel if flat else Unit(unit.layer, unit.channel, (hit.y, hit.x)) for hit in hits]
    inputs = [net.prepare(scan.source.open(hit.image)) for hit in hits]
    graph = UnitGraph(net, places[0], inputs[0])

    several = list[Flows]()
    for number, (x, place) in enumerate(zip(inputs, places, strict=True)):
        report_progress(number, len(hits))
        several.append(graph.flows(graph.tape(x), place))
    found = FoundCircuit.of(graph, several, limits)
    value = float(np.mean([hit.value for hit in hits]))
    told: dict[str, Any] = {"images": len(hits), **found.evidence(value), **remarks(net, unit)}
    told["mean_over"] = f"the mean over the {len(hits)} images of the scan that drive {channel} most"
    return found.result(unit, value, told, image=None, seen=np.zeros((0, 0, 3), np.uint8), scan=scan)


def _beside(kept: float, random: Any) -> dict[str, Any]:
    """The circuit beside those by chance."""
    if not len(random):
        return {}
    better = int((random >= kept).sum())
    told: dict[str, Any] = {
        "random_mean": float(random.mean()),
        "random_max": float(random.max()),
        "random_better": better,
    }
    if better:
        told["no_better_than_chance"] = f"{better} of {len(random)} circuits by chance keep as much of the unit"
    return told
