"""Arrays in a safetensors file, with a checksum over all of it: the format itself finds only that it was cut short."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import first_line
from .plain import from_json

_KINDS = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "u1", "BOOL": "?"}  # of safetensors
_SUM = "sum"  # the word for the checksum, among others about the arrays


def packed(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, str]) -> bytes:
    """A safetensors file that holds arrays, some words about them, and the checksum of both.

    As bytes, and not by safetensors' own writer, which leaves files under names of its own when it is killed.
    """
    from safetensors.numpy import save

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save(whole, {**about, _SUM: _sum(whole, about)})


def unpacked(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays of a file and the words about them; raises ValueError, as the end of a sentence, for one
    that is damaged, or is none.

    A file without a checksum, as earlier versions wrote them, is taken as it is.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, "numpy") as file:
            about = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # of many kinds, where a header makes no sense
        raise ValueError(f"cannot be read: {first_line(error)}") from error
    if about.pop(_SUM, None) not in (None, _sum(arrays, about)):
        raise ValueError("is damaged: its checksum is that of other bytes")
    return arrays, about


def memory_mapped(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """As `unpacked`, but the arrays stay in the file, and parts of them are read where they are asked for."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            told = from_json(file.read(length))
        about = told.pop("__metadata__", {})
        arrays = {name: _mapped(path, 8 + length, row) for name, row in told.items()}
    except Exception as error:  # of many kinds, where a header makes no sense
        raise ValueError(f"cannot be read: {first_line(error)}") from error
    if about.pop(_SUM, None) != _sum(arrays, about):
        raise ValueError("is damaged: its checksum is that of other bytes")
    return arrays, about


def _mapped(path: Path, begin: int, row: Mapping[str, Any]) -> NDArray[Any]:
    kind, shape = np.dtype(_KINDS[row["dtype"]]), tuple(row["shape"])
    if not math.prod(shape):
        return np.zeros(shape, kind)
    return np.memmap(path, kind, "r", begin + row["data_offsets"][0], shape)


def _sum(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, str]) -> str:
    """CRC-32 of words, names, kinds and shapes, and of all numbers."""
    kinds = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    crc = zlib.crc32(json.dumps([dict(about), kinds], sort_keys=True).encode())
    for name in sorted(arrays):
        crc = zlib.crc32(arrays[name].reshape(-1).view(np.uint8).data, crc)
    return f"{crc:08x}"
