"""The files of a record: chunks that are only ever added, each there as a whole or not at all.

Chunk n has a Parquet file a table that has rows, such as `layers-000007.parquet`; `steps-000007.parquet`, the last of
them to get its name, says that the chunk is there. So whatever ends the process costs at most the chunk that was being
written, and whoever reads meanwhile sees whole chunks. What a session says of itself stands in its files of steps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...base.errors import BadRecord, first_line
from ...base.files import Writer, write_all
from ...base.paths import is_file, is_folder
from ...base.plain import from_json, to_json
from .tables import NAMES, empty_table

_ABOUT = b"convscope record"
_NAME = re.compile(r"steps-(\d{6,})\.parquet")


def chunk_numbers(folder: Path) -> list[int]:
    """The numbers of the chunks in a folder, in order."""
    found = (_NAME.fullmatch(path.name) for path in folder.iterdir()) if is_folder(folder) else ()
    return sorted(int(match[1]) for match in found if match)


def write_chunk(folder: Path, number: int, tables: Mapping[str, pa.Table], about: Mapping[str, Any]) -> None:
    """Write a chunk; raises CannotWrite, and then there is none."""
    steps = tables["steps"].replace_schema_metadata({_ABOUT: to_json(about)})
    named = {_file(folder, name, number): table for name, table in tables.items() if name != "steps" and len(table)}
    write_all({path: _writer(table) for path, table in (named | {_file(folder, "steps", number): steps}).items()})


def read_chunk(folder: Path, number: int, name: str, columns: list[str] | None = None, step: int | None = None) -> Any:
    """A table of a chunk, or some columns of it, or its rows of one step; raises BadRecord for a damaged one."""
    path = _file(folder, name, number)
    if name != "steps" and not is_file(path):
        return empty_table(name)
    only = None if step is None else [("step", "==", step)]
    try:
        return pq.read_table(path, columns=columns, filters=only, page_checksum_verification=True, partitioning=None)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise BadRecord(f"{path} cannot be read ({first_line(error)}). Delete the files of this chunk.") from error


def session_of(folder: Path, number: int) -> dict[str, Any]:
    """What the session that wrote a chunk says of itself; raises BadRecord."""
    path = _file(folder, "steps", number)
    try:
        about: dict[str, Any] = from_json((pq.read_schema(path).metadata or {})[_ABOUT])
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise BadRecord(f"{path} is no part of a record ({first_line(error)}). Delete it.") from error
    return about


def remove_beginnings(folder: Path, after: int) -> None:
    """Remove files of chunks behind the last one, of a process that was killed before they were whole."""
    for path in folder.glob("*.parquet"):
        name, _, number = path.stem.rpartition("-")
        if name in NAMES and number.isdigit() and int(number) > after:
            with suppress(OSError):
                path.unlink()


def _file(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}-{number:06}.parquet"


def _writer(table: pa.Table) -> Writer:
    floats = [name for name, kind in zip(table.schema.names, table.schema.types, strict=True) if _is_floats(kind)]

    def write(place: Path) -> None:
        split = [f"{name}.list.element" for name in floats]
        with place.open("wb") as file:
            pq.write_table(
                table,
                file,
                compression="zstd",
                use_dictionary=["layer", "what", "kind"],
                use_byte_stream_split=split,
                write_page_checksum=True,
            )

    return write


def _is_floats(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_float32(kind.value_type))
