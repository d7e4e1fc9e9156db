"""Carrying out one job: a technique, whose result is kept in the store, or a scan, into a folder of its own."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.errors import BadCheckpoint, BadSource, CannotRerun
from ...base.files import sweep
from ...base.image import Image, ImageLike
from ...base.progress import Cancelled, listening
from ...contract import knobs
from ...contract.checkpoint import checkpoint
from ...contract.result import Result
from ...data.open import open_source
from ...data.source import Entry, Shard, Source
from ...network.network import Network
from ...scan import scan
from ...scan.engine import resume, run_scan
from ...scan.job import ScanJob
from ...scan.result import Scan, in_memory, open_scan
from ...scan.selection import select
from ...scan.statistics.state import State
from ...scan.tables.parquet import is_whole
from ...scan.tables.tables import tables
from ..workspace.artifacts import kept_under
from ..workspace.messages import Ask, AskScan
from ..workspace.resolve import Asked, resolve
from .listener import JobListener
from .queues import states
from .saved_images import save_image

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

_SHARD = 32  # images of a scan between which others get their turn: two batches for each of two lanes
_NAME = 40  # letters of an image's name that its crops are labelled with
_SAVED = 20.0  # seconds between two states of a scan that are written


@dataclass(frozen=True)
class Places:
    """Where jobs keep what they need in the store's folder; `queue` is the number of the queue they are in."""

    folder: Path
    queue: int = 0

    def image(self, digest: str) -> Path:
        """An image that is asked about."""
        return self.folder / "images" / f"{digest}.png"

    def images(self) -> list[Path]:
        """All images that are asked about, or were."""
        return [*(self.folder / "images").glob("*.png")]

    def state(self, id: str) -> Path:
        """The state of what can go on where it stopped: another explorer may do the same job at the same time."""
        return states(self.folder, self.queue) / id

    def scan(self, id: str) -> Path:
        """A scan: its images and its tables."""
        return self.folder / "scans" / id


def carried_out(workspace: Workspace, ask: Ask, id: str, folder: Path, watch: JobListener) -> Result:
    """The result of a technique, whose state is kept in `folder` if it can take it up again.

    Raises CannotRerun where what was asked about is not what it was.
    """
    asked = resolve(workspace, ask)
    if kept_under(asked.request, asked.entry.result, asked.view) != id:
        raise CannotRerun(f"{ask.network} or an image is not what it was when this was asked. Ask for it again.")
    try:
        return _run(workspace, asked, folder, watch)
    except BadCheckpoint:  # the folder is ours: what was in it is lost, and no more
        shutil.rmtree(folder, ignore_errors=True)
        return _run(workspace, asked, folder, watch)


def _run(workspace: Workspace, asked: Asked, folder: Path, watch: JobListener) -> Result:
    keeping = checkpoint(folder) if asked.entry.resumes else nullcontext()
    modules = [subject.module for subject in asked.subjects if isinstance(subject, Network)]
    with workspace.turns.work(*modules), listening(watch), keeping:
        result: Result = asked.entry.function(*asked.subjects, **asked.knobs)
    return result


def scan_id(workspace: Workspace, ask: AskScan) -> str:
    """The digest of a scan: of the network, the images and the layers; raises what opening them does."""
    images = list(ask.images) if ask.images or not workspace.source else open_source(workspace.source).digest
    images = images or [info.id for info in workspace.pictures.images()]
    net = workspace.network(ask.network)
    select(net, _layers(ask))
    told = ["scan", net.digest, images, list(ask.layers)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _layers(ask: AskScan) -> str:
    return ",".join(ask.layers) or "all"


def gather(workspace: Workspace, ask: AskScan, folder: Path) -> None:
    """Write the images of a scan into its folder, unless they are those the explorer was started with."""
    if workspace.source and not ask.images:
        return
    ids = ask.images or [info.id for info in workspace.pictures.images()]
    if not ids:
        raise BadSource("There must be at least one image to scan, not none. Upload some, or start with --images.")
    names = {info.id: re.sub(r"[^\w.-]+", "-", info.name)[:_NAME] for info in workspace.pictures.images()}
    for number, id in enumerate(dict.fromkeys(ids)):
        if not any((folder / "images").glob(f"*-{number}.png")):  # it may be there under another name for the same
            save_image(folder / "images" / f"{names.get(id, 'picture')}-{number}.png", workspace.image(id))


def scanned(workspace: Workspace, ask: AskScan, folder: Path, kept: Path, watch: JobListener) -> Scan:
    """The scan in `folder`, finished, with its state `kept` elsewhere meanwhile.

    Images are decoded here, and between two shards no thread runs the network.
    """
    net, gathered = workspace.network(ask.network), folder / "images"
    source = _Paused(open_source(str(gathered) if gathered.is_dir() else workspace.source), workspace.turns.give_way)
    chosen = knobs.check(scan.scan, {"layers": _layers(ask)})
    for name in ("codes", "engine", "shard", "workers", "checkpoint"):
        del chosen[name]
    with workspace.turns.work(net.module), listening(watch.look):
        job = ScanJob.of(net, source, chosen.pop("layers"), chosen.pop("labels"), **chosen)
        saver = _Saver(kept / "scan.safetensors", len(job.shards), watch)
        workspace.turns.give_way()
        state = resume(job, saver.path)
        if not run_scan(job, state, job.shards, saver, workers=0, checkpoint=0.0):
            raise Cancelled
    if not is_whole(folder):  # another explorer may have done the same meanwhile
        in_memory(tables(state)).save(folder)
    return open_scan(folder)


class _Saver:
    """Writes a state now and then, and where it is the last."""

    def __init__(self, path: Path, shards: int, watch: JobListener) -> None:
        self.path, self._shards, self._watch, self._saved = path, shards, watch, time.monotonic()
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)

    def __call__(self, state: State) -> None:
        last = self._watch.stop.is_set() or len(state.shards) == self._shards
        if last or time.monotonic() - self._saved >= _SAVED:
            state.save(self.path)
            self._saved = time.monotonic()


class _Paused(Source):
    """The same images in small shards, with a pause before each."""

    def __init__(self, images: Source, pause: Callable[[], None]) -> None:
        self._images, self._pause, self.reference = images, pause, images.reference

    @property
    def classes(self) -> tuple[str, ...]:
        return self._images.classes

    @property
    def digest(self) -> str:
        return self._images.digest

    def shards(self, size: int) -> list[Shard]:
        return self._images.shards(min(size, _SHARD))

    def entries(self, shard: Shard) -> list[Entry]:
        self._pause()
        return self._images.entries(shard)

    def find(self, id: str) -> Entry:
        return self._images.find(id)

    def read(self, entry: Entry) -> ImageLike:
        return self._images.read(entry)

    def image(self, entry: Entry) -> Image:
        return self._images.image(entry)
