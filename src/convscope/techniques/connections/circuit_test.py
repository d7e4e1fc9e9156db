"""Whether a circuit is one: what is left of a unit's value with all else at the mean of a data set, beside chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...attribution_graph.ablation import channel_means, random_circuits, values_of
from ...attribution_graph.circuit import Channels
from ...attribution_graph.unit_graph import UnitGraph
from ...base.image import Image, open_image
from ...base.samples import PREFIX, samples
from ...scan.result import Scan

_IMAGES = 32  # of a scan, for the mean
_DEPTHS, _FEW = (1, 2, 4, 8, 16), 4  # boxes before the unit that are tested by themselves, and draws for each


@dataclass(frozen=True)
class Tested:
    """The shares of the unit's value that the circuit, and circuits by chance, keep; `evidence` of how."""

    kept: float
    random: NDArray[np.float64]
    evidence: dict[str, Any]


def tested(
    graph: UnitGraph, x: Tensor, value: float, channels: Channels, scan: Scan | None, draws: int, seed: int
) -> Tested:
    """Put all but the circuit, and all but others of its size, at the mean of a data set, for one image."""
    nothing: Channels = {name: [] for name in channels}
    chance = random_circuits(graph.boxes, channels, draws, seed)
    depths = [depth for depth in _DEPTHS if depth < len(channels) - 2]
    near = [_near(graph, depth, one) for depth in depths for one in (channels, *chance[:_FEW])]
    circuits = [channels, *chance, nothing, *near]
    count, images = _images(scan)
    with torch.no_grad():
        means = channel_means(graph.plan, graph.boxes, (graph.net.prepare(one).to(graph.dtype) for one in images))
        values = values_of(graph.plan, graph.boxes, x.to(graph.dtype), circuits, means, graph.read)
    shares = values / value
    told: dict[str, Any] = {"mean_of": f"{count} {'bundled photos' if scan is None else 'images of the scan'}"}
    told |= {"kept_by_no_unit": float(shares[1 + draws])}
    rows = shares[2 + draws :].reshape(len(depths), 1 + len(chance[:_FEW]))
    told["kept_of_last"] = {
        str(depth): {"kept": float(row[0]), "random_mean": float(row[1:].mean()) if len(row) > 1 else None}
        for depth, row in zip(depths, rows, strict=True)
    }
    return Tested(float(shares[0]), shares[1 : 1 + draws], told)


def _near(graph: UnitGraph, depth: int, channels: Channels) -> Channels:
    """The same circuit in the last boxes before the unit, and all units in those before them."""
    boxes = graph.boxes.boxes
    last = {box.end for box in boxes[-1 - depth :]}
    return {box.end: channels[box.end] if box.end in last else range(box.count) for box in boxes}


def _images(scan: Scan | None) -> tuple[int, Iterator[Image]]:
    """How many images the mean is of, and these: the bundled photos, or some of a scan, evenly spread."""
    if scan is None:
        return len(samples()), (open_image(f"{PREFIX}{name}") for name in samples())
    rows = scan.table("images").to_pylist()
    ids = [row["id"] for row in rows if not row["refused"]]
    spread = np.unique(np.linspace(0, len(ids) - 1, min(_IMAGES, len(ids))).astype(int)).tolist()
    return len(spread), (scan.source.open(ids[i]) for i in spread)
