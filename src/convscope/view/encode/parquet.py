"""Tables to Parquet, with checksums of their pages; the file carries the request that makes it again."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...base.errors import BadKnob
from ...contract.result import Result
from ...results.embedding import Embedding
from ...results.tabled import Tabled
from .png import KEY


def parquet(result: Result, **view: Any) -> bytes:
    """The table of a result; of a map in two dimensions with the `row` and `column` of each image on the grid."""
    if not isinstance(result, Tabled):
        raise BadKnob("A table must be of a map, or another result that has one. Save a .npz, which holds all arrays.")
    table = result.table
    if isinstance(result, Embedding) and result.points.shape[1] == 2:
        for name, numbers in zip(("row", "column"), result.grid().T, strict=True):
            table = table.append_column(name, pa.array(numbers))
    if result.request is not None:
        table = table.replace_schema_metadata({KEY: result.request.to_json()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, write_page_checksum=True)
    return buffer.getvalue()
