"""Peaks of units to crops: what each neuron looks at, and the same part of the source image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.errors import BadScan, CannotExport
from ...base.pixels import Floats, Ints
from ...base.progress import report_progress
from ...base.unit import Unit
from ...graph.effective_field import effective_at, effective_box
from ...graph.neuron_windows import layer_field
from ...network.network import Network
from ...network.preprocessing import Preprocessing
from ...results.patches import Patches
from .neuron_batch import Neurons, Rule
from .peaks import Opener, Peaks, Photos

Classes: TypeAlias = Mapping[str, str]

_SAMPLE = 16  # entries of a layer at which its effective field is measured, and images that are held open
_EQUAL = 1e-3  # how far an activation may be from the scan's, of the largest: batches and machines round differently


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops of n entries, and how they were found; see `results.patches.Patches`."""

    positions: Ints
    windows: Ints
    boxes: Ints
    crops: tuple[NDArray[np.uint8], ...]
    projections: tuple[Floats, ...]
    evidence: dict[str, Any]

    def patches(
        self,
        network: str,
        unit: Unit,
        shown: Sequence[int],
        peaks: Peaks,
        evidence: Mapping[str, Any],
        classes: Classes,
    ) -> Patches:
        """The result they make, of the channels that are shown, with what else there is to say."""
        return Patches(
            values=np.asarray(peaks.values, np.float32),
            unit=unit,
            network=network,
            evidence={**evidence, **self.evidence},
            shown=np.array(shown, np.int64),
            channels=peaks.channels,
            images=peaks.images,
            positions=self.positions,
            boxes=self.boxes,
            windows=self.windows,
            crops=self.crops,
            projections=self.projections,
            classes=tuple(classes.get(id, "") for id in peaks.images),
        )


def cut(
    net: Network,
    photos: Photos,
    unit: Unit,
    peaks: Peaks,
    field: Literal["effective", "theoretical"],
    rule: Rule | Literal["none"],
    smooth: bool,
) -> Crops:
    """Crop images to what the neurons at their peaks look at; `unit` is their channel, or their layer.

    Raises BadScan where an image is not at hand, or is not what was looked at.
    """
    opened = lru_cache(_SAMPLE)(photos.opened)
    flat, count = len(net.layers[unit.layer].shape) == 1, len(peaks.images)
    places = np.full((count, 2), -1, np.int64) if flat else peaks.places
    neurons = Neurons(net, unit.layer, peaks.channels, places)
    if not count:
        none = np.zeros((0, 4), np.int64)
        return Crops(places, none, none, (), (), {})
    looked = np.arange(count) if unit.channel is not None else _spread(count, _SAMPLE)
    x = torch.cat([net.prepare(opened(peaks.images[i])) for i in looked])
    _check(photos, peaks, looked, neurons, x)
    windows, evidence = _whole(neurons) if flat else _windows(unit, neurons, looked, x, field)
    evidence["recomputed"] = len(looked)
    projections: tuple[Floats, ...] = ()
    if rule != "none":
        values, more = neurons.project(x, rule, smooth)
        projections = tuple(one[:, t:b, left:r] for one, (t, left, b, r) in zip(values, windows.tolist(), strict=True))
        evidence |= more
    boxes, crops = _cropped(net.preprocessing, peaks.images, windows, opened, looked)
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


def _spread(count: int, most: int) -> Ints:
    """Up to `most` of the numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def _check(photos: Photos, peaks: Peaks, looked: Ints, neurons: Neurons, x: Tensor) -> None:
    """Raise BadScan where a neuron no longer gives what was found of the same image."""
    stored, found = peaks.values[looked].astype(np.float64), neurons.part(looked).activations(x)
    far = np.abs(found - stored)
    worst = int(far.argmax())
    if not far[worst] <= _EQUAL * stored.max():
        raise BadScan(
            f"{peaks.images[looked[worst]]} must give {stored[worst]:.5g}, as it did before, not {found[worst]:.5g}: "
            f"it is another image now. {photos.again}"
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
    preprocessing: Preprocessing, images: Sequence[str], windows: Ints, opened: Opener, looked: Ints
) -> tuple[Ints, tuple[NDArray[np.uint8], ...]]:
    """Boxes in source pixels and crops; image by image, those `looked` at first, so that each is opened once."""
    first = {images[i] for i in looked}
    boxes, crops = np.zeros_like(windows), [np.zeros((0, 0, 3), np.uint8)] * len(images)
    order = sorted(range(len(images)), key=lambda i: (images[i] not in first, images[i]))
    for step, i in enumerate(order, 1):
        image = opened(images[i])
        boxes[i] = top, left, bottom, right = in_source(preprocessing, image.size, windows[i].tolist(), image.view)
        crops[i] = image.pixels[top:bottom, left:right].copy()
        report_progress(step, len(order))
    return boxes, tuple(crops)
