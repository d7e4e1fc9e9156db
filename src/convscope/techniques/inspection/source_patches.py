"""What drives units in images that were not scanned: where a unit is at its peak is looked for once more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...base.pixels import Floats, Ints
from ...base.unit import Unit
from ...contract.silence import SILENT
from ...network.batch_size import chunks, fitting_batch_size
from ...network.network import Network
from ...results.patches import Patches
from ...scan.codes.result import Codes
from .crops import cut
from .peaks import Peaks, Photos, photos_of


def source_patches(net: Network, codes: Codes, layer: str, channels: Sequence[int], most: int) -> Patches:
    """The parts of images that drive channels of a layer most, `most` of each, by `codes` that are peaks of maps.

    An image in which a channel does not fire is none of its own. Raises BadScan where images have changed.
    """
    values, photos = codes.of(layer), photos_of(codes.source)
    floor = SILENT * float(np.abs(values).max(initial=0))
    order = [np.argsort(-values[:, channel], kind="stable")[:most] for channel in channels]
    rows = [own[values[own, channel] > floor] for own, channel in zip(order, channels, strict=True)]
    of = np.repeat(np.array(channels, np.int64), [len(own) for own in rows])
    images = np.concatenate([np.zeros(0, np.int64), *rows])
    ids = tuple(codes.ids[row] for row in images)
    peaks = Peaks(of, ids, values[images, of], _places(net, layer, of, ids, photos))
    made = cut(net, photos, Unit(layer), peaks, "effective", "none", False)
    classes = {id: label for id, label in zip(codes.ids, codes.labels, strict=True) if label is not None}
    return made.patches(net.name, Unit(layer), channels, peaks, {"images": len(codes)}, classes)


def _places(net: Network, layer: str, channels: Ints, ids: Sequence[str], photos: Photos) -> Ints:
    """Where the map of each channel is largest in its own image, y and x, (n, 2); of equal places the first."""
    found = np.full((len(ids), 2), -1, np.int64)
    if len(net.layers[layer].shape) == 1:
        return found
    for run in chunks(len(ids), fitting_batch_size(net, layer)):
        x = torch.cat([net.prepare(photos.opened(ids[i])) for i in run])
        maps = _maps(net, layer, x)[np.arange(len(run)), channels[run]]
        found[run] = np.stack(np.unravel_index(maps.reshape(len(run), -1).argmax(1), maps.shape[1:]), 1)
    return found


def _maps(net: Network, layer: str, x: Tensor) -> Floats:
    with torch.inference_mode(False), torch.no_grad():
        maps: Floats = net.read(x, layer)[layer].float().cpu().numpy()
    return maps
