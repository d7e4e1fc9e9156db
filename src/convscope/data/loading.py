"""Decoding in worker processes: batches in a fixed order, whatever the number of workers, and no way to hang.

What a source is and how one image is read is decided elsewhere; here, only who does it and when.
"""

from __future__ import annotations

import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader
from torch.utils.data._utils import signal_handling
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from ..base.errors import BadKnob, BadSource, first_line
from ..base.image import Image
from ..base.warned import unwarned
from .decoding import Decoded, Decoder
from .source import Entry, Shard, Source

_LOOKED = 5  # seconds between two looks whether workers live
_PATIENCE = 600.0  # seconds in which an answer must come: slow disks may need minutes, and a lock is for ever
_DIED = (
    "Worker processes must live to the end, but one that read images has died ({}): killed, or out of memory. "
    "Use fewer workers or a smaller batch_size; workers=0 needs no such process."
)
_UNBORN = (
    "As many worker processes as asked for must be startable, but {} of them are not ({}). Use fewer workers; "
    "workers=0 needs no such process."
)
_STUCK = (
    "Worker processes must read on, but for {:.0f} seconds no image came: a disk or a network does not answer, or a "
    "worker hangs. Look at the source; workers=0 reads without such processes."
)


@dataclass(frozen=True, eq=False)
class Batch:
    """Some images of one shard: n that were read, and those that were refused, each with its reason in one line."""

    shard: Shard
    entries: tuple[Entry, ...]
    """Those that were read."""
    seen: NDArray[np.uint8]
    """(n, H, W, 3): what `crop` made of each."""
    sizes: NDArray[np.int32]
    """(n, 2): height and width of each image before."""
    views: NDArray[np.bool_]
    """(n,): whether it was a network's view."""
    refused: tuple[tuple[Entry, str], ...]
    last: bool
    """Whether it is the last of its shard."""


@dataclass(frozen=True)
class _Chunk:
    shard: Shard
    entries: Sequence[Entry]
    last: bool


def batches(
    source: Source,
    shards: Sequence[Shard],
    crop: Callable[[Image], NDArray[np.uint8]],
    batch_size: int,
    workers: int,
) -> Generator[Batch, None, None]:
    """Read shards, at most `batch_size` entries at a time, in order of shards and entries.

    Each shard yields at least one batch, even if none of its images can be read, and no batch has images of two.
    `crop` makes (H, W, 3) uint8 of an image, or raises BadImage. `workers` processes decode, or this one for 0; they
    end when the iterator does or is closed. Raises BadSource if a shard cannot be listed, when its turn comes, and if
    a worker dies, or none answers for ten minutes.
    """
    if batch_size < 1 or workers < 0:
        raise BadKnob(f"batch_size must be at least 1 and workers at least 0, not {batch_size} and {workers}.")
    chunks = _chunks(source, shards, batch_size)
    decoder = Decoder(source, crop, shared=workers > 0)
    return _in_workers(decoder, chunks, workers) if workers else _here(decoder, chunks)


def _chunks(source: Source, shards: Sequence[Shard], size: int) -> Generator[_Chunk, None, None]:
    for shard in shards:
        entries = source.entries(shard)
        starts = range(0, max(1, len(entries)), size)
        for start in starts:
            yield _Chunk(shard, entries[start : start + size], start == starts[-1])


def _here(decoder: Decoder, chunks: Iterator[_Chunk]) -> Generator[Batch, None, None]:
    for chunk in chunks:
        yield _batch(chunk, decoder.__getitems__(chunk.entries))


def _in_workers(decoder: Decoder, chunks: Iterator[_Chunk], workers: int) -> Generator[Batch, None, None]:
    planned: deque[_Chunk] = deque()
    failed: list[Exception] = []
    answers = _started(decoder, _planning(chunks, planned, failed), workers)
    try:
        while (answer := _next(answers)) is not None:
            yield _batch(planned.popleft(), answer)
    finally:
        answers._shutdown_workers()  # leaving it to the garbage collector leaves it open when
    for failure in failed:
        raise failure


def _planning(
    chunks: Iterator[_Chunk], planned: deque[_Chunk], failed: list[Exception]
) -> Generator[Sequence[Entry], None, None]:
    """Hand out entries, and note what was handed out. A failure waits until what came before it is delivered."""
    try:
        for chunk in chunks:
            planned.append(chunk)
            yield chunk.entries
    except Exception as error:
        failed.append(error)


def _started(decoder: Decoder, plan: Iterator[Sequence[Entry]], workers: int) -> Any:
    """An iterator of torch's DataLoader, which fetches ahead in processes that live as long as it does."""
    chosen, said = "This DataLoader will create", "Got pickle error"  # how many the caller chose; what is said below
    alone = ".*use of fork"  # workers run on one thread each
    with unwarned(UserWarning, DeprecationWarning, message=f"{chosen}|{said}|{alone}"):
        try:
            answers: Any = _Answers(_loader(decoder, plan, workers))
        except (pickle.PicklingError, AttributeError, TypeError) as error:  # only where processes are not forked
            raise BadSource(
                f"A source must be picklable to be read by worker processes, but it is not ({first_line(error)}). "
                "Use workers=0, or functions of a module instead of lambdas."
            ) from error
        except OSError as error:  # too many processes, too many open files, no memory
            raise BadSource(_UNBORN.format(workers, first_line(error))) from error
    if answers._worker_pids_set:  # else torch raises in whatever the main thread does when a worker dies, not in next
        signal_handling._remove_worker_pids(id(answers))  # type: ignore[attr-defined]
        answers._worker_pids_set = False
    return answers


class _Answers(_MultiProcessingDataLoaderIter):
    """Torch's iterator, which ends the workers it has started also where the next one cannot be started."""

    def __init__(self, loader: DataLoader[Decoded]) -> None:
        self._shutdown, self._workers_status = True, [True] * loader.num_workers  # as it finds them when it ends early
        super().__init__(loader)


def _loader(decoder: Decoder, plan: Iterator[Sequence[Entry]], workers: int) -> DataLoader[Decoded]:
    sampler: Any = plan  # of entries, where DataLoader's annotation knows only numbers
    return DataLoader(
        decoder,
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=_begin,
        timeout=_LOOKED,
    )


def _next(answers: Iterator[Decoded]) -> Decoded | None:
    """The next answer, None after the last. Raises BadSource if a worker has died, soon, or if they are stuck."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return next(answers, None)
        except (RuntimeError, OSError, EOFError) as error:
            if str(error).startswith("Caught "):  # what a worker raised, brought here by torch
                raise
            if not str(error).startswith("DataLoader timed out"):
                raise BadSource(_DIED.format(first_line(error))) from error
            if time.monotonic() >= end:
                raise BadSource(_STUCK.format(_PATIENCE)) from error


def _begin(worker: int) -> None:
    """Leave Ctrl-C to the main process, which may want to finish a batch; it ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _as_it_is(answer: Any) -> Any:
    return answer


def _batch(chunk: _Chunk, answer: Decoded) -> Batch:
    refused = tuple((chunk.entries[place], reason) for place, reason in answer.refused.items())
    read = tuple(entry for place, entry in enumerate(chunk.entries) if place not in answer.refused)
    sizes = np.array(answer.sizes, np.int32).reshape(-1, 2)
    views = np.array(answer.views, np.bool_)
    return Batch(chunk.shard, read, answer.seen.numpy(), sizes, views, refused, chunk.last)
