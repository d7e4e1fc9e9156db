"""The maps of many layers for one image, by one forward: each layer's channels as the tiles of one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ...base.pixels import Floats
from ..answers.activations import classes_of, has_scores, layer_activations
from ..workspace.frame import encode
from ..workspace.messages import Look
from ..workspace.space_messages import AskSpaceTiles, PlaneTiles, SpaceTiles
from .layout import columns_and_rows

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace


def space_tiles(workspace: Workspace, ask: AskSpaceTiles) -> bytes:
    """A SpaceTiles frame; raises UnknownLayer, BadImage, and ForwardFailed."""
    net = workspace.network(ask.network)
    layers = [net.layer(layer) for layer in ask.layers]
    told = has_scores(net)
    sight = Look(network=ask.network, layer=layers[0], image=ask.image, hidden=ask.hidden)
    values = layer_activations(workspace, sight, list(dict.fromkeys([*layers, *(["logits"] if told else [])])))
    planes, pictures, start = list[PlaneTiles](), list[NDArray[np.uint8]](), 0
    for layer in layers:
        plane, picture = _plane(layer, values[layer], ask, start)
        planes.append(plane)
        pictures.append(picture.reshape(-1))
        start += picture.size
    classes = classes_of(net, values["logits"]) if told else ()
    return encode(
        SpaceTiles(image=ask.image, planes=tuple(planes), classes=classes), {"pixels": np.concatenate(pictures)}
    )


def _plane(layer: str, values: Floats, ask: AskSpaceTiles, start: int) -> tuple[PlaneTiles, NDArray[np.uint8]]:
    maps = values if values.ndim == 3 else values[:, None, None]
    columns, rows = columns_and_rows(values.shape)
    side = max(1, min(ask.side, ask.most // max(columns, rows)))
    small = _pooled(maps, side)
    ends = _ends(float(maps.min()), float(maps.max()))
    picture = _arranged(_as_bytes(small, *ends), columns, rows)
    height, width = small.shape[1:]
    plane = PlaneTiles(
        layer=layer, start=start, width=width, height=height, columns=columns, rows=rows, low=ends[0], high=ends[1]
    )
    return plane, picture


def _pooled(maps: Floats, side: int) -> Floats:
    """Maps whose longest side is at most `side`, by their mean."""
    longest = max(maps.shape[1:])
    if longest <= side:
        return maps
    height, width = (max(1, round(n * side / longest)) for n in maps.shape[1:])
    found: Floats = functional.adaptive_avg_pool2d(torch.from_numpy(maps), (height, width)).numpy()
    return found


def _ends(low: float, high: float) -> tuple[float, float]:
    """From zero where nothing is negative, else symmetric about zero; never of no width."""
    end = max(abs(low), abs(high)) or 1.0
    return (-end, end) if low < 0 else (0.0, end)


def _as_bytes(maps: Floats, low: float, high: float) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = np.rint((maps - np.float32(low)) * np.float32(255 / (high - low))).astype(np.uint8)
    return found


def _arranged(maps: NDArray[np.uint8], columns: int, rows: int) -> NDArray[np.uint8]:
    """Tiles side by side as one picture, (rows · h, columns · w)."""
    units, height, width = maps.shape
    whole = np.zeros((rows * columns, height, width), np.uint8)
    whole[:units] = maps
    return whole.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
