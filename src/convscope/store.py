"""Results that are kept: a digest and a name lead to bytes. What they mean is for others to know.

Each part is a file; an index in SQLite knows how large they are and when they were last used. A file never lies there
without its row, so that nothing is forgotten when a process is killed; a row without its file counts as nothing.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from .base.database import Database
from .base.errors import BadKnob
from .base.files import write

_SCHEMA = """
CREATE TABLE parts (
    digest TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (digest, name)
) WITHOUT ROWID
"""
_ABANDONED = 3600.0  # seconds after which nobody is still writing a file
_DIGEST, _NAME = re.compile("[0-9a-f]{64}"), re.compile("[a-z0-9]{1,32}")


class Store:
    """A folder of parts, at most `limit` bytes of them: what was not used for the longest time goes first.

    Threads, and processes with a store of their own in the same folder, may use it together. Raises BadStore for a
    folder whose index cannot be read, CannotWrite where nothing can be written.
    """

    def __init__(self, folder: Path, limit: int = 2 << 30) -> None:
        self.folder, self.limit = Path(folder), limit
        self._index = Database(self.folder / "store.sqlite", _SCHEMA)
        for begun in (self.folder / "parts").glob("*/.*"):  # what a process was writing when it was killed
            with suppress(FileNotFoundError):  # somebody is writing, and has just put it into its place
                if time.time() - begun.stat().st_mtime > _ABANDONED:
                    begun.unlink()

    def put(self, digest: str, name: str, data: bytes) -> None:
        """Keep a part, whole or not at all."""
        self.put_all(digest, {name: data})

    def put_all(self, digest: str, parts: Mapping[str, bytes]) -> None:
        """Keep several parts of one digest, each whole or not at all, in this order."""
        self._announce(digest, {name: len(data) for name, data in parts.items()})
        for name, data in parts.items():
            self._write(digest, name, data)
        with self._index.change() as index:
            self._shrink(index, digest)

    def update(self, digest: str, name: str, change: Callable[[bytes | None], bytes]) -> None:
        """Keep what `change` makes of a part, or of None where there is none, and nobody else in between."""
        self._announce(digest, {name: 0})
        with self._index.change() as index:
            data = change(self._read(digest, name))
            self._write(digest, name, data)
            index.execute("UPDATE parts SET size = ? WHERE digest = ? AND name = ?", (len(data), digest, name))
            self._shrink(index, digest)

    def get(self, digest: str, name: str) -> bytes | None:
        """A part, or None where there is none; it counts as used now."""
        with self._index.change() as index:
            now = (time.time_ns(), digest, name)
            if not index.execute("UPDATE parts SET used = ? WHERE digest = ? AND name = ?", now).rowcount:
                return None
        return self._read(digest, name)

    def names(self, digest: str) -> list[str]:
        """The names of the parts of a digest."""
        rows = self._index.read("SELECT name FROM parts WHERE digest = ? ORDER BY name", digest)
        return [name for (name,) in rows if self._path(digest, name).is_file()]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A block during which nobody else, in no process, changes anything here or is in such a block; nor may it."""
        with self._index.change():
            yield

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()

    def _announce(self, digest: str, sizes: Mapping[str, int]) -> None:
        """Have the rows of parts in the index before there are files."""
        if not _DIGEST.fullmatch(digest) or not all(map(_NAME.fullmatch, sizes)):
            raise BadKnob(f"A part must be named by 64 hexadecimal digits and short words, not {digest!r}, {[*sizes]}.")
        rows = [(digest, name, size, time.time_ns()) for name, size in sizes.items()]
        with self._index.change() as index:
            index.executemany("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", rows)

    def _write(self, digest: str, name: str, data: bytes) -> None:
        path = self._path(digest, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, data)

    def _read(self, digest: str, name: str) -> bytes | None:
        try:
            return self._path(digest, name).read_bytes()
        except FileNotFoundError:
            return None

    def _path(self, digest: str, name: str) -> Path:
        return self.folder / "parts" / digest[:2] / f"{digest}.{name}"

    def _shrink(self, index: sqlite3.Connection, newest: str) -> None:
        """Delete what was used least recently, digest by digest, until the rest is within the limit."""
        (total,) = index.execute("SELECT TOTAL(size) FROM parts").fetchone()
        if total <= self.limit:
            return
        oldest = "SELECT digest, SUM(size) FROM parts WHERE digest != ? GROUP BY digest ORDER BY MAX(used)"
        for digest, size in index.execute(oldest, (newest,)).fetchall():
            for (name,) in index.execute("SELECT name FROM parts WHERE digest = ?", (digest,)).fetchall():
                self._path(digest, name).unlink(missing_ok=True)
            index.execute("DELETE FROM parts WHERE digest = ?", (digest,))
            total -= size
            if total <= self.limit:
                return
