"""Running a network over batches of images and boiling down what its layers put out, in several lanes at once.

A lane takes whole batches on one thread, so that what comes out hangs neither on how many lanes there are nor on what
else is in flight; batches always have the same size, since kernels round differently for others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..base.errors import CannotExport
from ..base.samples import samples
from ..base.undo import undoing
from ..data.loading import Batch
from ..execution.fused_ops import Affine
from ..execution.plan import Plan
from ..graph.trace import executed
from ..network.batch_size import mixes
from ..network.isolation.frozen import call, frozen
from ..network.isolation.parts import unwrap
from ..network.isolation.running import device_of, dtype_of, plainly
from ..network.layers import taps
from ..network.network import Network
from .selection import Selection
from .statistics import map_kernels
from .statistics.batch_summary import Histograms, Summarizer, Summary
from .statistics.predictions import check_scores, most_probable, rank


class Filling(Protocol):
    """What maps go into while they are there: histograms, if any, and what `looks` at each layer's maps itself."""

    @property
    def histograms(self) -> Histograms | None: ...

    @property
    def looks(self) -> bool: ...

    def look(self, maps: NDArray[np.float32], numbers: Sequence[int], column: int, units: int) -> None: ...


See = Callable[[str, Tensor, Affine | None], bool]
_CLOSE = 1e-3  # of a unit's peak: how far the numbers of a plan may be from the module's


class Capture:
    """Boils batches down for a scan: runs the module itself, or, where there is one, a `plan` of its executed graph."""

    def __init__(
        self, net: Network, selection: Selection, batch_size: int, positions: int, plan: Plan | None = None
    ) -> None:
        self.net, self.selection, self.batch_size, self.plan = net, selection, batch_size, plan
        self.random = False
        self._positions = positions
        self._lane = threading.local()
        pixels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, 2)
        self._table = np.ascontiguousarray(net.preprocessing.normalize(pixels)[..., 0].T)

    def __call__(self, batch: Batch, state: Filling) -> Summary:
        """The summary of a batch's images; the state's histograms, and what it looks for in maps, come as well."""
        count = len(batch.entries)
        most = most_probable(self.net) if self.selection.scored else 0
        summary = Summary.empty(count, self.selection.units, most)
        numbers = [entry.number for entry in batch.entries]

        def see(name: str, tensor: Tensor, norm: Affine | None) -> bool:
            if name == self.selection.scored:
                rank(self.net, tensor[:count], summary)
            if name not in self.selection.first:
                return False
            layer, column = self.net.layers[name], self.selection.first[name]
            norm = None if state.looks else _possible(norm, tensor, count)
            arranged = self.net.arranged(name, tensor)
            maps = self._summarizer(layer, arranged, count, summary, column, state.histograms, norm)
            if state.looks:
                state.look(maps, numbers, column, layer.units)
            return norm is not None

        if count:
            self._run(self.prepare(batch.seen), see)
        ids = [entry.id for entry in batch.entries]
        summary.check(self.selection.layers, self.selection.first, ids)
        check_scores(summary, ids)
        return summary

    def peaks(self, x: Tensor) -> NDArray[np.float32]:
        """The peak of every unit for a full batch of inputs, (N, units)."""
        summary = Summary.empty(len(x), self.selection.units)

        def see(name: str, tensor: Tensor, norm: Affine | None) -> bool:
            if name not in self.selection.first:
                return False
            layer, column = self.net.layers[name], self.selection.first[name]
            norm = _possible(norm, tensor, len(x))
            self._summarizer(layer, self.net.arranged(name, tensor), len(x), summary, column, None, norm)
            return norm is not None

        self._run(x, see)
        return summary.peak

    def prepare(self, seen: NDArray[np.uint8]) -> Tensor:
        """Images (n, H, W, 3) as a full batch for the module: normalized, channels last, the first one repeated."""
        full = np.concatenate([seen, np.repeat(seen[:1], self.batch_size - len(seen), 0)])
        module = self.net.module
        if self.net.preprocessing.channels == 3:
            values = np.empty(full.shape, np.float32)
            map_kernels.normalize(full, self._table, values)
            x = torch.from_numpy(values).permute(0, 3, 1, 2)
        else:
            x = torch.from_numpy(np.stack([self.net.preprocessing.normalize(image) for image in full]))
        return x.to(device_of(module), dtype_of(module))

    @property
    def _summarizer(self) -> Summarizer:
        if not hasattr(self._lane, "summarizer"):
            self._lane.summarizer = Summarizer(self._positions)
        found: Summarizer = self._lane.summarizer
        return found

    def _run(self, x: Tensor, see: See) -> None:
        with torch.inference_mode():
            if self.random:
                torch.manual_seed(0)  # `lanes` gives the user's own state back
            if self.plan is not None:
                self.plan.visit(x, see)
                return
            calls = {name: self.net.layers[name].calls for name in self.selection.seen}

            def tell(name: str, tensor: Tensor, _last: bool) -> None:
                see(name, tensor, None)

            run = call if self.random else plainly  # else what a forward leaves behind would reach the next batch
            taps.visit(unwrap(self.net.module), x, calls, tell, self.net.output, run)


def _possible(norm: Affine | None, tensor: Tensor, count: int) -> Affine | None:
    """A norm, if it can be carried out in the very memory that is summarized, on all of it."""
    flat = tensor.device.type == "cpu" and tensor.dtype == torch.float32 and len(tensor) == count
    return norm if flat and tensor.is_contiguous(memory_format=torch.channels_last) else None


@contextmanager
def lanes(net: Network, alone: bool = False) -> Iterator[int]:
    """Freeze a network for a pass; gives how many lanes to run. A GPU is kept busy by one."""
    threads = torch.get_num_threads()
    back = undoing(partial(torch.set_num_threads, threads))  # the lanes' own setting became that of new threads
    with back, frozen(unwrap(net.module), channels_last=True):
        yield 1 if alone or device_of(net.module).type != "cpu" else threads


def probed(
    net: Network, selection: Selection, batch_size: int, positions: int, compile: bool
) -> tuple[Capture, dict[str, Any]]:
    """How to run a network, and what a few bundled photos tell of it.

    Images go one by one where a module mixes those of a batch; a plan is used only if it gives the module's own
    numbers; and where the module draws `random` numbers, one lane runs, with the same numbers for each batch.
    """
    seen = np.stack([net.see(f"sample:{name}") for name in list(samples())[:batch_size]])
    with lanes(net):
        batch_size = 1 if any(mixes(net, layer.name) for layer in selection.layers[-1:]) else batch_size
        capture = Capture(net, selection, batch_size, positions)
        x = capture.prepare(seen[:batch_size])
        own = capture.peaks(x)
        capture.random = not np.array_equal(own, capture.peaks(x))
        if batch_size > 1 and not capture.random and _mixes(capture, x, own):
            capture, x = Capture(net, selection, 1, positions), x[:1]
            own = capture.peaks(x)
        if compile and not capture.random:
            capture.plan = _faithful_plan(capture, x, own)
    return capture, {"random": capture.random}


def _mixes(capture: Capture, x: Tensor, own: NDArray[np.float32]) -> bool:
    """Whether an image's numbers depend on its place in the batch, or on the others in it; x[1] is no filler."""
    moved = x.roll(-1, 0).contiguous(memory_format=torch.channels_last)
    alone = x[1:2].expand_as(x).contiguous(memory_format=torch.channels_last)
    alike = _alike(capture.selection, own, np.roll(capture.peaks(moved), 1, 0))
    return not (alike and _alike(capture.selection, own[1:2], capture.peaks(alone)[1:2]))


def _faithful_plan(capture: Capture, x: Tensor, own: NDArray[np.float32]) -> Plan | None:
    """The executed graph as a plan, if it gives the peaks the module itself gives."""
    net = capture.net
    try:
        graph = executed(net, *capture.selection.seen)
        plan = Plan.of(graph, unwrap(net.module), dtype_of(net.module))
        found = Capture(net, capture.selection, capture.batch_size, 0, plan).peaks(x)
    except (CannotExport, RuntimeError, TypeError, ValueError):
        return None  # an operation of the graph failed
    return plan if _alike(capture.selection, found, own) else None


def _alike(selection: Selection, one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether peaks are the same but for roundings, which small values inherit from large ones of their layer."""
    largest = np.abs(other).max(0)
    begins = list(selection.first.values())
    layer = np.repeat(np.maximum.reduceat(largest, begins), [layer.units for layer in selection.layers])
    return bool((np.abs(one - other) <= _CLOSE * np.maximum(largest, 0.1 * layer)).all())
