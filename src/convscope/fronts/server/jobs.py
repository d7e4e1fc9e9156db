"""Jobs: what takes its time runs on a thread of its own, in turn, can be stopped, and outlives the server."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...base.errors import BadScan, ConvscopeError, UnknownJob, first_line
from ...base.image import Image
from ...base.progress import Cancelled
from ...scan.result import open_scan
from .answers import derived, keep, kept_under
from .messages import Ask, AskScan, Job, JobEvent, ScanEvent
from .pictures import save_image, supply
from .previews import data_url
from .queue import ENDED, WAITING, Queue, Row
from .running import Places, carried_out, gather, scan_id, scanned
from .watch import LONGEST, Watch

if TYPE_CHECKING:
    from .desk import Desk

QUEUE = 2048  # jobs that may wait
_PATIENCE = 60.0  # seconds that one step may take when the server ends

Listen = Callable[[JobEvent | ScanEvent], None]
_log = logging.getLogger(__name__)


class Jobs:
    """One queue of jobs and the thread that does them; `listen`, which must not wait, is told of every change.

    At most `limit` jobs may wait, and none runs for more than `longest` seconds.

    A job is known by the digest its result is kept under, so the same request is never done twice: while it waits or
    runs it is that job, and when it is done its result is in the store.
    """

    def __init__(self, desk: Desk, listen: Listen, limit: int = QUEUE, longest: float = LONGEST) -> None:
        self._desk, self._listen, self._longest = desk, listen, longest
        self._places = Places(desk.store.folder.resolve())
        self._queue = Queue(self._places.folder, limit)
        self._changed = threading.Condition(threading.RLock())
        self._running: tuple[str, Watch] | None = None
        self._eta: float | None = None
        self._closing = False
        self._restore()
        self._worker = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._worker.start()

    def submit(self, ask: Ask) -> Job:
        """Queue a technique, or find the job that does or did it; raises what a call of it would, and QueueFull."""
        asked = self._desk.asked(ask)
        id = kept_under(asked.request, asked.entry.result, asked.view)
        for subject in asked.subjects:
            for image in subject if isinstance(subject, list) else [subject]:
                if isinstance(image, Image):
                    save_image(self._places.image(image.digest), image)
        called = {row.id: row.name for row in self._desk.images()} if "content" in asked.entry.subjects else {}
        about = [ask.subjects[name] for name in asked.entry.subjects if name in ("unit", "layer", "content")]
        about = [called.get(one, one) for one in about]
        title = " ".join([asked.entry.command, *(["of", *about] if about else [])])
        return self._submit(Row(id, "technique", ask.model_dump_json(), title, artifact=id))

    def scan(self, ask: AskScan) -> Job:
        """Queue a scan of images at hand; when it is done, it is the scan at hand."""
        id = scan_id(self._desk, ask)
        gather(self._desk, ask, self._places.scan(id))
        count = len(ask.images) or ("the" if self._desk.source else len(self._desk.images()))
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
        self._worker.join(_PATIENCE)
        if not self._worker.is_alive():
            self._queue.close()

    def _submit(self, row: Row) -> Job:
        with self._changed:
            known = self._queue.find(row.id)
            if known is not None and known.state in WAITING:
                return self._job(known)
            if not self._kept(row):
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

    def _kept(self, row: Row) -> bool:
        """Whether the result is there."""
        if row.kind == "technique":
            return "frame" in self._desk.store.names(row.id)
        return (self._places.scan(row.id) / "run.parquet").is_file()

    def _use(self, row: Row) -> None:
        """Make a scan the one at hand."""
        folder = self._places.scan(row.id)
        self._listen(ScanEvent(scan=self._desk.use_scan(open_scan(folder), folder)))

    def _restore(self) -> None:
        """Delete images that no job needs any more, and bring back the scan that was made last."""
        rows = self._queue.all()
        needed = {_image(row) for row in rows if row.state != "done"}
        for path in self._places.images():
            if path.stem not in needed:
                path.unlink(missing_ok=True)
        first = self._desk.networks[0]
        done = [row for row in rows if row.kind == "scan" and row.state == "done" and row.asked["network"] == first]
        scans = [row for row in done if self._kept(row)]
        if self._desk.scan is None and scans:
            with suppress(BadScan):
                self._use(scans[0])

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closing and (row := self._next()) is None:
                    self._changed.wait()
                if self._closing:
                    return
                assert row is not None
                watch = Watch(self._desk.turns, lambda *told, id=row.id: self._tell(id, *told), self._longest)
                self._running, self._eta = (row.id, watch), None
                self._told(row)
            try:
                self._end(row.id, watch, self._outcome(row, watch))
            except Exception:  # the disk is full, or the database is gone: the next job may fare better
                _log.exception("job %s could not be recorded", row.id)
                with self._changed:
                    self._running = None

    def _next(self) -> Row | None:
        try:
            return self._queue.next()
        except ConvscopeError:
            _log.exception("the queue cannot be read")
            return None

    def _outcome(self, row: Row, watch: Watch) -> dict[str, Any]:
        """Do a job; what there is to say of it then. Nothing it raises ends the thread."""
        try:
            if row.kind == "scan":
                scanned(self._desk, AskScan.model_validate_json(row.ask), self._places.scan(row.id), watch)
                self._use(row)
                return {"state": "done"}
            return self._technique(row, watch)
        except Cancelled:
            return {"state": "cancelled", "error": watch.reason}
        except ConvscopeError as error:
            return {"state": "failed", "error": str(error)}
        except Exception as error:
            _log.exception("job %s failed", row.id)
            return {"state": "failed", "error": f"Something unexpected went wrong: {first_line(error)}. Try it again."}

    def _technique(self, row: Row, watch: Watch) -> dict[str, Any]:
        ask = Ask.model_validate_json(row.ask)
        if image := _image(row):
            supply(self._desk, image, self._places.image(image))
        result = carried_out(self._desk, ask, row.id, self._places.state(row.id), watch)
        if watch.stopped and "partial" in result.evidence:
            if self._closing:
                raise Cancelled
            kept = keep(self._desk.store, result, ask.view, derived(row.id, "partial"))
            return {"state": "cancelled", "artifact": kept, "partial": True, "error": watch.reason}
        keep(self._desk.store, result, ask.view)
        shutil.rmtree(self._places.state(row.id), ignore_errors=True)
        return {"state": "done", "step": watch.total, "total": watch.total}

    def _end(self, id: str, watch: Watch, outcome: dict[str, Any]) -> None:
        with self._changed:
            self._running = self._eta = None
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


def _image(row: Row) -> str:
    """The id of the image a job is about, if it is about one."""
    found: str = row.asked.get("subjects", {}).get("image", "")
    return found
