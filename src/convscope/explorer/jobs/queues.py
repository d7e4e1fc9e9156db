"""Whose jobs are whose, where several explorers share a folder: each has a queue that no other process can open.

Whoever begins takes the first queue that is free, and the jobs of all others that are free, so that none waits for a
process that will not come again. All this is done alone; see `Store.alone`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ...base.database import Database, Taken
from ...base.errors import BadStore

_QUEUES = 64  # of processes that share a folder


@dataclass(frozen=True)
class Own:
    """The queue of this process, of the one number; `others` are free and now its too; `alone`: nobody else has one."""

    rows: Database
    number: int
    others: tuple[tuple[int, Database], ...]
    alone: bool


def claim(folder: Path, schema: str) -> Own:
    """Take the first queue of the folder that no other process has, and all others there are; raises BadStore."""
    taken = False
    for number in range(_QUEUES):
        rows = _opened(folder, number, schema)
        taken |= rows is None
        if rows is not None:
            there = [other for other in range(number + 1, _QUEUES) if _file(folder, other).is_file()]
            free = {other: _opened(folder, other, schema) for other in there}
            others = tuple((other, each) for other, each in free.items() if each is not None)
            return Own(rows, number, others, alone=not taken and len(others) == len(free))
    raise BadStore(f"{folder} is in use by {_QUEUES} processes already. End some of them, or name another folder.")


def states(folder: Path, number: int) -> Path:
    """Where the jobs of a queue that can go on where they stopped keep their states."""
    return folder / f"states{number or ''}"


def let_go(folder: Path, own: Own) -> None:
    """Move the states of the others' jobs to one's own, and delete the others, whose jobs must be in one's own now."""
    for number, rows in own.others:
        for state in states(folder, number).glob("*"):
            if not (kept := states(folder, own.number) / state.name).exists():
                kept.parent.mkdir(exist_ok=True)
                state.rename(kept)
        shutil.rmtree(states(folder, number), ignore_errors=True)
        rows.close()
        _file(folder, number).unlink()


def _opened(folder: Path, number: int, schema: str) -> Database | None:
    try:
        return Database(_file(folder, number), schema, alone=True)
    except Taken:
        return None


def _file(folder: Path, number: int) -> Path:
    return folder / f"jobs{number or ''}.sqlite"
