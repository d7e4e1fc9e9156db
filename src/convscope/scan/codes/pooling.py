"""How the map of a channel becomes one number of an image's code: its mean, its maximum, or its value at one place."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...network.layers.layers import Layer
from ..statistics.batch_summary import Summary

_PLACE = re.compile(r"(\d{1,6}) *, *(\d{1,6})")


def check_pool(pool: str, layers: Sequence[Layer]) -> None:
    """Raise BadKnob for a pool that is neither mean, max nor a place y,x, and for a place outside of a layer's maps."""
    if pool in ("mean", "max"):
        return
    place = place_of(pool)
    if place is None:
        raise BadKnob(f"pool must be mean, max, or a place y,x such as 3,3, not {pool!r}. Leave it out for the mean.")
    for layer in layers:
        height, width = tuple(layer.shape)[1:] or (1, 1)
        if place[0] >= height or place[1] >= width:
            raise BadKnob(
                f"pool must be a place in the maps of {layer.name}, which are {height} × {width}, not {pool}. "
                "Places count from 0,0 at the top left; or use mean or max."
            )


def place_of(pool: str) -> tuple[int, int] | None:
    """The row and column of a place; None for mean and max."""
    found = _PLACE.fullmatch(pool.strip())
    return None if found is None else (int(found[1]), int(found[2]))


def pooled(summary: Summary, columns: slice, positions: int, pool: str) -> NDArray[np.float32]:
    """Mean or max over all positions of a layer's maps, (N, units), of what was found of N images."""
    if pool == "max":
        return np.ascontiguousarray(summary.peak[:, columns])
    return (summary.total[:, columns] / positions).astype(np.float32)
