"""The queue of jobs on disk: what was asked, how far it is, and what became of it. One process has it at a time."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from ...base.database import Database, Taken
from ...base.errors import BadStore, QueueFull, UnknownJob
from .messages import Job, State

Kind = Literal["technique", "scan"]
WAITING, ENDED = ("queued", "running"), ("done", "failed", "cancelled")
_SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, ask TEXT NOT NULL, title TEXT NOT NULL, state TEXT NOT NULL,
    step INTEGER NOT NULL, total INTEGER NOT NULL, error TEXT NOT NULL, artifact TEXT NOT NULL,
    partial INTEGER NOT NULL, created REAL NOT NULL, started REAL, finished REAL, place INTEGER NOT NULL
)
"""
_QUEUES = 64  # of processes that share a folder
_REMEMBERED = 2048  # jobs that ended


@dataclass(frozen=True)
class Row:
    """A job: `id` is the digest its result is kept under, so there is one job for each; `ask` is JSON.

    `artifact` is that digest too, or another one where only a part of the result could be made. The job with the
    lowest `place` is next.
    """

    id: str
    kind: Kind
    ask: str
    title: str
    state: State = "queued"
    step: int = 0
    total: int = 0
    error: str = ""
    artifact: str = ""
    partial: bool = False
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    place: int = 0

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked, as plain values."""
        found: dict[str, Any] = json.loads(self.ask)
        return found

    def with_(self, **values: Any) -> Row:
        """The same with other values."""
        return replace(self, **values)

    def message(self, eta: float | None) -> Job:
        """What the browser is told of it."""
        asked = self.asked
        same = ("id", "title", "state", "step", "total", "error", "created", "artifact", "partial")
        return Job(
            **{name: getattr(self, name) for name in same},
            technique=asked.get("technique", self.kind),
            network=asked["network"],
            subjects=asked.get("subjects", {}),
            knobs=asked.get("knobs", {"layers": asked.get("layers")}),
            eta=eta,
            resumable=self.state in ("failed", "cancelled"),
        )


_COLUMNS = ", ".join(field.name for field in fields(Row))


class Queue:
    """Jobs in a folder, in the order they are to be done; of processes that share the folder each has its own queue.

    What ran when a process was killed is queued again. Raises BadStore for a file that is no queue.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.limit = limit
        self._rows = _own(folder)
        with self._rows.change() as rows:
            rows.execute("UPDATE jobs SET state = 'queued', started = NULL WHERE state = 'running'")
            ended = "SELECT id FROM jobs WHERE state IN (?, ?, ?) ORDER BY finished DESC LIMIT -1 OFFSET ?"
            rows.execute(f"DELETE FROM jobs WHERE id IN ({ended})", (*ENDED, _REMEMBERED))

    def find(self, id: str) -> Row | None:
        """The job of an id, if there is one."""
        found = self._select("WHERE id = ?", id)
        return found[0] if found else None

    def get(self, id: str) -> Row:
        """The job of an id; raises UnknownJob."""
        found = self.find(id)
        if found is None:
            raise UnknownJob(f"There is no job {id[:64]!r}. Look at the list of jobs again.")
        return found

    def all(self) -> list[Row]:
        """All jobs, the newest first."""
        return self._select("ORDER BY created DESC, place DESC")

    def add(self, row: Row) -> Row:
        """Put a job at the end, anew if it was there; raises QueueFull where as many as may wait do so already."""
        with self._rows.change() as rows:
            (waiting,) = rows.execute("SELECT COUNT(*) FROM jobs WHERE state = 'queued'").fetchone()
            if row.state == "queued" and waiting >= self.limit:
                raise QueueFull(f"At most {self.limit} jobs may wait, and so many do. Wait, or cancel some of them.")
            (last,) = rows.execute("SELECT COALESCE(MAX(place), 0) FROM jobs").fetchone()
            values = asdict(row) | {"place": last + 1, "created": row.created or time.time()}
            rows.execute(
                f"INSERT OR REPLACE INTO jobs ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", [*values.values()]
            )
        return self.get(row.id)

    def next(self) -> Row | None:
        """The job whose turn it is, which runs from now on."""
        first = self._select("WHERE state = 'queued' ORDER BY place LIMIT 1")
        return self.change(first[0].id, state="running", started=time.time()) if first else None

    def change(self, id: str, **values: Any) -> Row:
        """Change some of what is known of a job."""
        named = ", ".join(f"{name} = ?" for name in values)
        with self._rows.change() as rows:
            rows.execute(f"UPDATE jobs SET {named} WHERE id = ?", [*values.values(), id])
        return self.get(id)

    def remove(self, id: str) -> None:
        """Forget a job."""
        with self._rows.change() as rows:
            rows.execute("DELETE FROM jobs WHERE id = ?", (id,))

    def close(self) -> None:
        """Let another process have it."""
        self._rows.close()

    def _select(self, which: str, *values: Any) -> list[Row]:
        rows = self._rows.read(f"SELECT {_COLUMNS} FROM jobs {which}", *values)
        made = [dict(zip((field.name for field in fields(Row)), row, strict=True)) for row in rows]
        return [Row(**{**values, "partial": bool(values["partial"])}) for values in made]


def _own(folder: Path) -> Database:
    """The first queue of the folder that no other process has."""
    for number in range(_QUEUES):
        try:
            return Database(folder / f"jobs{number or ''}.sqlite", _SCHEMA, alone=True)
        except Taken:
            continue
    raise BadStore(f"{folder} is in use by {_QUEUES} processes already. End some of them, or name another folder.")
