"""What every map begins with: rows of finite numbers, and what is near in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...base.errors import BadKnob

Metric: TypeAlias = Literal["l2", "cosine"]


def finite_rows(
    points: ArrayLike, what: str = "Codes", names: Sequence[str] | None = None, least: int = 1
) -> NDArray[np.float64]:
    """Rows as float64 (n, d), all finite; `names` are how an error calls them, instead of their numbers.

    Raises BadKnob for another shape, fewer rows than `least`, and for the first row with NaN or infinity.
    """
    rows = np.ascontiguousarray(points, np.float64)
    if rows.ndim != 2 or not rows.shape[1]:
        raise BadKnob(f"{what} must be an array (n, d) with a row per image, not of shape {rows.shape}.")
    if len(rows) < least:
        raise BadKnob(f"{what} must be at least {least} rows, not {len(rows)}. Give more images.")
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        raise BadKnob(
            f"{what} must be finite, but NaN or infinity is in {row_name(int(bad[0]), names)}, one of {bad.size} such "
            "rows. Leave these images out, or look for what overflows in the network."
        )
    return rows


def row_name(row: int, names: Sequence[str] | None) -> str:
    """How an error calls a row."""
    return f"row {row}" if names is None else f"{names[row]} (row {row})"


def in_metric(rows: NDArray[np.float64], metric: Metric, names: Sequence[str] | None = None) -> NDArray[np.float64]:
    """Rows whose Euclidean distances are in the order of the metric: as they are, or for cosine at unit length.

    Between rows of unit length the squared Euclidean distance is twice the cosine distance. Raises BadKnob for a row of
    zeros, which has no direction, and for an unknown metric.
    """
    if metric == "l2":
        return rows
    if metric != "cosine":
        raise BadKnob(f"metric must be 'l2' or 'cosine', not {metric!r}.")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    zero = np.flatnonzero(lengths == 0)
    if zero.size:
        raise BadKnob(
            f"For the cosine every code must have a direction, but {row_name(int(zero[0]), names)} is all zeros, one "
            f"of {zero.size} such rows. Leave these images out, or use the metric 'l2'."
        )
    unit: NDArray[np.float64] = rows / lengths
    return unit


def row_blocks(count: int, width: int, floats: int = 4_000_000) -> list[slice]:
    """Slices of `count` rows such that a block with `width` numbers a row holds about `floats` numbers."""
    size = max(1, floats // max(1, width))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def chosen_rows(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """All row numbers, or `most` of them drawn without repetition, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
