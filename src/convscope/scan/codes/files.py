"""Codes in a folder: one Parquet file, and a JSON file that says it is whole.

`codes.parquet` has one row an image, in order of the images' numbers, and one column of fixed-size lists a layer; its
row groups are the source's shards, so the same codes have the same bytes however the work was cut. `codes.json`, the
last to get its name, holds what the codes depend on and the checksum of the other file.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...base.errors import BadJson, BadScan, first_line
from ...base.files import write_all
from ...base.paths import is_file
from ...base.pixels import Floats
from ...base.plain import from_json
from ..statistics.manifest import Manifest
from .state import CodeRows

_FORMAT = "convscope codes 1"
_AGAIN = "Delete it, and ask for the codes again."
_CHUNK = 1 << 20  # bytes read at once for a checksum


def parquet_of(folder: Path) -> Path:
    """The file of the codes."""
    return folder / "codes.parquet"


def json_of(folder: Path) -> Path:
    """The file that says the codes are whole."""
    return folder / "codes.json"


def is_codes(folder: Path) -> bool:
    """Whether there are whole codes in a folder."""
    return is_file(json_of(folder))


def table_schema(ledger: Manifest) -> pa.Schema:
    """The columns: number, id, label and class of an image, then its code in each layer."""
    columns = [("image", pa.int64()), ("id", pa.string()), ("label", pa.int32()), ("class", pa.string())]
    return pa.schema([*columns, *((name, pa.list_(pa.float32(), shape[0])) for name, _, shape in ledger.layers)])


def as_batch(rows: CodeRows, ledger: Manifest) -> pa.RecordBatch:
    """CodeRows as one batch of the table."""
    classes = [ledger.classes[label] if label >= 0 else None for label in rows.labels.tolist()]
    columns = [pa.array(rows.numbers), pa.array(rows.ids, pa.string()), pa.array(rows.labels.astype(np.int32))]
    lists = (
        pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(codes).reshape(-1)), codes.shape[1])
        for codes in rows.codes.values()
    )
    return pa.record_batch([*columns, pa.array(classes, pa.string()), *lists], schema=table_schema(ledger))


def as_array(column: pa.Array) -> Floats:
    """A column of fixed-size lists as (n, d)."""
    width = column.type.list_size
    flat: Floats = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, width)


def write_codes(folder: Path, ledger: Manifest, parts: Iterable[pa.RecordBatch], refused: Sequence[Any]) -> None:
    """Write batches, in order, and what was refused; older codes stand until these are whole."""
    told: dict[str, Any] = {}

    def codes(place: Path) -> None:
        told["images"] = _write(place, ledger, parts)
        told["sum"] = _sum(place)

    def about(place: Path) -> None:
        text = json.dumps({"format": _FORMAT, "ledger": ledger.to_json(), "refused": list(refused), **told})
        place.write_text(json.dumps([text, f"{zlib.crc32(text.encode()):08x}"]), encoding="utf-8")

    write_all({parquet_of(folder): codes, json_of(folder): about})


def read_about(folder: Path) -> dict[str, Any]:
    """What `codes.json` says, once both files are found whole; raises BadScan for damaged ones."""
    path = json_of(folder)
    try:
        text, own = from_json(path.read_bytes(), loose=True)
        if own != f"{zlib.crc32(text.encode()):08x}":
            raise ValueError("its checksum is that of other bytes")
        told: dict[str, Any] = from_json(text, loose=True)
        if told["format"] != _FORMAT:
            raise ValueError("it is of another version")
        whole = told["sum"] == _sum(parquet_of(folder))
    except (BadJson, OSError, ValueError, TypeError, KeyError) as error:
        raise BadScan(f"{path} cannot be read ({first_line(error)}). {_AGAIN}") from error
    if not whole:
        raise BadScan(f"{parquet_of(folder)} is damaged, or of other codes than codes.json beside it. {_AGAIN}")
    return told


def stored_batches(folder: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of the stored codes, batch by batch."""
    with pq.ParquetFile(parquet_of(folder), page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, columns=list(columns)).combine_chunks().to_batches()


def _write(place: Path, ledger: Manifest, parts: Iterable[pa.RecordBatch]) -> int:
    count = 0
    with (
        place.open("wb") as file,
        pq.ParquetWriter(
            file, table_schema(ledger), compression="none", use_dictionary=False, write_page_checksum=True
        ) as writer,
    ):
        for batch in parts:
            writer.write_batch(batch, row_group_size=max(1, len(batch)))
            count += len(batch)
    return count


def _sum(path: Path) -> str:
    crc = 0
    with path.open("rb") as file:
        for chunk in iter(partial(file.read, _CHUNK), b""):
            crc = zlib.crc32(chunk, crc)
    return f"{crc:08x}"
