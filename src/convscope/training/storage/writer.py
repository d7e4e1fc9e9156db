"""Rows of a record on their way to the disk: kept until a chunk is due, and longer where it cannot be written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base.errors import CannotWrite
from ...base.files import Sole
from ...base.paths import make_folder
from .chunks import chunk_numbers, remove_beginnings, write_chunk
from .tables import NAMES, table_of

_FIRST, _SHARE = 5.0, 0.01  # seconds between chunks, and which share of the session they may grow to
_PAUSE = 200  # times as long as writing one took, so that slow disks do not eat the budget
_FULL = 16 << 20  # bytes of rows that make a chunk
_MOST = 256 << 20  # bytes that are kept while nothing can be written


class Writer:
    """Adds chunks to a folder, which no other process writes to meanwhile.

    A chunk is due 5 seconds after the last one, later a hundredth of the session: so their number grows with the
    logarithm of the time; and not before 200 times as long has passed as writing takes. Raises CannotWrite, also where
    somebody else is writing there.
    """

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        make_folder(folder)
        self._alone = Sole(folder / "writer.lock", f"{folder} is being recorded into. Give another folder.")
        self.folder, self.about = folder, about
        self._number = max(chunk_numbers(folder), default=-1) + 1
        remove_beginnings(folder, self._number - 1)
        self._rows: dict[str, list[Mapping[str, Any]]] = {name: [] for name in NAMES}
        self._began = self._last = time.monotonic()
        self._bytes, self.dropped, self._took = 0, 0, 0.0
        self.failing = ""

    def add(self, name: str, rows: list[dict[str, Any]], size: int = 0) -> None:
        """Keep rows of a table, of so many bytes, for the next chunk; beyond 256 MB those of layers are dropped."""
        self._bytes += size
        if self.failing and self._bytes > _MOST and name in ("layers", "snapshots"):
            self.dropped += len(rows)
            return
        self._rows[name] += rows

    @property
    def pending(self) -> tuple[int, dict[str, list[Mapping[str, Any]]]]:
        """The number of the next chunk, and the rows that are kept for it."""
        return self._number, self._rows

    @property
    def due(self) -> bool:
        """Whether it is time for another chunk."""
        now = time.monotonic()
        full = self._bytes > _FULL and not self.failing
        return full or now - self._last > max(_FIRST, _SHARE * (now - self._began), _PAUSE * self._took)

    def write(self) -> str:
        """Write what is kept; gives what cannot be done, or an empty text. Then it is kept, and tried again later."""
        began = time.monotonic()
        try:
            return self._write()
        finally:
            self._last = time.monotonic()
            self._took = self._last - began

    def _write(self) -> str:
        if not any(self._rows.values()):
            return ""
        try:
            write_chunk(self.folder, self._number, {n: table_of(n, rows) for n, rows in self._rows.items()}, self.about)
        except CannotWrite as error:
            self.failing = str(error)
            return self.failing
        self._number, self._bytes, self.failing = self._number + 1, 0, ""
        self._rows = {name: [] for name in NAMES}
        return ""

    def close(self) -> None:
        """Let others write there."""
        self._alone.close()
