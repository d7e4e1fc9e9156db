"""The queue of jobs on disk: what was asked, how far it is, and what became of it. One process has it at a time."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from ...base.database import Database
from ...base.errors import QueueFull, UnknownJob
from ...catalog.catalog import CATALOG
from ...contract.subjects import Subject
from ..workspace.messages import Job, State
from .queues import claim, let_go

Kind = Literal["technique", "scan"]
WAITING, ENDED = ("queued", "running"), ("done", "failed", "cancelled")
_SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, ask TEXT NOT NULL, title TEXT NOT NULL, state TEXT NOT NULL,
    step INTEGER NOT NULL, total INTEGER NOT NULL, error TEXT NOT NULL, artifact TEXT NOT NULL,
    partial INTEGER NOT NULL, created REAL NOT NULL, started REAL, finished REAL, place INTEGER NOT NULL
)
"""
_REMEMBERED = 2048  # jobs that ended
_FIRST = ("queued", "running", "done")  # which state counts, where two queues have the same job; else the one's own


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

    @property
    def images(self) -> set[str]:
        """The ids of the images it is about, as each kind of subject tells them."""
        asked = self.asked
        kinds = _kinds(asked.get("technique", ""))
        named = [kinds.get(name, Subject()).images(text) for name, text in asked.get("subjects", {}).items()]
        return set[str]().union(*named)

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


def _kinds(technique: str) -> Mapping[str, Subject]:
    """The subjects of a technique, by name; none of one that another version had."""
    return next((entry.function.kinds for entry in CATALOG if entry.name == technique), {})


_COLUMNS = ", ".join(field.name for field in fields(Row))


class Queue:
    """Jobs in a folder, in the order they are to be done; of processes that share the folder each has its own queue.

    Of processes that ended it takes over the jobs, and what ran when one was killed is queued again. `number` tells
    queues apart, and `alone` says that no other process had one. Processes must begin one at a time. Raises BadStore
    for a file that is no queue.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        own = claim(folder, _SCHEMA)
        self.limit, self.number, self.alone = limit, own.number, own.alone
        self._rows = own.rows
        for _, other in own.others:
            self._take_over(_rows_of(other, "ORDER BY place"))
        let_go(folder, own)
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
            _put(rows, row)
        return self.get(row.id)

    def next(self, networks: Collection[str]) -> Row | None:
        """The job whose turn it is, which runs from now on; those about other networks wait for who has these."""
        known = f"json_extract(ask, '$.network') IN ({', '.join('?' * len(networks))})"
        first = self._select(f"WHERE state = 'queued' AND {known} ORDER BY place LIMIT 1", *networks)
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

    def _take_over(self, others: list[Row]) -> None:
        """Have the jobs of another queue too, after one's own."""
        known = {row.id: row.state for row in self.all()}
        new = [row for row in others if row.id not in known or _earlier(row.state, known[row.id])]
        with self._rows.change() as rows:
            for row in new:
                _put(rows, row)

    def _select(self, which: str, *values: Any) -> list[Row]:
        return _rows_of(self._rows, which, *values)


def _earlier(state: State, other: State) -> bool:
    return state in _FIRST and (other not in _FIRST or _FIRST.index(state) < _FIRST.index(other))


def _put(rows: sqlite3.Connection, row: Row) -> None:
    """Put a job at the end, anew if it was there."""
    (last,) = rows.execute("SELECT COALESCE(MAX(place), 0) FROM jobs").fetchone()
    values = asdict(row) | {"place": last + 1, "created": row.created or time.time()}
    rows.execute(
        f"INSERT OR REPLACE INTO jobs ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", [*values.values()]
    )


def _rows_of(queue: Database, which: str, *values: Any) -> list[Row]:
    rows = queue.read(f"SELECT {_COLUMNS} FROM jobs {which}", *values)
    made = [dict(zip((field.name for field in fields(Row)), row, strict=True)) for row in rows]
    return [Row(**{**values, "partial": bool(values["partial"])}) for values in made]
