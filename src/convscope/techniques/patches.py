"""What drives a unit: the parts of images it answers most, cut out of the images of a finished scan.

Which entries there are is the scan's to say. Here each is cut to what its neuron looks at, and projected back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ..base.errors import BadKnob, BadScan, BadSource, CannotExport, UnknownUnit
from ..base.image import Image
from ..base.patches import Patches
from ..base.progress import report
from ..base.technique import technique_with
from ..base.unit import Unit, UnitLike
from ..network.effective import effective_at, effective_box
from ..network.field import layer_field
from ..network.network import Network
from ..network.preprocessing import Preprocessing
from ..scan.result import Hit, Scan, open_scan
from .backwards import Neurons, activations, projected
from .choices import Smooth

Ints: TypeAlias = NDArray[np.int64]
Opener: TypeAlias = Callable[[str], Image]

_OPEN = 16  # images held at once; as many entries of a layer are looked at for its effective field
_EQUAL = 1e-3  # how far an activation may be from the scan's, of the largest: batches and machines round differently


@technique_with(scan=open_scan)
def patches(
    net: Network,
    scan: Scan,
    unit: UnitLike,
    *,
    top: Annotated[
        Annotated[int, Field(ge=1, le=1000)] | Literal["auto"],
        Field(description="entries to show of a channel; auto: 9, and 4 of each channel of a layer"),
    ] = "auto",
    field: Annotated[
        Literal["effective", "theoretical"],
        Field(description="what to cut: what holds 95 % of the gradient over these entries, or all a neuron can see"),
    ] = "effective",
    projection: Annotated[
        Literal["guided", "deconvnet", "plain", "none"],
        Field(description="how each neuron is projected back beside its crop; none for a layer"),
    ] = "guided",
    channels: Annotated[int, Field(ge=1, le=4096, description="channels of a layer to show, the first in order")] = 64,
    sort: Annotated[
        Literal["channel", "max", "selectivity"],
        Field(description="order of a layer's channels; all but channel: largest first"),
    ] = "channel",
    smooth: Smooth = False,
) -> Patches:
    """Show the parts of images that drive a unit, or each unit of a layer, most.

    Zeiler and Fergus 2013, "Visualizing and understanding convolutional networks"; Yosinski et al. 2015, with the
    window of Luo et al. 2016. `scan` is a finished scan or its folder; crops are in pixels of the source images, resize
    and crop of the network undone. A class score sees all the network sees. Raises BadScan for a scan of another
    network, or where the images are not at hand or changed, and UnknownLayer for a layer that was not scanned.
    """
    asked = _checked(net, scan, net.unit(unit))
    count = top if top != "auto" else 9 if asked.channel is not None else 4
    shown = [asked.channel] if asked.channel is not None else _order(net, scan, asked.layer, sort)[:channels]
    found = [(channel, hit) for channel in shown for hit in scan.top(Unit(asked.layer, channel), count)]
    evidence = {**_label(net, asked), **scan.evidence, "entries": len(found), "asked": count * len(shown)}
    evidence |= _fewer(scan, asked, count, len(found))
    hits, of = [hit for _, hit in found], np.array([channel for channel, _ in found], np.int64)
    neurons = Neurons(net, asked, of, _positions(net, asked, hits))
    opened = lru_cache(_OPEN)(_opener(scan))
    windows, told = _windows(neurons, hits, field, opened)
    pieces, more = projected(neurons, _inputs(net, hits, opened), windows, _rule(asked, projection), smooth)
    boxes, crops = _crops(net, hits, windows, opened)
    return Patches(
        values=np.array([hit.value for hit in hits], np.float32), unit=asked, network=net.name,
        evidence={**evidence, **told, **more}, shown=np.array(shown, np.int64), channels=of,
        images=tuple(hit.image for hit in hits), positions=neurons.positions, boxes=boxes, windows=windows,
        crops=crops, projections=pieces,
    )  # fmt: skip
