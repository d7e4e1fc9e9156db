"""How many images one pass takes: bounded memory on any network and machine."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from ..base.errors import ForwardFailed
from .isolation.running import device_of, dtype_of

if TYPE_CHECKING:
    from .network import Network

_SHARE, _MOST = 1 / 32, 512 << 20  # of the machine's memory, and bytes of activations in any case
_ENOUGH = 16  # images; more do not run faster on a CPU and leave its caches


def fitting_batch_size(net: Network, layer: str, wanted: int | Literal["auto"] = "auto", backward: bool = False) -> int:
    """How many images fit into one pass up to a layer: `wanted`, or what the machine's memory holds.

    A backward pass keeps the activations of all layers, a forward pass a few of them at a time. Of a module that mixes
    the images of a batch it is one, whatever is wanted.
    """
    if mixes(net, layer):
        return 1
    if wanted != "auto":
        return wanted
    names = list(net.layers.including(layer))
    sizes = [math.prod(net.layers[name].shape) for name in names[: names.index(layer) + 1]]
    image = (sum(sizes) if backward else 4 * max(sizes)) * dtype_of(net.module).itemsize
    return max(1, min(_ENOUGH, int(min(_memory(net) * _SHARE, _MOST) // image)))


def mixes(net: Network, layer: str) -> bool:
    """Whether an image's numbers at a layer depend on the others in its batch, or a batch cannot be run at all.

    Found once by two pictures of noise, together and alone.
    """
    known = net.mixing
    if layer not in known:
        known[layer] = _mixes(net, layer)
    return known[layer]


def _mixes(net: Network, layer: str) -> bool:
    noise = np.random.default_rng(1).integers(0, 256, (2, *net.preprocessing.size, 3), dtype=np.uint8)
    one, other = map(net.feed, noise)
    with torch.no_grad():
        alone = torch.cat([net.read(x, layer)[layer] for x in (one, other)])
        try:
            together = net.read(torch.cat([one, other]), layer)[layer]
        except (ForwardFailed, RuntimeError):
            return True
    if together.shape != alone.shape:
        return True
    apart, most = (together - alone).abs().max(), alone.abs().max()
    tolerance = max(_SAME.get(dtype, 1e-2) for dtype in (alone.dtype, dtype_of(net.module)))
    return not bool(apart <= tolerance * most) and bool(most.isfinite())


_SAME = {torch.float64: 1e-9, torch.float32: 1e-4}  # of the largest value: more than roundings make


def chunks(count: int, size: int) -> list[range]:
    """The numbers below `count` in runs of `size`."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _memory(net: Network) -> int:
    """Bytes of memory, all of it and not what is free now: the same request must run the same way again."""
    device = device_of(net.module)
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not POSIX
        return 8 << 30
