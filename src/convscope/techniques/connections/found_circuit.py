"""The circuit of a unit, found over one image or several, and told as a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...attribution_graph.circuit import Circuit, circuit_of
from ...attribution_graph.flows import Flows
from ...attribution_graph.holders import by_channel
from ...attribution_graph.kernels import kernels_into
from ...attribution_graph.unit_graph import UnitGraph
from ...base.pixels import Floats
from ...base.unit import Unit
from ...results.connections import Connections
from ...scan.result import Scan
from ..attribution.target import array
from .crops import top_crops


@dataclass(frozen=True, eq=False)
class FoundCircuit:
    """The circuit of a graph, with the mean flows and numbers of its boxes, over the images that were given."""

    graph: UnitGraph
    circuit: Circuit
    flows: dict[str, Tensor]
    numbers: Any
    maps: dict[str, Tensor]
    kernels: dict[tuple[int, int], NDArray[np.float64]]
    integrated: int

    @classmethod
    def of(cls, graph: UnitGraph, several: Sequence[Flows], limits: tuple[float, int, int]) -> FoundCircuit:
        """From what flows in one image, or in several of which it is the mean; `limits` are keep, most and into."""
        count, ends = len(several), [box.end for box in graph.boxes.boxes]
        asked = graph.channels(several[0]) or [graph.unit.channel or 0]
        circuit = circuit_of(several, asked, *limits)
        return cls(
            graph=graph,
            circuit=circuit,
            kernels=_kernels(several, circuit),
            flows={name: torch.stack([one.flow(name) for one in several]).mean(0) for name in ends},
            numbers=np.mean([_numbers(one) for one in several], 0),
            maps={name: sum(one.values[name] for one in several) / count for name in ends},
            integrated=max(len(one.integrated) for one in several),
        )

    @property
    def units(self) -> list[tuple[str, int]]:
        """The kept units: the last value of the box of each, and the channel in it."""
        channels = self.circuit.channels
        return [(box.end, channel) for box in self.graph.boxes.boxes for channel in channels[box.end]]

    def evidence(self, value: float) -> dict[str, Any]:
        """How far the numbers close, and what had to be said of the boxes."""
        given = float(self.flows[self.graph.boxes.start].sum())
        told = float(np.sum(self.numbers[:, 1:3]))
        gap = abs(given + told - value) / max(abs(value), 1e-30)
        names = [name for name in self.graph.names.values() if "#" in name or name not in self.graph.net.layers]
        found: dict[str, Any] = {
            "boxes": len(self.numbers),
            "integrated": self.integrated,
            "from_the_image": given,
            "from_biases": float(self.numbers[:, 1].sum()),
            "remainder": float(self.numbers[:, 2].sum()),
            "ledger_gap": gap,
        }
        if names:
            found["no_address"] = f"{', '.join(names)} are earlier runs of a module, or have no layer of their own"
        return found | self._unlike()

    def _unlike(self) -> dict[str, str]:
        """What of the remainders is attention's."""
        boxes = self.graph.boxes.boxes[1:]
        of = [i for i, box in enumerate(boxes) if any(o.kind in _ATTENTION for o in box.operations)]
        left = float(np.abs(self.numbers[of, 2]).sum()) if of else 0.0
        told = (
            f"{len(of)} operations of attention leave a remainder of {left:.3g}, since queries and keys act in products"
        )
        return {"attention": told} if of else {}

    def result(self, unit: Unit, value: float, told: dict[str, Any], scan: Scan | None, **fields: Any) -> Connections:
        """The result, with the units in order."""
        graph, named = self.graph, self._named(unit)
        order = {number: i for i, number in enumerate(self._unit_numbers())}
        edges = sorted(self.circuit.edges, key=lambda edge: (edge[1], -abs(edge[2])))
        places = {box.end: i for i, box in enumerate(graph.boxes.boxes)}
        return Connections(
            values=np.array([value for _, _, value in edges], np.float32),
            unit=unit,
            network=graph.net.name,
            evidence={**self._label(unit), **told},
            value=value,
            units=tuple(named),
            columns=np.array([places[name] for name, _ in self.units], np.int64),
            flows=np.array([float(self.flows[name][c]) for name, c in self.units]),
            maps=tuple(self._map(name, channel) for name, channel in self.units),
            ends=np.array([(order[a], order[b]) for a, b, _ in edges], np.int64).reshape(-1, 2),
            kernels=tuple(self.kernels[a, b] for a, b, _ in edges),
            boxes=tuple(graph.names[box.end] for box in graph.boxes.boxes[1:]),
            numbers=self.numbers,
            crops=top_crops(graph.net, scan, named),
            **{"kept": float("nan"), "random": np.zeros(0), **fields},
        )

    def _named(self, unit: Unit) -> list[str]:
        root = self.graph.boxes.root.end
        return [str(unit) if name == root else f"{self.graph.names[name]}:{c}" for name, c in self.units]

    def _unit_numbers(self) -> list[int]:
        boxes = self.graph.boxes
        return [box.first + channel for box in boxes.boxes for channel in self.circuit.channels[box.end]]

    def _label(self, unit: Unit) -> dict[str, str]:
        return {"label": self.graph.net.label(unit.channel or 0)} if unit.is_class else {}

    def _map(self, name: str, channel: int) -> Floats:
        """A channel's map, where its value has two axes beside those of channels and images."""
        holder = self.graph.boxes.holders[name]
        sides = [size for axis, size in enumerate(holder.shape) if axis not in holder.axes and axis != 0]
        if len(sides) != 2:
            return np.zeros((0, 0), np.float32)
        return array(by_channel(self.maps[name], holder.axes)[channel].reshape(sides))


_ATTENTION = {"scaled_dot_product_attention", "softmax", "_softmax", "matmul", "bmm"}


def _kernels(several: Sequence[Flows], circuit: Circuit) -> dict[tuple[int, int], NDArray[np.float64]]:
    """The kernel behind each edge, and the slope along it, in the mean over images."""
    into: dict[int, list[int]] = {}
    for source, target, _ in circuit.edges:
        into.setdefault(target, []).append(source)
    found: dict[tuple[int, int], NDArray[np.float64]] = {}
    for box in several[0].graph.boxes[1:]:
        pairs = [(a, channel) for channel in circuit.channels[box.end] for a in into.get(box.first + channel, ())]
        each = [kernels_into(flows, box, pairs) for flows in several]
        found |= {(a, box.first + c): np.mean(parts, 0) for (a, c), *parts in zip(pairs, *each, strict=True)}
    return found


def _numbers(flows: Flows) -> Any:
    rows = [flows.row(box) for box in flows.graph.boxes[1:]]
    return np.array([(row.inputs, row.bias, row.remainder, row.output) for row in rows])
