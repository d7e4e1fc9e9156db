"""The Ray engine: shards go to the workers of a cluster as tasks, and what the tasks find is folded together here.

Images never travel: a task opens the source itself, and writes what it found where all machines can read it. Which
shards count is decided by the set that a state names, so a task that ran twice, or outlived its driver, counts once.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import shutil
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from ..base.errors import BadKnob, BadScan, ConvscopeError, MissingExtra, first_line
from ..base.files import made
from ..base.progress import Cancelled, report_progress
from ..data.source import Shard
from ..network.isolation.running import device_of
from .engine import run_scan
from .job import ScanJob, unpack_job

_RETRIES = 5  # of a task whose worker dies: a machine that is taken away, more than once
_EACH = 8  # tasks for each processor, so that none idles long while the last ones end
_IMAGES = 16384  # of a task at most: what a dead worker loses
_ANSWER = 30.0  # seconds in which a cluster must take a connection
_NAP = 1.0  # seconds between looks at what the cluster has done, for Ctrl-C and checkpoints


def run_on_ray(job: ScanJob, state: Any, save: Callable[[Any], None], tasks: Path | None, checkpoint: float) -> None:
    """Fold what is left of a job into its state on a Ray cluster, saving it at least every `checkpoint` seconds.

    A listener that raises Cancelled ends it, with what is done saved. What tasks find goes through the folder `tasks`,
    or without one through the cluster's memory. The cluster is the one Ray is connected to, else that of RAY_ADDRESS,
    else one on this machine for this scan alone. Raises MissingExtra without Ray, and BadScan where tasks fail for
    reasons of the cluster.
    """
    _ray()
    with nullcontext() if tasks is None else made(tasks):  # it stays while something is in it
        harvest = _Harvest(job, state, save, tasks, checkpoint)
        with _connected():
            whole = _gathered(job, harvest)
        harvest.save()
        if whole:
            harvest.clear()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingExtra(
            "engine=ray needs Ray: pip install 'convscope[ray]'. engine=inline needs nothing."
        ) from error
    return ray


@contextmanager
def _connected() -> Iterator[None]:
    """Connect to a cluster, or start one that sends no statistics home; it ends with the block, others do not."""
    ray = _ray()
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS", "local")
    alone: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    told = os.environ.get("RAY_USAGE_STATS_ENABLED")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        try:
            _check_answers(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **alone)
        except (OSError, RuntimeError, ValueError, OverflowError) as error:
            raise BadScan(f"The cluster {address} cannot be reached ({first_line(error)}). Set RAY_ADDRESS.") from error
        yield
    finally:
        ray.shutdown()
        if told is None:
            del os.environ["RAY_USAGE_STATS_ENABLED"]


def _check_answers(address: str) -> None:
    """Raise OSError where nobody answers at HOST:PORT; Ray itself would try for ever."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_ANSWER).close()


def _gathered(job: ScanJob, harvest: _Harvest) -> bool:
    """Hand out what is to do and fold in what comes back, until all is done or a listener has had enough."""
    ray, crew = _ray(), _Crew(job, harvest.tasks)
    todo = [shard for shard in job.shards if shard.index not in harvest.state.shards]
    runs = deque(_runs(todo, crew.processors()))
    try:
        while runs or crew.waiting:
            while runs and len(crew.waiting) < max(4, 2 * crew.processors()):  # more wait, for an autoscaler to see
                crew.give(runs.popleft())
            done, _ = ray.wait(list(crew.waiting), timeout=_NAP)
            for task in done:
                harvest.take(crew.found(task))
            report_progress(len(harvest.state.shards), len(job.shards))
            harvest.save_if_due()
    except Cancelled:
        return False
    finally:
        crew.dismiss()
    return True


def _runs(todo: Sequence[Shard], processors: int) -> list[list[int]]:
    """The indices of shards, a few of them for each task."""
    if not todo:
        return []
    indices = [shard.index for shard in todo]
    fitting = _IMAGES // (todo[0].stop - todo[0].start)  # none, for tars: their numbers leave room
    each = max(1, min(math.ceil(len(todo) / (_EACH * max(1, processors))), fitting))
    return [indices[start : start + each] for start in range(0, len(indices), each)]


class _Crew:
    """The tasks that the cluster has at hand; `waiting` holds each with the shards it is for."""

    def __init__(self, job: ScanJob, folder: Path | None) -> None:
        self._ray, self._folder = _ray(), folder
        self._name = uuid.uuid4().hex  # no task of another driver, alive or dead, writes the same files
        gpus = int(device_of(job.net.module).type == "cuda")
        self._scanned = self._ray.remote(num_cpus=1, num_gpus=gpus, max_retries=_RETRIES)(_scanned)
        self.waiting: dict[Any, list[int]] = {}
        try:
            self._job = self._ray.put(job.parcel())
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            raise BadKnob(
                f"A network and its images must be picklable for a cluster, and are not: {first_line(error)}. "
                "Use engine=inline, with shard=i/n on each machine."
            ) from error

    def processors(self) -> int:
        """How many there are now."""
        return int(self._ray.cluster_resources().get("CPU", 0))

    def give(self, shards: list[int]) -> None:
        """Start a task."""
        name = f"ray-{shards[0]}-{shards[-1]}-{self._name}.safetensors"
        file = None if self._folder is None else self._folder / name
        self.waiting[self._scanned.remote([self._job], shards, file)] = shards

    def found(self, task: Any) -> Any:
        """What a finished task found, or where that lies; raises what the task raised."""
        shards = self.waiting.pop(task)
        try:
            found = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ConvscopeError):
                raise error.cause from error
            raise
        except self._ray.exceptions.RayError as error:
            raise BadScan(
                f"The task for shards {shards[0]} to {shards[-1]} failed {_RETRIES + 1} times: {first_line(error)} "
                "Look for workers out of memory; the same call goes on from here."
            ) from error
        return found

    def dismiss(self) -> None:
        """End all tasks that are not done."""
        for task in self.waiting:
            self._ray.cancel(task)


def _scanned(job: list[Any], shards: list[int], file: Path | None) -> Any:
    """What a task does, on one thread; `job` holds the reference to it, so that it is not made anew for each task."""
    torch.set_num_threads(1)
    here = _job(job[0])
    state = here.state.empty(here.ledger)
    run_scan(here, state, [here.shards[index] for index in shards], lambda _: None, 0, math.inf)
    if file is None:
        return state
    state.save(file)
    return file


@lru_cache(maxsize=1)
def _job(reference: Any) -> ScanJob:
    ray = _ray()
    try:
        parcel = ray.get(reference)
    except ray.exceptions.RaySystemError as error:
        raise BadScan(
            f"A worker cannot read the network: {str(error).strip().splitlines()[0]} "
            "Install the package of its module on all machines, or define it in the script itself."
        ) from error
    return unpack_job(*parcel)


class _Harvest:
    """The state that tasks are folded into, and the files of tasks that no checkpoint holds yet."""

    def __init__(
        self, job: ScanJob, state: Any, save: Callable[[Any], None], tasks: Path | None, checkpoint: float
    ) -> None:
        self._job, self.state, self._save, self.tasks = job, state, save, tasks
        self._folded: list[Path] = []
        self._every, self._saved = checkpoint, time.monotonic()
        if self.tasks is not None:
            self._adopt(sorted(self.tasks.glob("*.safetensors")))

    def take(self, found: Any) -> None:
        """Fold in what a task found, a state or the file of one."""
        if not isinstance(found, Path):
            self.state.merge(found)
            return
        if not found.exists():
            raise BadScan(f"output must lie on a disk that all machines share: {found} is not here. Choose another.")
        self.state.merge(self._job.state.load(found))
        self._folded.append(found)

    def save_if_due(self) -> None:
        """Save where it must be, or so many seconds have passed and something has come in."""
        if self.state.full or (self._folded and time.monotonic() - self._saved >= self._every):
            self.save()

    def save(self) -> None:
        """Write a checkpoint; only then may the files go whose shards it holds."""
        self._save(self.state)
        for file in self._folded:
            file.unlink(missing_ok=True)
        self._folded, self._saved = [], time.monotonic()

    def clear(self) -> None:
        """Remove what dead workers and drivers have left."""
        if self.tasks is not None:
            shutil.rmtree(self.tasks, ignore_errors=True)

    def _adopt(self, files: list[Path]) -> None:
        """Take what tasks had found when their driver died; files that it had folded in already go."""
        for file in files:
            part = self._job.loaded(file)
            if part.shards.isdisjoint(self.state.shards):
                self.state.merge(part)
                self._folded.append(file)
            else:
                file.unlink()
