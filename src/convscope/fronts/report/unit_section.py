"""What drives units, a section of the report: sheets of a few layers of a scan, and single units with projections."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import cycle, islice

import numpy as np

from ...base.image import Image
from ...catalog.catalog import entry
from ...network.layer_choice import early_middle_late
from ...network.network import Network
from ...scan.result import Scan
from .figure import figure

_SHEET, _NAMED = 32, 12  # channels of a sheet, and dead units that are named


def what_drives_units(net: Network, images: Sequence[Image], scan: Scan) -> str:
    """The section; raises BadScan for a scan of another network, or one whose images are not at hand."""
    scan.check(net)  # of another network no layer may have the name of one here
    layers = early_middle_late(net, [name for name, _, _ in scan.ledger.layers])
    keys = {layers[0]: "early_patches", layers[-1]: "deep_patches"} if len(layers) > 1 else {}
    knobs = {"channels": _SHEET}
    sheets = [
        figure(net, "patches", scan, layer, caption=keys.get(layer, "middle_patches"), knobs=knobs) for layer in layers
    ]
    units = [figure(net, "patches", scan, unit) for unit in _strongest(net, images, layers, scan)]
    return f"<section><h2>What drives units</h2><p>{_dead(scan)}</p>{''.join(sheets + units)}</section>"


def _strongest(net: Network, images: Sequence[Image], layers: list[str], scan: Scan) -> list[str]:
    """Of each layer, late ones first, the channel that one of the images brings closest to the most it ever gave.

    Channels whose best entries are all alike are at the ceiling of their rectifier, and project to nothing.
    """
    units = []
    for image, layer in zip(cycle(images), reversed(layers), strict=False):
        peaks = entry("activations").function(net, image, layer).values.max((1, 2))
        most = np.array([scan.statistics(f"{layer}:{channel}")["max"] for channel in range(len(peaks))])
        order = np.argsort(-peaks / np.where(most > 0, most, np.inf), kind="stable")
        best = (f"{layer}:{channel}" for channel in order)
        units += list(islice((unit for unit in best if len({hit.value for hit in scan.top(unit, 2)}) > 1), 1))
    return units


def _dead(scan: Scan) -> str:
    """How many units of the scan never fired, and which."""
    layers, images = [name for name, _, _ in scan.ledger.layers], scan.evidence["images"]
    dead = [f"{layer}:{channel}" for layer in layers for channel in scan.dead(layer)]
    total = sum(shape[0] for _, _, shape in scan.ledger.layers)
    told = f"{len(dead)} of the {total:,} units in {len(layers)} scanned layers never fired in {images:,} images"
    names = ", ".join(f"<code>{html.escape(unit)}</code>" for unit in dead[:_NAMED])
    more = f" and {len(dead) - _NAMED} more" if len(dead) > _NAMED else ""
    return f"{told}{': ' if dead else ''}{names}{more}."
