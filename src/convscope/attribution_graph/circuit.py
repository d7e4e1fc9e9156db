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


def candidates(graph: BoxGraph, flows: Mapping[str, Tensor], asked: Sequence[int], keep: float, most: int) -> Channels:
    """Of each box the strongest channels, up to a share `keep` of all its |flow|, and at most so many.

    `flows` are those of the boxes' channels; of the last box it is the channels that are asked for.
    """
    found = {box.end: _strongest(flows[box.end].numpy(), keep, most) for box in graph.boxes}
    return {**found, graph.root.end: asked}


def edge_rows(flows: Flows, chosen: Channels) -> dict[str, Tensor]:
    """What every chosen unit gives to the chosen channels of each box, (channels, all chosen)."""
    units = torch.tensor(unit_numbers(flows.graph, chosen), dtype=torch.long)
    return {box.end: edges_into(flows, box, chosen[box.end])[:, units] for box in flows.graph.boxes[1:]}


def unit_numbers(graph: BoxGraph, chosen: Channels) -> list[int]:
    """The numbers of all chosen units, in the order of the boxes."""
    return [box.first + channel for box in graph.boxes for channel in chosen[box.end]]


def circuit_of(graph: BoxGraph, chosen: Channels, rows: Mapping[str, Tensor], into: int) -> Circuit:
    """From the unit back to the image: each channel that is reached takes its strongest edges, `into` at most."""
    numbers = unit_numbers(graph, chosen)
    reached, edges = {graph.root.first + channel for channel in chosen[graph.root.end]}, list[tuple[int, int, float]]()
    for box in reversed(graph.boxes[1:]):
        for channel, row in zip(chosen[box.end], rows[box.end].numpy(), strict=True):
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
