"""The circuit behind a unit: the few units of each box that carry most flow, and the strongest edges between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .boxes import BoxGraph
from .edges import edges_into
from .flows import Flows

Channels: TypeAlias = Mapping[str, Sequence[int]]  # of boxes, by the name of their last value


@dataclass(frozen=True)
class Circuit:
    """The channels kept of each box, and the edges between them: numbers of source and target units, and the flow."""

    channels: Channels
    edges: tuple[tuple[int, int, float], ...]


def circuit_of(several: Sequence[Flows], asked: Sequence[int], keep: float, most: int, into: int) -> Circuit:
    """From the unit, the channels `asked` of the last box, back to the image; of several images their mean.

    Of each box the channels are kept that give most to those kept after it, up to a share `keep` of all that is given
    to these, and at most `most`. Each takes its strongest edges from what is kept, `into` at most; what no edge reaches
    is left out.
    """
    graph = several[0].graph
    kept, rows, given = {graph.root.end: asked}, dict[str, Tensor](), torch.zeros(graph.total, dtype=torch.float64)
    for box in reversed(graph.boxes):
        if box is not graph.root:
            kept[box.end] = _strongest(given[list(box.units)].numpy(), keep, most)
        if box.operations:
            row = torch.stack([edges_into(flows, box, kept[box.end]) for flows in several]).mean(0)
            given += row.abs().sum(0)
            rows[box.end] = row.to_sparse()  # most units give nothing
    return _reached(graph, kept, rows, into)


def _reached(graph: BoxGraph, chosen: Channels, rows: Mapping[str, Tensor], into: int) -> Circuit:
    numbers = [box.first + channel for box in graph.boxes for channel in chosen[box.end]]
    reached, edges = {graph.root.first + channel for channel in chosen[graph.root.end]}, list[tuple[int, int, float]]()
    for box in reversed(graph.boxes[1:]):
        dense = rows[box.end].to_dense()[:, numbers].numpy()
        for channel, row in zip(chosen[box.end], dense, strict=True):
            if box.first + channel not in reached:
                continue
            for place in np.argsort(-np.abs(row), kind="stable")[:into].tolist():
                if row[place] != 0:
                    edges.append((numbers[place], box.first + channel, float(row[place])))
                    reached.add(numbers[place])
    kept = {box.end: [c for c in chosen[box.end] if box.first + c in reached] for box in graph.boxes}
    return Circuit(kept, tuple(edges))


def _strongest(flow: NDArray[np.float64], keep: float, most: int) -> list[int]:
    size = np.abs(flow)
    order = np.argsort(-size, kind="stable")[:most]
    before = np.cumsum(size[order]) - size[order]  # a channel is needed where those before it are not enough
    return [int(c) for c, known in zip(order, before, strict=True) if size[c] > 0 and known < keep * size.sum()]
