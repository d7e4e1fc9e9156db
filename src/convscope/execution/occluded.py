"""What a network makes of an image with each of many rectangles hidden, with little work where that is possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..base.errors import CannotExport
from ..graph.trace import executed
from ..network.batch_size import chunks, fitting_batch_size
from ..network.isolation.parts import unwrap
from ..network.isolation.running import dtype_of
from .dirty_windows import Interval
from .incremental import Incremental, PatchGroup
from .plan import Plan, exportable

if TYPE_CHECKING:
    from ..network.network import Network

Precision = Literal["fp32", "bf16"]
Found = tuple[PatchGroup, dict[str, Tensor]]
_TOGETHER = 8  # groups whose vectors a classifier is given at once


@dataclass(frozen=True, eq=False)
class OccludedInputs:
    """An image x, (1, C, H, W), of which rectangles, rows × columns, are replaced by what is there in `hidden`."""

    net: Network
    x: Tensor
    hidden: Tensor
    rows: Interval
    columns: Interval
    layers: tuple[str, ...]

    def inputs(self, group: PatchGroup) -> Tensor:
        """The whole inputs for some positions, (N, C, H, W)."""
        found = self.x.repeat(len(group.y), 1, 1, 1)
        for one, y, x in zip(found, group.y, group.x, strict=True):
            at = (slice(None), _slice(self.rows, y), _slice(self.columns, x))
            one[at] = self.hidden[0][at]
        return found

    def densely(self, group: PatchGroup) -> dict[str, Tensor]:
        """The tensors at the layers, by the module itself on whole inputs."""
        return self.net.read(self.inputs(group), *self.layers)

    @property
    def positions(self) -> PatchGroup:
        """All positions, row by row."""
        tall, wide = len(self.rows.low), len(self.columns.low)
        return PatchGroup(np.repeat(np.arange(tall), wide), np.tile(np.arange(wide), tall))


def _slice(interval: Interval, position: int) -> slice:
    return slice(int(interval.low[position]), int(interval.high[position]) + 1)


@dataclass(frozen=True, eq=False)
class Strategy:
    """A way to compute OccludedInputs: `batches` of groups of positions, what to do with one, and what to say of all.

    `tolerance` is how far it may be from the module's own numbers, as a share of the largest.
    """

    batches: list[list[PatchGroup]]
    run: Callable[[list[PatchGroup]], Mapping[str, Tensor]]
    evidence: Callable[[], dict[str, Any]]
    tolerance: float


def ways(occluded: OccludedInputs, precision: Precision, batch_size: int | Literal["auto"]) -> list[Strategy]:
    """The ways there are, the fastest first; one is to be taken if those before it turn out to be wrong."""
    deepest = max(occluded.layers, key=list(occluded.net.layers.including(*occluded.layers)).index)
    size = fitting_batch_size(occluded.net, deepest, batch_size)
    try:
        return [
            _incremental(occluded, precision, size),
            *_dense(occluded, size, "the graph failed or gave other numbers"),
        ]
    except CannotExport as error:
        return _dense(occluded, size, str(error))


def joined(groups: list[PatchGroup]) -> PatchGroup:
    """Several groups as one."""
    return PatchGroup(np.concatenate([group.y for group in groups]), np.concatenate([group.x for group in groups]))


def _incremental(occluded: OccludedInputs, precision: Precision, size: int) -> Strategy:
    net, own = occluded.net, dtype_of(occluded.net.module)
    dtype = torch.bfloat16 if precision == "bf16" else own
    graph = executed(net, *occluded.layers)
    with exportable():
        plan = Plan.of(graph, unwrap(net.module), dtype)
        engine = Incremental(plan, occluded.x.to(dtype), occluded.hidden.to(dtype), occluded.rows, occluded.columns)
    groups = engine.groups(size)

    def run(batch: list[PatchGroup]) -> dict[str, Tensor]:
        with exportable():
            parts = [engine.maps(group) for group in batch]
            found = engine.finished({name: torch.cat([part[name] for part in parts]) for name in parts[0]})
        return {layer: net.arranged(layer, tensor).to(own) for layer, tensor in found.items()}

    def evidence() -> dict[str, Any]:
        saved = engine.whole_work / engine.work if engine.work else 1.0
        found = {"windowed_convolutions": len(engine.windowed), "convolutions": engine.convolutions}
        return {**found, "work_saved": round(saved, 3), **({"dense_because": engine.obstacle} if saved < 1.1 else {})}

    together = _TOGETHER if occluded.layers == ("logits",) else 1  # maps of a hidden layer would fill the memory
    batches = [groups[i : i + together] for i in range(0, len(groups), together)]
    return Strategy(batches, run, evidence, _TOLERANCE[dtype])


def _dense(occluded: OccludedInputs, size: int, because: str) -> list[Strategy]:
    """Whole inputs through the module: in batches, and one by one for a module that mixes the images of a batch."""
    everywhere = occluded.positions

    def way(many: int, why: str) -> Strategy:
        groups = [
            PatchGroup(everywhere.y[r.start : r.stop], everywhere.x[r.start : r.stop])
            for r in chunks(len(everywhere.y), many)
        ]
        evidence = lambda: {"dense_because": why}  # noqa: E731
        return Strategy(
            [[group] for group in groups],
            lambda batch: occluded.densely(batch[0]),
            evidence,
            _TOLERANCE[dtype_of(occluded.net.module)],
        )

    return [way(size, because), way(1, f"{because}; one by one, since it mixes the images of a batch")]


_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.1}
