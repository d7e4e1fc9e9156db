"""Selections of images: a class, ids, numbers, a mask, or an SQL condition."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...data.source import Source
from ...network.network import Network
from ...scan.job import Labels, renumbered_classes
from ...scan.tables.sql import run_query


def selected_images(images: pa.Table, selection: Any) -> NDArray[np.bool_]:
    """A selection as a mask (n,) of the rows of `images`; raises BadKnob for what selects nothing, or is no selection.

    A text is the name of a class, else the id of an image, else ids with commas between them, else an SQL condition on
    the columns of `images`, among which are `id` and `class`.
    """
    if isinstance(selection, str):
        mask = _by_text(images, selection)
    else:
        mask = _by_rows(images["id"].to_pylist(), np.asarray(selection), len(images))
    if not mask.any():
        raise BadKnob(f"selection must hold at least one of the {len(mask)} images, not none: {selection!r:.80}.")
    return mask


def ids_as_text(ids: Sequence[str]) -> str:
    """Ids with commas between them, those that hold a comma in quotes, as in a line of a CSV file."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(ids)
    return line.getvalue()


def listed_images(net: Network, source: Source, labels: Labels) -> pa.Table:
    """The id and class of every image of a source, none of which is read; raises BadSource for labels that do not fit.

    A selection that means nothing is so refused before a pass over the images, which may take long.
    """
    names, renumbered = renumbered_classes(net, source, labels)
    entries = [entry for shard in source.shards(1024) for entry in source.entries(shard)]
    numbers = [renumbered[entry.label] if entry.label >= 0 else -1 for entry in entries]
    classes = [names[number] if number >= 0 else None for number in numbers]
    ids = [entry.id for entry in entries]
    return pa.table({"id": pa.array(ids, pa.string()), "class": pa.array(classes, pa.string())})


def _by_text(images: pa.Table, text: str) -> NDArray[np.bool_]:
    labels, ids = images["class"].to_pylist(), images["id"].to_pylist()
    for known in (labels, ids):
        if text in known:
            return np.array([one == text for one in known])
    several = next(csv.reader([text]), [])
    if set(several) <= set(ids) and several:
        return _by_ids(ids, several)
    rows = images.append_column("number", pa.array(range(len(ids))))
    found = run_query(f"select number from map where {text}", {"map": rows})
    return np.isin(np.arange(len(rows)), found["number"].to_numpy())


def _by_rows(ids: Sequence[str], rows: NDArray[Any], count: int) -> NDArray[np.bool_]:
    if rows.dtype == bool and rows.shape == (count,):
        return rows
    if rows.dtype.kind in "OU" and rows.ndim == 1:
        return _by_ids(ids, [str(row) for row in rows.tolist()])
    if rows.dtype.kind not in "iu" or rows.ndim != 1 or (rows.size and not 0 <= rows.min() <= rows.max() < count):
        raise BadKnob(
            f"selection must be a class, ids, numbers from 0 to {count - 1}, a mask of {count}, or an SQL condition, "
            f"not {rows.dtype} {rows.shape}. Give ids."
        )
    return np.isin(np.arange(count), rows)


def _by_ids(ids: Sequence[str], wanted: Sequence[str]) -> NDArray[np.bool_]:
    unknown = set(wanted) - set(ids)
    if unknown:
        raise BadKnob(f"selection must hold ids of images that are there, not {min(unknown)!r}. They are in .ids.")
    return np.isin(np.array(ids, object).astype(str), list(wanted))
