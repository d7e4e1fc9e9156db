"""The Parquet files of a scan: all are written or none, and a flipped bit in any of them is noticed when it is read.

`run.parquet`, the last to get its name, says that all are there, and holds the checksum of each of the others, and of
its own row. Pages have checksums besides, for other programs.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ...base.errors import BadScan, first_line
from ...base.files import Writer, made, write_all
from ...base.paths import is_file
from ...base.plain import from_json
from .tables import NAMES

_SEAL = b"convscope"  # what the checksums are called in a file
_HIT = "layer channel value id y x top left bottom right"
_READ = {
    "run": "images refused shards all_shards sampled ledger",
    "units": "layer channel entries dead constant",
    "top": _HIT,
    "examples": f"{_HIT} quantile",
    "histograms": "layer channel low high count",
    "images": "id class refused",
    "layers": "layer same_as units dead constant",
}
_AGAIN = "Merge the parts of its scan again, or scan again."


def file_of(folder: Path, name: str) -> Path:
    """The file of a table."""
    return folder / f"{name}.parquet"


def is_whole(folder: Path) -> bool:
    """Whether all tables are there."""
    return is_file(file_of(folder, "run"))


def write_tables(tables: Mapping[str, pa.Table], folder: Path) -> None:
    """Write tables into a folder, which is made; older ones there stand until the new ones are whole."""
    sums: dict[str, str] = {}

    def writer(name: str) -> Writer:
        def write(place: Path) -> None:
            _write(tables[name], place)
            sums[name] = _sum(place.read_bytes())

        return write

    writers = {file_of(folder, name): writer(name) for name in tables if name != "run"}
    writers[file_of(folder, "run")] = lambda place: _write(_sealed(tables["run"], sums), place)
    with made(folder):
        write_all(writers)
    for name in set(NAMES) - set(tables):
        with suppress(OSError):  # of an older scan; nobody reads what `run` does not name
            file_of(folder, name).unlink(missing_ok=True)


class Tables:
    """The tables in a folder, each read where it is asked for; raises BadScan for one that is damaged.

    Tables of earlier versions, without checksums, are taken as they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._sums = folder, dict[str, str]()
        run = self._read("run")
        seal = (run.schema.metadata or {}).get(_SEAL)
        self._run = run.replace_schema_metadata(None)
        if seal is not None:
            self._sums = self._opened(seal)
        self.names = tuple(name for name in NAMES if name == "run" or self._has(name))

    def __call__(self, name: str) -> pa.Table:
        """A table by its name."""
        return self._run if name == "run" else self._read(name)

    def _has(self, name: str) -> bool:
        return name in self._sums if self._sums else is_file(file_of(self._folder, name))

    def _read(self, name: str) -> pa.Table:
        path = file_of(self._folder, name)
        try:
            data = pa.py_buffer(path.read_bytes())
            if name in self._sums and self._sums[name] != _sum(data):
                raise BadScan(f"{path} is damaged, or of another scan than run.parquet beside it. {_AGAIN}")
            return _checked(pq.read_table(pa.BufferReader(data), page_checksum_verification=True), name, path)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise BadScan(f"{path} cannot be read ({first_line(error)}). {_AGAIN}") from error

    def _opened(self, seal: bytes) -> dict[str, str]:
        """The checksums of the other files; they and the row of `run` have one themselves."""
        try:
            sums, own = from_json(seal)
            whole = own == _row_sum(self._run, sums)
        except (ValueError, TypeError):
            whole = False
        if not whole:
            raise BadScan(f"{file_of(self._folder, 'run')} is damaged. {_AGAIN}")
        found: dict[str, str] = sums
        return found


def _checked(table: pa.Table, name: str, path: Path) -> pa.Table:
    """A table that has what is read of it, also where no checksum says that it is ours."""
    lacking = [column for column in _READ.get(name, "").split() if column not in table.column_names]
    if lacking:
        raise BadScan(f"{path} is no such table of a scan: it has no column {lacking[0]}. {_AGAIN}")
    return table


def _write(table: pa.Table, place: Path) -> None:
    with place.open("wb") as file:  # its name may be one that pyarrow cannot spell
        pq.write_table(table, file, write_page_checksum=True)


def _sealed(run: pa.Table, sums: Mapping[str, str]) -> pa.Table:
    return run.replace_schema_metadata({_SEAL: json.dumps([sums, _row_sum(run, sums)])})


def _row_sum(run: pa.Table, sums: Mapping[str, str]) -> str:
    return _sum(json.dumps([run.to_pylist(), sums], sort_keys=True).encode())


def _sum(data: bytes | pa.Buffer) -> str:
    return f"{zlib.crc32(data):08x}"
