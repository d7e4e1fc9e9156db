"""What an earlier layer gives to a unit by the weights alone, for no image."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...attribution_graph.expanded_weights import Expanded, expanded
from ...attribution_graph.layer_operations import LayerOperations
from ...base.errors import UnknownLayer
from ...base.unit import Unit, UnitLike
from ...contract.technique import technique
from ...network.isolation.frozen import frozen
from ...network.isolation.parts import unwrap
from ...network.network import Network
from ...results.connections import ExpandedWeights
from ..attribution.target import remarks
from ..unit_choice import computed_unit


@technique
def expanded_weights(net: Network, unit: UnitLike, layer: UnitLike) -> ExpandedWeights:
    """Show what an earlier layer gives to a unit by the weights alone: those of all linear parts between, multiplied.

    Voss et al. 2021, "Visualizing weights": the slope of the linearized network, for no image. Convolutions, linear
    layers, norms of fixed statistics, sums and mean pools are as they are, rectifiers are passed through, and the
    maximum of places is taken as their mean. `values` is (C, h, w), the window of `layer` on which the weights lie, or
    (C,) where it has no places. Without a place it is the neuron in the middle of the unit's map. Raises NoLinearPart
    for gates, attention, resized maps and norms of a picture's own statistics in between, UnknownLayer where `layer`
    does not lead to the unit, and CannotExport and UnknownUnit as `connections` does.
    """
    asked = _centered(net, computed_unit(net.unit(unit)))
    source = net.layer(layer)
    net.check_trained([asked.source])
    with torch.inference_mode(False), frozen(unwrap(net.module)):
        found = _found(net, asked, source)
    weights = net.arranged(source, found.weights)[0].double().numpy(force=True)
    window = _window(weights)
    rows, columns = (slice(*window[side::2]) for side in (0, 1))
    kept = weights[:, rows, columns] if weights.ndim == 3 else weights
    return ExpandedWeights(
        values=kept.astype(np.float32),
        unit=asked,
        network=net.name,
        evidence={**_told(found, weights, window), **remarks(net, asked)},
        layer=source,
        window=np.array(window, np.int64),
        side=tuple(weights.shape[1:]),
    )


def _centered(net: Network, unit: Unit) -> Unit:
    """The neuron in the middle of the unit's map, where none is named."""
    shape = net.layers[unit.source].shape
    if len(shape) < 3 or unit.position is not None:
        return unit
    return dataclasses.replace(unit, position=(shape[1] // 2, shape[2] // 2))


def _found(net: Network, unit: Unit, source: str) -> Expanded:
    way = LayerOperations.of(net, unit.source)
    x = net.feed(np.zeros((*net.preprocessing.size, 3), np.uint8)).to(way.dtype)

    def read(value: Tensor) -> Tensor:
        return net.pick(net.arranged(unit.source, value), unit).sum()

    found = expanded(way.operations, x, way.value_of(source), way.end, read)
    if found is None:
        raise UnknownLayer(f"layer must lead to {unit}, not {source}, on which it does not depend. Use one before it.")
    return found


def _window(weights: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of what is not zero."""
    if weights.ndim != 3:
        return 0, 0, 0, 0
    there = np.abs(weights).sum(0) > 0
    rows, columns = np.flatnonzero(there.sum(1)), np.flatnonzero(there.sum(0))
    if not len(rows):
        return 0, 0, *weights.shape[1:]
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _told(found: Expanded, weights: NDArray[np.float64], window: tuple[int, int, int, int]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "rectifiers_passed": sum(found.passed.values()),
        "maxima_as_means": sum(found.averaged.values()),
    }
    smooth = sorted(set(found.passed) - {"relu", "relu6", "hardtanh"})
    if smooth:
        told["as_identity"] = f"{', '.join(smooth)} are passed through as if they changed nothing"
    if not weights.any():
        told["silent"] = "no weight is other than zero, so the layer gives the unit nothing by weights alone"
    elif weights.ndim == 3:
        top, left, bottom, right = window
        height, width = weights.shape[1:]
        if top == 0 or left == 0 or bottom == height or right == width:
            told["border"] = "the window reaches the border of the map, beyond which there is padding"
    return told
