"""The pass over the images: decoding in processes, the network in lanes, checkpoints between shards."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol, TypeVar

import torch

from ..base.progress import Cancelled, report_progress
from ..data.loading import Batch, batches
from ..data.source import Entry, Shard
from ..network.isolation.alone import serve, worker
from .capture import Filling, lanes
from .job import ScanJob
from .statistics.batch_summary import Summary
from .statistics.state import State


class Folding(Filling, Protocol):
    """What a pass folds images into: what it knows after the `shards` it names; `full` where it must be saved."""

    shards: set[int]

    @property
    def full(self) -> bool: ...

    def fold(self, batches: Sequence[Batch], summary: Summary) -> None: ...


S = TypeVar("S", bound=Folding)
_TOGETHER = 16  # images whose numbers are folded in at once


def resume(job: ScanJob, path: Path | None) -> State:
    """The state that lies at `path`, if it is of this job, or a new one; raises BadScan for one of another job."""
    if path is None or not path.exists():
        return job.begin()
    state: State = job.loaded(path)
    return state


def run_scan(
    job: ScanJob, state: S, shards: Sequence[Shard], save: Callable[[S], None], workers: int, checkpoint: float
) -> bool:
    """Fold shards into a state, saving it at least every `checkpoint` seconds, and at the end; whether all were done.

    A listener that raises Cancelled ends it after the shard at hand, saved. The module stays as it is meanwhile, so its
    layers are not looked through again at each of every batch.
    """
    return job.net.settled(lambda: _run(job, state, shards, save, workers, checkpoint))


def _run(
    job: ScanJob, state: S, shards: Sequence[Shard], save: Callable[[S], None], workers: int, checkpoint: float
) -> bool:
    todo = [shard for shard in shards if shard.index not in state.shards]
    done = len(shards) - len(todo)
    finished: list[Shard] = []
    if not todo:
        if not shards:
            save(state)  # a part with nothing to do is a part
        return True
    with _Lanes(job, state) as crew, closing(_batches(job, todo, workers)) as feed:
        saved = time.monotonic()
        for batch in feed:
            crew.give(batch)
            if not batch.last:
                continue
            finished.append(batch.shard)
            stop = _told(done + len(finished), len(shards))
            if stop or state.full or len(finished) == len(todo) or time.monotonic() - saved >= checkpoint:
                crew.rest()  # so that the state holds whole shards only
                state.shards |= {shard.index for shard in finished}
                save(state)
                saved = time.monotonic()
            if stop:
                break
    return len(finished) == len(todo)


def _told(step: int, total: int) -> bool:
    """Report a step; whether the listener has had enough."""
    try:
        report_progress(step, total)
    except Cancelled:
        return True
    return False


def _batches(job: ScanJob, shards: Sequence[Shard], workers: int) -> Generator[Batch, None, None]:
    """The decoded batches, their labels the ledger's classes."""
    size = job.ledger.knobs["batch_size"]
    with closing(batches(job.source, shards, job.net.preprocessing.crop, size, workers)) as feed:
        for batch in feed:
            entries = tuple(_renumbered(job, entry) for entry in batch.entries)
            refused = tuple((_renumbered(job, entry), reason) for entry, reason in batch.refused)
            yield dataclasses.replace(batch, entries=entries, refused=refused)


def _renumbered(job: ScanJob, entry: Entry) -> Entry:
    return dataclasses.replace(entry, label=job.renumbered[entry.label] if entry.label >= 0 else -1)


def _begin(master: int) -> None:
    torch.set_num_threads(1)
    serve(master)


class _Lanes:
    """Threads that each take a few batches; what they find goes into one state, together: a heap is fetched once."""

    def __init__(self, job: ScanJob, state: Folding) -> None:
        self._job, self._state = job, state
        self._held: list[Batch] = []
        self._waiting: set[Future[None]] = set()
        self._folding = threading.Lock()

    def __enter__(self) -> _Lanes:
        with ExitStack() as stack:
            self._count = stack.enter_context(lanes(self._job.net, alone=self._job.ledger.knobs["random"]))
            self._pool = ThreadPoolExecutor(self._count, "lane", _begin, (worker(),))
            stack.callback(self._pool.shutdown, wait=True, cancel_futures=True)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()  # the module is as before even where the wait for the lanes is interrupted

    def give(self, batch: Batch) -> None:
        """Take a batch on; waits while all lanes have work at hand and more to go."""
        self._held.append(batch)
        if sum(len(held.entries) for held in self._held) >= _TOGETHER:
            self._hand_out()

    def rest(self) -> None:
        """Wait until every batch is folded in."""
        if self._held:
            self._hand_out()
        self._collect(*wait(self._waiting))

    def _hand_out(self) -> None:
        while len(self._waiting) >= 2 * self._count:
            self._collect(*wait(self._waiting, return_when=FIRST_COMPLETED))
        self._waiting.add(self._pool.submit(self._take, self._held))
        self._held = []

    def _collect(self, done: set[Future[None]], waiting: set[Future[None]]) -> None:
        self._waiting = waiting
        for future in done:
            future.result()

    def _take(self, held: list[Batch]) -> None:
        summaries = [self._job.capture(batch, self._state) for batch in held]
        with self._folding:
            self._state.fold(held, Summary.joined(summaries))
