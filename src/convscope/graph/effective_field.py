"""Effective receptive fields: how much of what a neuron can see does matter to it.

Luo, Li, Urtasun and Zemel 2016, "Understanding the effective receptive field in deep convolutional neural networks":
a fraction of the theoretical one, so that this is what to crop where the theoretical one is larger than the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..base.errors import CannotExport
from ..base.image import open_image
from ..base.pixels import Ints
from ..base.receptive_field import Box
from ..base.samples import samples
from ..base.unit import Unit
from ..network.backward.gradient import gradient, many_passes
from ..network.batch_size import chunks, fitting_batch_size
from .neuron_windows import boxes, neuron_windows

if TYPE_CHECKING:
    from ..network.network import Network

SHARE = 0.95  # of the mean gradient, held by the box


def measured(net: Network, unit: Unit, positions: Ints) -> Box | None:
    """The effective box of a unit's neuron at the one of `positions`, over the bundled photos."""
    x = torch.cat([net.prepare(open_image(sample.path)) for sample in samples().values()])
    offsets = effective_box(net, unit, x, np.repeat(positions, len(x), 0))
    if offsets is None:
        return None
    top, left, bottom, right = effective_at(net, unit, offsets, positions)[0].tolist()
    return top, left, bottom, right


def effective_box(net: Network, unit: Unit, x: Tensor, positions: Ints) -> Box | None:
    """The smallest box about the middle of a neuron's window that holds 95 % of the mean |∂a/∂x|.

    In prepared input n the unit's neuron at positions[n], y and x, is differentiated, or the sum over all channels
    there; the maps are laid over each other with the middles of their windows in one place. The box is relative to that
    middle; `effective_at` lays it where it is wanted. None where all gradients vanish.
    """
    middles, _ = _windows(net, unit, positions)
    mean = _aligned(_sensitivities(net, unit, x, positions), middles)
    return None if mean is None else _about_the_middle(*mean)


def effective_at(net: Network, unit: Unit, offsets: Box, positions: Ints) -> Ints:
    """The effective boxes of neurons at `positions` (n, 2): never more than what they can see, (n, 4)."""
    middles, seen = _windows(net, unit, positions)
    laid = np.tile(middles, 2) + np.array(offsets)
    low, high = np.maximum(laid[:, :2], seen[:, :2]), np.minimum(laid[:, 2:], seen[:, 2:])
    return np.concatenate([low, np.maximum(low, high)], 1)


def _windows(net: Network, unit: Unit, positions: Ints) -> tuple[Ints, Ints]:
    """The middle of each neuron's window, (n, 2), and its box, (n, 4).

    Where the window is everything, the middle is the neuron's place relative to its map.
    """
    row, size = net.layers[unit.source], np.array(net.preprocessing.size)
    places = np.array(row.shape[1:] or (1, 1))
    middles = (2 * positions + 1) * size // (2 * places)
    try:
        formal, local = neuron_windows(net, unit)
    except CannotExport:
        return middles, np.tile(np.array([0, 0, *size]), (len(positions), 1))
    for i, axis in enumerate(local):
        if not axis.trace.whole:
            middles[:, i] = axis.unclipped[positions[:, i]].sum(1) // 2
    rows, columns = (axis.seen[positions[:, i]] for i, axis in enumerate(formal))
    return middles, boxes(rows, columns)


def _sensitivities(net: Network, unit: Unit, x: Tensor, positions: Ints) -> NDArray[np.float64]:
    """|∂a/∂x| of each input's neuron, summed over color channels, (n, H, W)."""
    found = []
    with many_passes(net):
        for run in chunks(len(x), fitting_batch_size(net, unit.source, backward=True)):
            asked = torch.from_numpy(positions[run.start : run.stop]).to(x.device)

            def measure(leaf: Tensor, asked: Tensor = asked) -> Tensor:
                return _neurons(net, unit, leaf, asked)

            gradients = gradient(net, x[run.start : run.stop], unit, measure=measure).values
            found.append(gradients.abs().sum(1).double().numpy(force=True))
    return np.concatenate(found)


def _neurons(net: Network, unit: Unit, x: Tensor, positions: Tensor) -> Tensor:
    """The value, for each of N inputs, of the neuron at its position, or of all channels there."""
    read = net.read(x, unit.source)[unit.source]
    if read.ndim == 4:
        read = read[torch.arange(len(x), device=x.device), :, positions[:, 0], positions[:, 1]]
    return net.pick(read, Unit(unit.layer, unit.channel))


def _aligned(maps: NDArray[np.float64], middles: Ints) -> tuple[NDArray[np.float64], Ints] | None:
    """The mean of maps with their middles laid over each other, and where the middle is; None if it is zero."""
    first, last = middles.min(0), middles.max(0)
    height, width = maps.shape[1:]
    mean = np.zeros((height + last[0] - first[0], width + last[1] - first[1]))
    for values, (y, x) in zip(maps, last - middles, strict=True):
        mean[y : y + height, x : x + width] += values / len(maps)
    return (mean, last) if mean.any() else None


def _about_the_middle(mean: NDArray[np.float64], middle: Ints) -> Box:
    """The smallest box, reaching equally far up and down and equally far left and right, that holds enough."""
    y, x = (abs(np.arange(size) - at) for size, at in zip(mean.shape, middle, strict=True))
    by_distance = np.zeros((y.max() + 1, x.max() + 1))
    np.add.at(by_distance, (y[:, None], x[None]), mean)
    held = by_distance.cumsum(0).cumsum(1)
    enough = held >= SHARE * held[-1, -1] * (1 - 1e-12)
    down, across = np.arange(held.shape[0])[:, None], np.arange(held.shape[1])[None]
    area = np.where(enough, (2 * down + 1) * (2 * across + 1), np.iinfo(np.int64).max)
    a, b = divmod(int(area.argmin()), area.shape[1])
    return -a, -b, a + 1, b + 1
