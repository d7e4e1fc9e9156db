"""Entries of a scan to crops: what each neuron looks at, and the same part of the source image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.errors import BadImage, BadScan, BadSource, CannotExport
from ...base.image import Image
from ...base.pixels import Floats, Ints
from ...base.progress import report_progress
from ...base.unit import Unit
from ...graph.effective_field import effective_at, effective_box
from ...graph.neuron_windows import layer_field
from ...network.network import Network
from ...network.preprocessing import Preprocessing
from ...scan.result import Hit, Scan
from .neuron_batch import Neurons, Rule

Opener: TypeAlias = Callable[[str], Image]

_SAMPLE = 16  # entries of a layer at which its effective field is measured, and images that are held open
_EQUAL = 1e-3  # how far an activation may be from the scan's, of the largest: batches and machines round differently


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops of n entries, and how they were found; see `base.patches.Patches`."""

    positions: Ints
    windows: Ints
    boxes: Ints
    crops: tuple[NDArray[np.uint8], ...]
    projections: tuple[Floats, ...]
    evidence: dict[str, Any]


def cut(
    net: Network,
    scan: Scan,
    unit: Unit,
    channels: Ints,
    hits: Sequence[Hit],
    field: Literal["effective", "theoretical"],
    rule: Rule | Literal["none"],
    smooth: bool,
) -> Crops:
    """Crop the images of a scan to what the neurons at its entries look at; `unit` is their channel, or their layer.

    Raises BadScan where an image is not at hand, or is not what was scanned.
    """
    opened = lru_cache(_SAMPLE)(_opener(scan))
    flat = len(net.layers[unit.layer].shape) == 1
    places = np.array([(-1, -1) if flat else (hit.y, hit.x) for hit in hits], np.int64).reshape(-1, 2)
    neurons = Neurons(net, unit.layer, channels, places)
    if not hits:
        none = np.zeros((0, 4), np.int64)
        return Crops(places, none, none, (), (), {})
    looked = np.arange(len(hits)) if unit.channel is not None else _spread(len(hits), _SAMPLE)
    x = torch.cat([net.prepare(opened(hits[i].image)) for i in looked])
    _check(scan, [hits[i] for i in looked], neurons.part(looked), x)
    windows, evidence = _whole(neurons) if flat else _windows(unit, neurons, looked, x, field)
    evidence["recomputed"] = len(looked)
    projections: tuple[Floats, ...] = ()
    if rule != "none":
        values, more = neurons.project(x, rule, smooth)
        projections = tuple(one[:, t:b, left:r] for one, (t, left, b, r) in zip(values, windows.tolist(), strict=True))
        evidence |= more
    boxes, crops = _cropped(net.preprocessing, hits, windows, opened, {hits[i].image for i in looked})
    return Crops(places, windows, boxes, crops, projections, evidence)


def in_source(
    preprocessing: Preprocessing, size: tuple[int, int], window: Sequence[int], view: bool = False
) -> list[int]:
    """A window of the network's input as whole pixels of an image of `size`, cut off at its edges.

    Top, left, bottom, right. It holds every pixel that is under the window, even in part; that resizing mixes a little
    of the neighbors in is left out. Nothing stays nothing.
    """
    top, left, bottom, right = window
    if top >= bottom or left >= right:
        return [0, 0, 0, 0]
    ends = preprocessing.to_source(size, (left, top, right, bottom), view)
    low = np.floor(np.array([ends[1], ends[0]]) + 1e-6).clip(0, np.array(size) - 1)
    high = np.ceil(np.array([ends[3], ends[2]]) - 1e-6).clip(1, size)
    return [int(end) for end in (*low, *high)]


def _opener(scan: Scan) -> Opener:
    """What opens an image of a scan; raises BadScan where it is gone."""

    def opened(id: str) -> Image:
        try:
            return scan.source.open(id)
        except (BadSource, BadImage) as error:
            raise BadScan(
                f"{error} If the images of this scan moved, say where they are: {_elsewhere(scan)}."
            ) from error

    return opened


def _elsewhere(scan: Scan) -> str:
    return f"open_scan({str(scan.folder or '…')!r}, source=…)"


def _spread(count: int, most: int) -> Ints:
    """Up to `most` of the numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def _check(scan: Scan, hits: Sequence[Hit], neurons: Neurons, x: Tensor) -> None:
    """Raise BadScan where a neuron no longer gives what the scan says of the same image."""
    stored, found = np.array([hit.value for hit in hits]), neurons.activations(x)
    far = np.abs(found - stored)
    worst = int(far.argmax())
    if not far[worst] <= _EQUAL * stored.max():
        raise BadScan(
            f"{hits[worst].image} must give {stored[worst]:.5g}, as it did in the scan, not {found[worst]:.5g}: it is "
            f"another image now. Give the images that were scanned: {_elsewhere(scan)}, or scan again."
        )


def _whole(neurons: Neurons) -> tuple[Ints, dict[str, Any]]:
    """The windows of units that have no place: all the network sees."""
    size = neurons.net.preprocessing.size
    return np.tile(np.array([0, 0, *size], np.int64), (len(neurons), 1)), {"field": "whole", "size": list(size)}


def _windows(
    unit: Unit, neurons: Neurons, looked: Ints, x: Tensor, field: Literal["effective", "theoretical"]
) -> tuple[Ints, dict[str, Any]]:
    """What each neuron looks at, in pixels of the network's input, and how that was found."""
    windows, told = _theoretical(neurons)
    told["size"] = (windows[:, 2:] - windows[:, :2]).max(0).tolist()
    if field == "theoretical":
        return windows, told
    net, at, layer = neurons.net, neurons.positions[looked], Unit(unit.layer)
    box = effective_box(net, unit, x, at) or (unit != layer and effective_box(net, layer, x, at))
    if not box:
        return windows, told | {"vanished": "no gradient at these entries, so crops are all that the neurons can see"}
    inner = effective_at(net, layer, box, neurons.positions)
    low = np.maximum(windows[:, :2], inner[:, :2])  # gates, which see everything, are left out
    windows = np.concatenate([low, np.maximum(low, np.minimum(windows[:, 2:], inner[:, 2:]))], 1)
    size = np.minimum([box[2] - box[0], box[3] - box[1]], net.preprocessing.size).tolist()
    return windows, told | {"field": "effective", "size": size}


def _theoretical(neurons: Neurons) -> tuple[Ints, dict[str, Any]]:
    try:
        field = layer_field(neurons.net, neurons.layer)
    except CannotExport:  # a crop that is too large misleads nobody
        return _whole(neurons)[0], {"field": "theoretical", "status": "upper bound"}
    return field.boxes(neurons.positions), {"field": "theoretical", "status": field.status}


def _cropped(
    preprocessing: Preprocessing, hits: Sequence[Hit], windows: Ints, opened: Opener, first: set[str]
) -> tuple[Ints, tuple[NDArray[np.uint8], ...]]:
    """Boxes in source pixels and crops; image by image, those in `first` before others, so that each is opened once."""
    boxes, crops = np.zeros_like(windows), [np.zeros((0, 0, 3), np.uint8)] * len(hits)
    order = sorted(range(len(hits)), key=lambda i: (hits[i].image not in first, hits[i].image))
    for step, i in enumerate(order, 1):
        image = opened(hits[i].image)
        boxes[i] = top, left, bottom, right = in_source(preprocessing, image.size, windows[i].tolist(), image.view)
        crops[i] = image.pixels[top:bottom, left:right].copy()
        report_progress(step, len(order))
    return boxes, tuple(crops)
