"""What drives a unit: the parts of images it answers most, cut out of the images of a finished scan.

Which entries there are is the scan's to say. Here each is cut to what its neuron looks at, and projected back.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ...base.errors import BadKnob, UnknownUnit
from ...base.pixels import Floats, Ints
from ...base.unit import Unit, UnitLike, parse
from ...contract.silence import SILENT
from ...contract.technique import technique
from ...network.network import Network
from ...results.patches import Patches
from ...scan.result import Hit, Scan
from ...scan.subject import ScanSubject
from ..common_knobs import Smooth
from .crops import cut
from .peaks import Peaks, scanned_photos

_TOP, _EACH = 9, 4  # entries of a channel, and of each channel of a layer
Top = Annotated[int, Field(ge=1, le=100)] | Literal["auto"]
Sort = Literal["channel", "max", "selectivity"]


@technique(scan=ScanSubject())
def patches(
    net: Network,
    scan: Scan,
    unit: UnitLike,
    *,
    top: Annotated[
        Top, Field(description=f"entries of a channel; auto: {_TOP}, or {_EACH} of each channel of a layer")
    ] = "auto",
    field: Annotated[
        Literal["effective", "theoretical"],
        Field(description="what to cut out: what holds 95 % of the gradient at these entries, or all a neuron can see"),
    ] = "effective",
    projection: Annotated[
        Literal["guided", "deconvnet", "plain", "none"],
        Field(description="how a channel's neurons are projected back beside their crops; those of a layer never are"),
    ] = "guided",
    channels: Annotated[int, Field(ge=1, le=4096, description="channels of a layer to show, the first in order")] = 64,
    sort: Annotated[Sort, Field(description="order of these channels; all but channel: largest first")] = "channel",
    smooth: Smooth = False,
) -> Patches:
    """Show the parts of images that drive a unit most, or each unit of a layer.

    Zeiler and Fergus 2013, "Visualizing and understanding convolutional networks"; Yosinski et al. 2015. `scan` is a
    finished scan, or its folder. Crops are pixels of the source images: the network's resize and crop are undone, and
    what they cut off is not shown; a class score sees all that is left. Raises BadScan for a scan of another network,
    and where its images are not at hand or not the same; UnknownLayer for a layer that was not scanned.
    """
    asked = _scanned(net, scan, net.unit(parse(unit, net.labels)))
    if asked.channel is None:
        shown = _order(scan, asked.layer, net.layers[asked.layer].units, sort)[:channels]
        projection = "none"
    else:
        shown = [asked.channel]
    most = top if top != "auto" else _EACH if asked.channel is None else _TOP
    entries = [(channel, hit) for channel in shown for hit in scan.top(Unit(asked.layer, channel), most)]
    peaks = _peaks(entries)
    made = cut(net, scanned_photos(scan), asked, peaks, field, projection, smooth)
    evidence = _evidence(net, scan, asked, shown, peaks, most)
    return made.patches(net.name, asked, shown, peaks, evidence, scan.labels)


def _peaks(entries: list[tuple[int, Hit]]) -> Peaks:
    """Entries of a scan, each with its channel."""
    hits = [hit for _, hit in entries]
    return Peaks(
        np.array([channel for channel, _ in entries], np.int64),
        tuple(hit.image for hit in hits),
        np.array([hit.value for hit in hits], np.float32),
        np.array([(hit.y, hit.x) for hit in hits], np.int64).reshape(-1, 2),
    )


def _scanned(net: Network, scan: Scan, unit: Unit) -> Unit:
    """The unit; raises BadScan where the scan is not of this network, UnknownUnit for a probability."""
    scan.check(net)
    if unit.layer == "probs":
        raise UnknownUnit(
            f"unit must be a class score, not the probability {unit}: a scan has no others. Use logits:{unit.channel}."
        )
    if unit.position is not None:
        raise UnknownUnit(f"unit must be a channel or a layer, not the neuron {unit}. Use {unit.layer}:{unit.channel}.")
    scan.top(Unit(unit.layer, unit.channel or 0), 1)  # raises where it was not scanned
    return unit


def _order(scan: Scan, layer: str, units: int, sort: Sort) -> list[int]:
    """The channels of a layer in order; those without a number last."""
    if sort == "channel":
        return list(range(units))
    rows = [scan.statistics(Unit(layer, channel)) for channel in range(units)]
    if sort not in rows[0]:
        raise BadKnob(
            f"sort must be channel or max for this scan, not {sort!r}: its images have no classes. Scan with labels."
        )
    keys = np.array([-np.inf if row[sort] is None else row[sort] for row in rows])
    order: list[int] = np.argsort(-keys, kind="stable").tolist()
    return order


def _evidence(net: Network, scan: Scan, unit: Unit, shown: list[int], peaks: Peaks, most: int) -> dict[str, Any]:
    """Which entries there are, out of how many images, and why there are no more."""
    label = {"label": net.label(unit.channel or 0)} if unit.is_class else {}
    wanted, few = most * len(shown), min(most, scan.ledger.knobs["top"])
    told: dict[str, Any] = {**label, **scan.evidence, "entries": len(peaks.images), "asked": wanted}
    if unit.channel is None:
        told["channels"] = [len(shown), net.layers[unit.layer].units]
    quiet = sorted({*shown} - {*peaks.channels.tolist()})
    dead = {*quiet} & {*scan.dead(unit.layer)}  # a channel that is constant has no entries either
    why = f": nothing was above {SILENT:g} of the layer's largest"
    for name, some, what in (("silent", dead, "never fired"), ("constant", {*quiet} - dead, "had one value only")):
        who = f"{unit}" if unit.channel is not None else f"{len(some)} of {len(shown)} channels shown"
        if some:
            told[name] = f"{who} {what} in {scan.evidence['images']} images{why if name == 'silent' else ''}"
    if len(peaks.images) < most * (len(shown) - len(quiet)):
        why = f"the scan holds {few} of a unit" if few < most else "no other image made it fire"
        told["kept"] = f"{len(peaks.images)} of {wanted} entries: {why}"
    return told | _tied(unit, peaks.channels, peaks.values)


def _tied(unit: Unit, of: Ints, values: Floats) -> dict[str, str]:
    """What to say of channels whose entries are all equal: others may be so too, and the first images were taken."""
    several = [values[of == channel] for channel in np.unique(of) if (of == channel).sum() > 1]
    tied = sum(np.ptp(own) == 0 for own in several)
    why = "constant, or at a rectifier's ceiling, so which images they are says little"
    if not tied:
        return {}
    channels = "" if unit.channel is not None else f"of {tied} of {len(several)} channels, "
    return {"tied": f"{channels}all entries are equal: {why}"}
