"""How units respond to pictures: the numbers a scan keeps of an image, read for a few pictures at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...network.batch_size import chunks, fitting_batch_size
from ...network.isolation.parts import unwrap
from ...network.layers import taps
from ...network.layers.layers import Layer
from ...network.network import Network


@dataclass(frozen=True, eq=False)
class Responses:
    """Of N pictures, by layer: `values` (N, units), and how far maps are from the first picture's, `apart` (N,).

    A unit's response is its largest activation, at least 0, and in a layer without places its activation, whatever its
    sign. `apart` is the L2 distance of all activations of the layer, over the norm of the first picture's.
    """

    values: dict[str, NDArray[np.float64]]
    apart: dict[str, NDArray[np.float64]]
    passes: int


def responses(net: Network, seen: NDArray[np.uint8], layers: Sequence[Layer]) -> Responses:
    """Read the responses of the units of layers to what a network sees, (N, H, W, 3)."""
    table, calls = {layer.name: layer for layer in layers}, {layer.name: layer.calls for layer in layers}
    size = fitting_batch_size(net, layers[-1].name)
    first: dict[str, Tensor] = {}
    values: dict[str, list[Tensor]] = {name: [] for name in table}
    apart: dict[str, list[Tensor]] = {name: [] for name in table}

    def see(name: str, tensor: Tensor, _last: bool) -> None:
        maps = table[name].arranged(tensor)
        maps = maps if maps.itemsize > 2 else maps.float()
        start = first.setdefault(name, maps[:1].clone())
        values[name].append(response(maps).double().cpu())
        apart[name].append(((maps - start).flatten(1).norm(dim=1) / start.norm()).double().cpu())

    with torch.no_grad():
        for run in chunks(len(seen), size):
            x = torch.cat([net.feed(one) for one in seen[run.start : run.stop]])
            taps.visit(unwrap(net.module), x, calls, see, net.output)
    joined = [{name: torch.cat(parts).numpy() for name, parts in found.items()} for found in (values, apart)]
    return Responses(joined[0], {name: np.nan_to_num(far) for name, far in joined[1].items()}, len(seen))


def response(maps: Tensor) -> Tensor:
    """The response of each unit, (N, C), to pictures of which these are the maps, (N, C, H, W) or (N, C)."""
    return maps.flatten(2).amax(2).clamp(min=0) if has_places(maps.shape[1:]) else maps.flatten(1)


def has_places(shape: Sequence[int]) -> bool:
    """Whether a layer of this shape, (C, H, W) or (C,), has more than one place."""
    return int(np.prod(shape[1:])) > 1
