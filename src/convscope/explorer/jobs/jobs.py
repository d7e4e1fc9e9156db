"""Jobs: what takes its time runs on a thread of its own, in turn, can be stopped, and outlives the server."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ...base.errors import BadScan, ConvscopeError, UnknownJob
from ...base.image import Image
from ...scan.result import open_scan
from ..workspace.artifacts import kept_under
from ..workspace.messages import Ask, AskScan, Job, JobEvent, ScanEvent
from ..workspace.resolve import resolve
from .listener import LONGEST, JobListener
from .outcomes import Outcomes
from .previews import data_url
from .queue import ENDED, WAITING, Queue, Row
from .saved_images import save_image
from .work import Places, gather, scan_id

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

QUEUE = 2048  # jobs that may wait
_PATIENCE = 60.0  # seconds that one step may take when the server ends
_AGAIN = 5.0  # seconds after which the queue is tried again where it could not be written

V = TypeVar("V")
Listen = Callable[[JobEvent | ScanEvent], None]
_log = logging.getLogger(__name__)


def _raised(error: BaseException) -> None:
    raise error


class JobList:
    """One queue of jobs, and from `begin` on the thread that does them; `listen`, which must not wait, is told of all.

    At most `limit` jobs may wait, and none runs for more than `longest` seconds.

    A job is known by the digest its result is kept under, so the same request is never done twice: while it waits or
    runs it is that job, and when it is done its result is in the store.
    """

    def __init__(self, workspace: Workspace, listen: Listen, limit: int = QUEUE, longest: float = LONGEST) -> None:
        self._workspace, self._listen, self._longest = workspace, listen, longest
        folder = workspace.store.folder.resolve()
        self._changed = threading.Condition(threading.RLock())
        self._running: tuple[str, JobListener] | None = None
        self._eta: float | None = None
        self._closing = False
        self._worker: threading.Thread | None = None
        with workspace.store.alone():  # so that no other explorer begins meanwhile
            self._queue = Queue(folder, limit)
            self._places = Places(folder, self._queue.number)
            if self._queue.alone:
                self._tidy()
        self._outcomes = Outcomes(workspace, self._places, self._use, lambda: self._closing)
        self._restore()

    def begin(self, failed: Callable[[BaseException], object] = _raised) -> JobList:
        """Do jobs from now on; `failed` is given what ends that before `close`."""
        with self._changed:
            if not self._closing:  # it may be ended before it has begun
                self._worker = threading.Thread(target=self._run, args=(failed,), name="jobs", daemon=True)
                self._worker.start()
        return self

    def submit(self, ask: Ask) -> Job:
        """Queue a technique, or find the job that does or did it; raises what a call of it would, and QueueFull."""
        asked = resolve(self._workspace, ask)
        id = kept_under(asked.request, asked.entry.result, asked.view)
        for subject in asked.subjects:
            for image in subject if isinstance(subject, list) else [subject]:
                if isinstance(image, Image):
                    save_image(self._places.image(image.digest), image)
        called = (
            {row.id: row.name for row in self._workspace.pictures.images()} if "content" in asked.entry.subjects else {}
        )
        about = [ask.subjects[name] for name in asked.entry.subjects if name in ("unit", "layer", "content")]
        about = [called.get(one, one) for one in about]
        title = " ".join([asked.entry.command, *(["of", *about] if about else [])])
        return self._submit(Row(id, "technique", ask.model_dump_json(), title, artifact=id))

    def scan(self, ask: AskScan) -> Job:
        """Queue a scan of images at hand; when it is done, it is the scan at hand."""
        id = scan_id(self._workspace, ask)
        gather(self._workspace, ask, self._places.scan(id))
        count = len(ask.images) or ("the" if self._workspace.source else len(self._workspace.pictures.images()))
        return self._submit(Row(id, "scan", ask.model_dump_json(), f"scan of {count} images", artifact=id))

    def all(self) -> list[Job]:
        """All jobs, the newest first."""
        return [self._job(row) for row in self._queue.all()]

    def cancel(self, id: str) -> Job:
        """Take a job out of the queue, or end it after the present step; one that ended stays as it is."""
        with self._changed:
            row = self._queue.get(id)
            if self._running is not None and self._running[0] == id:
                self._running[1].stop.set()
            elif row.state == "queued":
                row = self._told(self._queue.change(id, state="cancelled"))
            return self._job(row)

    def resume(self, id: str) -> Job:
        """Queue a job that failed or was cancelled once more; it goes on where it stopped, if its technique can."""
        with self._changed:
            row = self._queue.get(id)
            return self._job(self._again(row) if row.state in ("failed", "cancelled") else row)

    def forget(self, id: str) -> list[Job]:
        """Strike a job that ended off the list, which is returned; a whole result stays in the store."""
        with self._changed:
            row = self._queue.get(id)
            if row.state not in ENDED:
                raise UnknownJob(
                    f"A job must have ended to be forgotten, and this one is {row.state}. Cancel it first."
                )
            self._queue.remove(id)
            shutil.rmtree(self._places.state(id), ignore_errors=True)
            return self.all()

    def close(self) -> None:
        """Stop after the present step; the job that runs stays in the queue."""
        with self._changed:
            self._closing = True
            if self._running is not None:
                self._running[1].stop.set()
            self._changed.notify_all()
        if self._worker is not None:
            self._worker.join(_PATIENCE)
        if self._worker is None or not self._worker.is_alive():
            self._queue.close()

    def _submit(self, row: Row) -> Job:
        with self._changed:
            known = self._queue.find(row.id)
            if known is not None and known.state in WAITING:
                return self._job(known)
            if not self._outcomes.kept(row):
                return self._job(self._again(row))
            if known is None or known.state != "done":
                known = self._told(self._queue.add(row.with_(state="done", finished=time.time())))
        if row.kind == "scan":
            self._use(row)  # may wait for its turn, so not while others wait for this
        return self._job(known)

    def _again(self, row: Row) -> Row:
        """Put a job at the end of the queue, as if it were new."""
        fresh = Row(row.id, row.kind, row.ask, row.title, artifact=row.id, created=row.created)
        self._changed.notify_all()
        return self._told(self._queue.add(fresh))

    def _use(self, row: Row) -> None:
        """Make a scan the one at hand."""
        folder = self._places.scan(row.id)
        self._listen(ScanEvent(scan=self._workspace.use_scan(open_scan(folder), folder)))

    def _tidy(self) -> None:
        """Delete images that no job needs any more; no other explorer may have jobs."""
        needed = {id for row in self._queue.all() if row.state != "done" for id in row.images}
        for path in self._places.images():
            if path.stem not in needed:
                path.unlink(missing_ok=True)

    def _restore(self) -> None:
        """Bring back the scan that was made last."""
        first = next(iter(self._workspace.networks), "")
        done = [row for row in self._queue.all() if row.kind == "scan" and row.state == "done"]
        scans = [row for row in done if row.asked["network"] == first and self._outcomes.kept(row)]
        if self._workspace.scan is None and scans:
            with suppress(BadScan):
                self._use(scans[0])

    def _run(self, failed: Callable[[BaseException], object]) -> None:
        try:
            while self._turn():
                pass
        except BaseException as error:
            failed(error)

    def _turn(self) -> bool:
        """Wait for a job and do it; False where the server ends."""
        with self._changed:
            row = self._next()
            if row is None:
                return False
            watch = JobListener(self._workspace.turns, lambda *told: self._tell(row.id, *told), self._longest)
            self._running, self._eta = (row.id, watch), None
            self._told(row)
        outcome = self._outcomes.of(row, watch)
        with self._changed:
            self._running = self._eta = None
            self._insist(lambda: self._end(row.id, watch, outcome))
        return True

    def _next(self) -> Row | None:
        """Wait for the next job; None where the server ends."""
        while not self._closing:
            row = self._insist(lambda: self._queue.next(self._workspace.networks))
            if row is not None:
                return row
            self._changed.wait()
        return None

    def _insist(self, act: Callable[[], V]) -> V | None:
        """Read or write the queue, again until it works, for the disk may be full for a while; None at the end."""
        while True:
            try:
                return act()
            except ConvscopeError as error:
                if not self._closing:
                    _log.error("The jobs cannot go on now, and are tried again: %s", error)
                    self._changed.wait_for(lambda: self._closing, _AGAIN)
                if self._closing:
                    return None

    def _end(self, id: str, watch: JobListener, outcome: dict[str, Any]) -> None:
        if self._closing and outcome["state"] == "cancelled" and not watch.reason:
            outcome = {"state": "queued"}
        steps = {"step": watch.step, "total": watch.total}
        ended = {"finished": time.time()} if outcome["state"] in ENDED else {}
        self._told(self._queue.change(id, **steps | ended | outcome))

    def _tell(self, id: str, step: int, total: int, eta: float | None, preview: object) -> None:
        shown = data_url(preview)
        with self._changed:
            self._eta = eta
            self._told(self._queue.change(id, step=step, total=total), shown)

    def _told(self, row: Row, preview: str = "") -> Row:
        self._listen(JobEvent(job=self._job(row), preview=preview))
        return row

    def _job(self, row: Row) -> Job:
        running = self._running is not None and self._running[0] == row.id
        return row.message(self._eta if running else None)
