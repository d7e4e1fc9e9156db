"""What a record holds: the columns of its tables, and arrays packed into rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

NAMES = ("steps", "layers", "snapshots", "events")

_ROUNDED = np.uint32(1 << 11)  # channel statistics keep 12 bits after the point: one part in 8,192

_FLOATS = pa.list_(pa.float32())
_COUNTS = pa.list_(pa.int32())

_SCHEMAS = {
    "layers": pa.schema(
        [
            ("step", pa.int64()), ("layer", pa.string()),
            ("mean", _FLOATS), ("mean_square", _FLOATS), ("zero_share", _FLOATS),
            ("dead", pa.int32()), ("saturated", pa.float32()), ("nonfinite", pa.int64()),
            ("weight_norm", pa.float32()), ("gradient_norm", pa.float32()), ("update_norm", pa.float32()),
            ("update_ratio", pa.float32()),
            ("outputs_bins", _COUNTS), ("outputs_power", pa.int16()),
            ("weights_bins", _COUNTS), ("weights_power", pa.int16()),
            ("gradients_bins", _COUNTS), ("gradients_power", pa.int16()),
        ]
    ),
    "snapshots": pa.schema(
        [
            ("step", pa.int64()), ("what", pa.string()), ("layer", pa.string()), ("shape", _COUNTS),
            ("scale", pa.float32()), ("kind", pa.string()), ("values", pa.large_binary()),
        ]
    ),
    "events": pa.schema(
        [
            ("step", pa.int64()), ("layer", pa.string()), ("what", pa.string()), ("why", pa.string()),
            ("noticed", pa.int64()),
        ]
    ),
}  # fmt: skip
STEP = ("step", "time", "sampled", "forwards", "session")  # the columns of `steps` that are no metrics


def table_of(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as one of the tables; that of steps has a column for each metric that any of them has."""
    if name != "steps":
        return pa.Table.from_pylist([dict(row) for row in rows], _SCHEMAS[name])
    kinds = [pa.int64(), pa.float64(), pa.bool_(), pa.int32(), pa.int32()]
    metrics = sorted({key for row in rows for key in row} - set(STEP))
    fields = [*zip(STEP, kinds, strict=True), *((metric, pa.float64()) for metric in metrics)]
    return pa.Table.from_pylist([dict(row) for row in rows], pa.schema(fields))


def empty_table(name: str) -> pa.Table:
    """A table without rows."""
    return table_of(name, [])


def rounded(values: NDArray[Any]) -> NDArray[np.float32]:
    """Values to 12 binary digits after the first: what is left of them is small when it is compressed."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    finite = (bits & np.uint32(0x7F800000)) != np.uint32(0x7F800000)
    with np.errstate(over="ignore"):
        near = (bits + (_ROUNDED >> 1)) & ~(_ROUNDED - np.uint32(1))
    return np.where(finite, near, bits).view(np.float32)


def packed_array(values: NDArray[Any], kind: str) -> dict[str, Any]:
    """An array as columns of `snapshots`: as float32, or as float16 or int8 about its largest magnitude, the scale."""
    x = np.ascontiguousarray(values, np.float32)
    finite = np.isfinite(x)
    scale = float(np.abs(x, where=finite, out=np.zeros_like(x)).max(initial=0)) or 1.0
    if kind == "float32" or not finite.all():
        kind, scale, data = "float32", 1.0, x
    elif kind == "float16":
        data = (x / scale).astype(np.float16)
    else:
        data = np.rint(x / scale * 127).astype(np.int8)
    return {"shape": list(x.shape), "scale": scale, "kind": kind, "values": data.tobytes()}


def unpacked_array(row: Mapping[str, Any]) -> NDArray[np.float32]:
    """The array that a row of `snapshots` holds."""
    data = np.frombuffer(row["values"], np.dtype(row["kind"])).reshape(row["shape"]).astype(np.float32)
    by = row["scale"] / 127 if row["kind"] == "int8" else row["scale"]
    return np.asarray(data * np.float32(by), np.float32)
