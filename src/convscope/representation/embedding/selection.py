"""Selections of images on a map: a class, ids, numbers, a mask, or an SQL condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...results.embedding import Embedding
from ...scan.tables.sql import run_query


def selected_images(embedding: Embedding, selection: Any) -> NDArray[np.bool_]:
    """A selection as a mask (n,); raises BadKnob for what selects nothing, or is no selection.

    A text is the name of a class, else the id of an image, else an SQL condition on the columns of the map's table.
    """
    if isinstance(selection, str):
        mask = _by_text(embedding, selection)
    else:
        mask = _by_rows(embedding, np.asarray(selection), len(embedding.ids))
    if not mask.any():
        raise BadKnob(f"selection must hold at least one of the {len(mask)} images, not none: {selection!r:.80}.")
    return mask


def _by_text(embedding: Embedding, text: str) -> NDArray[np.bool_]:
    for known in (embedding.labels, embedding.ids):
        if text in known:
            return np.array([one == text for one in known])
    rows = embedding.table.append_column("number", pa.array(range(len(embedding.ids))))
    found = run_query(f"select number from map where {text}", {"map": rows})
    return np.isin(np.arange(len(rows)), found["number"].to_numpy())


def _by_rows(embedding: Embedding, rows: NDArray[Any], count: int) -> NDArray[np.bool_]:
    if rows.dtype == bool and rows.shape == (count,):
        return rows
    if rows.dtype.kind in "OU" and rows.ndim == 1:
        return _by_ids(embedding.ids, [str(row) for row in rows.tolist()])
    if rows.dtype.kind not in "iu" or rows.ndim != 1 or (rows.size and not 0 <= rows.min() <= rows.max() < count):
        raise BadKnob(
            f"selection must be a class, ids, numbers from 0 to {count - 1}, a mask of {count}, or an SQL condition, "
            f"not {rows.dtype} {rows.shape}. Give ids."
        )
    return np.isin(np.arange(count), rows)


def _by_ids(ids: Sequence[str], wanted: Sequence[str]) -> NDArray[np.bool_]:
    unknown = set(wanted) - set(ids)
    if unknown:
        raise BadKnob(f"selection must hold ids of images of the map, not {min(unknown)!r}. They are in .ids.")
    return np.isin(np.array(ids, object).astype(str), list(wanted))
