"""Embedded databases: one file each, which several threads, and unless it is taken alone several processes, may use."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import BadStore, first_line
from .paths import make_folder

_OURS = int.from_bytes(b"cvsc")  # SQLite's `application_id`, by which a foreign database is known
_OF_THE_DISK = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_PERM")  # the file is well
_PATIENCE = 30.0  # seconds to wait for another process


class Taken(BadStore):
    """Another process has it alone."""


class Database:
    """An SQLite file with the tables of `schema`; with `alone` no other process can open it while this one lives.

    Raises BadStore for a file that is no such database, Taken where another process has it, CannotWrite where the
    folder cannot be made.
    """

    def __init__(self, path: Path, schema: str, alone: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        make_folder(path.parent)
        with self._explained():
            self._connection = sqlite3.connect(
                path, timeout=0 if alone else _PATIENCE, isolation_level=None, check_same_thread=False
            )
        self.close = weakref.finalize(self, self._connection.close)
        try:
            with self._explained():
                self._begin(schema, alone)
        except BaseException:
            self.close()
            raise

    def read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._lock, self._explained():
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Several statements that are carried out all or not at all, and with nothing in between."""
        with self._lock, self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                if self._connection.in_transaction:  # a full disk has ended it already
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _begin(self, schema: str, alone: bool) -> None:
        if alone:
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._write_ahead(0 if alone else _PATIENCE)
        self._connection.execute("PRAGMA synchronous=NORMAL")  # whole after a crash of the process, as files are
        version = zlib.crc32(schema.encode()) >> 1
        with self.change() as connection:
            told = tuple(self._one(f"PRAGMA {name}") for name in ("application_id", "user_version"))
            if told == (0, 0) and not self._one("SELECT COUNT(*) FROM sqlite_master"):
                for statement in schema.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={_OURS}")
                connection.execute(f"PRAGMA user_version={version}")
            elif told != (_OURS, version):
                raise BadStore(
                    f"{self.path} is a database of another program, or of another version of convscope. "
                    "Name another folder, or delete this one to begin anew."
                )

    def _write_ahead(self, patience: float) -> None:
        """Readers do not wait for a writer then; who changes to it while others do the same is refused at once."""
        end = time.monotonic() + patience
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.01)

    def _one(self, sql: str) -> Any:
        return self._connection.execute(sql).fetchone()[0]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            if name.startswith("SQLITE_BUSY"):
                raise Taken(
                    f"{self.path} is in use by another process. End that one, or name another folder."
                ) from error
            todo = (
                "Make room, or let it be written there" if name.startswith(_OF_THE_DISK) else "Delete it to begin anew"
            )
            raise BadStore(
                f"{self.path} cannot be used ({first_line(error)}). {todo}, or name another folder."
            ) from error
