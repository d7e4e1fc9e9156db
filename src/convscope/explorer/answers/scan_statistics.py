"""What the scan at hand says of a layer and of a unit: numbers for the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from ...base.errors import BadScan
from ...base.unit import Unit
from ...scan.result import Scan
from ..workspace.artifacts import plain
from ..workspace.frame import encode
from ..workspace.messages import AskConfusion, Confused, ConfusedCell, Histogram, OfLayer, OfNetwork, OfUnit, Statistics

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

_CELLS, _SHOWN = 60, 24  # mistakes that are listed, and images of one that are shown


def statistics(workspace: Workspace, ask: OfLayer) -> bytes:
    """A Statistics frame of a layer; raises BadScan without a scan of this network, UnknownLayer without this layer.

    `fraction` is the share of images that make a unit fire. `selectivity` is how much more it answers its best class
    than the others, from 0 to 1, where the scan has classes, and else its sparseness over images, 1 for one image only;
    NaN for a unit that never fired.
    """
    scan = _scan_of(workspace, ask)
    rows = _rows(scan, ask.layer)
    selective = rows.get("selectivity", rows["lifetime_sparseness"])
    columns = {"max": rows["max"], "mean": rows["mean"], "fraction": rows["rate"], "selectivity": selective}
    header = Statistics(layer=ask.layer, images=scan.evidence["images"])
    return encode(header, {name: np.array(values, np.float32) for name, values in columns.items()})


def histogram(workspace: Workspace, ask: OfUnit) -> bytes:
    """A Histogram frame of a unit: bins of one width would hide all but zero, so they are the scan's, with the gaps."""
    scan = _scan_of(workspace, ask)
    unit = Unit(ask.layer, ask.channel)
    found = scan.statistics(unit)
    edges, counts = contiguous(*scan.histogram(unit))
    header = Histogram(unit=str(unit), statistics=plain(found), dead=bool(found["dead"]))
    return encode(header, {"edges": edges.astype(np.float32), "counts": counts.astype(np.float32)})


def confusion(workspace: Workspace, ask: AskConfusion) -> Confused:
    """What the scan's images are taken for; the images of the cell asked for are at hand from now on.

    Raises BadScan without a scan of this network or its images, BadKnob where the scan cannot tell.
    """
    scan = _scan_of(workspace, ask)
    found = scan.confusion()
    names = dict(zip(found.indices, found.labels, strict=True))
    wrong = [(pair, len(ids)) for pair, ids in found.ids.items() if pair[0] != pair[1]]
    cells = [
        ConfusedCell(true=t, predicted=p, label=names[t], taken_for=names[p], images=count)
        for (t, p), count in wrong[:_CELLS]
    ]
    ids = found.images_of(ask.true, ask.predicted)[:_SHOWN]
    return Confused(
        images=found.images,
        top1=found.top1,
        top5=found.top5,
        unmatched=found.unmatched,
        cells=tuple(cells),
        shown=tuple(workspace.pictures.open(scan.source, ids)) if ids else (),
    )


def contiguous(ends: NDArray[Any], counts: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges (n + 1,) and counts (n,) of bins (m, 2) that are not empty, with an empty one in each gap between two."""
    edges, filled = [*ends[:1, 0]], list[float]()
    for (low, high), count in zip(ends.tolist(), counts.tolist(), strict=True):
        if low > edges[-1]:
            edges.append(low)
            filled.append(0)
        edges.append(high)
        filled.append(count)
    return np.array(edges or [0.0], np.float64), np.array(filled, np.float64)


def _scan_of(workspace: Workspace, ask: OfNetwork) -> Scan:
    """The scan at hand, if it is of this network."""
    if workspace.scan is None:
        raise BadScan("There must be a scan, and there is none. Scan the images at hand, or start with --scan.")
    workspace.scan.check(workspace.network(ask.network))
    return workspace.scan


def _rows(scan: Scan, layer: str) -> dict[str, NDArray[Any]]:
    """The columns of `units` for one layer; missing numbers are NaN."""
    scan.statistics(Unit(layer, 0))  # raises where the layer was not scanned
    table, name = scan.table("units"), scan.ledger.same.get(layer, layer)
    own = table.filter(pa.compute.equal(table["layer"].cast(pa.string()), name))
    named = ("max", "mean", "rate", "selectivity", "lifetime_sparseness")
    return {name: own[name].to_numpy(zero_copy_only=False) for name in named if name in own.schema.names}
