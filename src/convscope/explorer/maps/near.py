"""The images near one, on the map and in the layer: a table for whoever cannot see the map."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...base.errors import ConvscopeError
from ...representation.embedding.points import Metric, in_metric, row_blocks
from ...scan.codes.result import Codes
from ..workspace.kept_map import KeptMap
from ..workspace.map_messages import AskMapNeighbors, MapNeighbor, MapNeighbors
from .at_hand import codes_for

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

Distances = NDArray[np.float64]


def near(workspace: Workspace, kept: KeptMap, ask: AskMapNeighbors) -> MapNeighbors:
    """The nearest images; those in the layer are refused in a sentence where its codes are not at hand."""
    kept.check(ask.number)
    points = kept.snapshot(ask.snapshot).astype(np.float64)
    on_map = np.sqrt(np.square(points - points[ask.number]).sum(axis=1))
    in_layer, refused = _layer_distances(workspace, kept, ask.number)

    def rows(distances: Distances | None) -> tuple[MapNeighbor, ...]:
        if distances is None:
            return ()
        return tuple(_row(kept, number, on_map, in_layer) for number in _nearest(distances, ask.number, ask.count))

    first, second = rows(on_map), rows(in_layer)
    return MapNeighbors(
        number=ask.number,
        id=kept.ids[ask.number],
        label=kept.label(ask.number),
        metric=kept.metric,
        on_map=first,
        in_layer=second,
        shared=len({row.number for row in first} & {row.number for row in second}),
        refused=refused,
    )


def _row(kept: KeptMap, number: int, on_map: Distances, in_layer: Distances | None) -> MapNeighbor:
    far = None if in_layer is None or not np.isfinite(in_layer[number]) else float(in_layer[number])
    label = kept.label(number)
    return MapNeighbor(number=number, id=kept.ids[number], label=label, on_map=float(on_map[number]), in_layer=far)


def _nearest(distances: Distances, number: int, count: int) -> list[int]:
    """The nearest others, of equally near ones the first; those whose distance is unknown are none."""
    others = np.where(np.isfinite(distances), distances, np.inf)
    others[number] = np.inf
    found = np.argsort(others, kind="stable")[:count]
    return [int(one) for one in found if np.isfinite(others[one])]


def _layer_distances(workspace: Workspace, kept: KeptMap, number: int) -> tuple[Distances | None, str]:
    """How far every image is from one in the layer, NaN where unknown; or why that cannot be told."""
    try:
        codes = codes_for(workspace, kept, kept.layer)
        return code_distances(codes, kept, number), ""
    except ConvscopeError as error:
        return None, str(error)


def code_distances(codes: Codes, kept: KeptMap, number: int) -> Distances:
    """How far every image's code is from that of one, (n,), in the metric of the map, a block of codes at a time."""
    rows = {id: row for row, id in enumerate(codes.ids)}
    (own,) = islice(_rows(codes, kept), rows[kept.ids[number]], rows[kept.ids[number]] + 1)
    squares = np.concatenate([np.square(block - own).sum(axis=1) for block in _blocks(codes, kept)])
    found = squares / 2 if kept.metric == "cosine" else np.sqrt(squares)
    return np.array([found[rows[id]] if id in rows else np.nan for id in kept.ids], np.float64)


def _rows(codes: Codes, kept: KeptMap) -> Iterator[Distances]:
    return (row for block in _blocks(codes, kept) for row in block)


def _blocks(codes: Codes, kept: KeptMap) -> Iterator[Distances]:
    """The codes in the metric of the map, some rows at a time."""
    metric: Metric = "cosine" if kept.metric == "cosine" else "l2"
    for block in codes.blocks(kept.layer):
        for part in row_blocks(len(block), block.shape[1]):
            yield in_metric(block[part].astype(np.float64), metric)
