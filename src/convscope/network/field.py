"""Receptive fields: which part of the input a neuron can see, exactly, on the executed graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .execution import unwrap
from .graph import INPUT, executed
from .reach import Ints, reaches

if TYPE_CHECKING:
    from .network import Network

Boxes: TypeAlias = Ints


def receptive_boxes(net: Network, layer: str, positions: Ints) -> Boxes:
    """Top, left, bottom and right (exclusive) of what neurons at `positions` (n, 2), y and x, can see, (n, 4).

    Cut off at the edges of the input. Behind an operation that looks at everything it is the whole input. Raises
    CannotExport where the graph cannot be found.
    """
    graph = executed(net, layer)
    tensors = graph.weights(unwrap(net.module))
    height, width = net.preprocessing.size
    seen: dict[str, tuple[Ints, Ints] | None] = {graph.outputs[layer]: (positions, positions)}
    for call in reversed(graph.calls):
        if call.name not in seen:
            continue
        window, found = seen.pop(call.name), reaches(call, graph, tensors)
        for name in set(call.refs) - set(tensors):
            before = None
            if window is not None and found is not None:
                ends = [reach.sees(window[0][:, i], window[1][:, i]) for i, reach in enumerate(found)]
                before = np.stack([ends[0][0], ends[1][0]], 1), np.stack([ends[0][1], ends[1][1]], 1)
            seen[name] = before if name not in seen else _union(seen[name], before)
    window = seen.get(INPUT)
    if window is None:
        return np.tile(np.array([0, 0, height, width], np.int64), (len(positions), 1))
    low = np.clip(window[0], 0, None)
    return np.concatenate([low, np.minimum(window[1] + 1, [height, width])], 1)


def _union(one: tuple[Ints, Ints] | None, other: tuple[Ints, Ints] | None) -> tuple[Ints, Ints] | None:
    if one is None or other is None:
        return None
    return np.minimum(one[0], other[0]), np.maximum(one[1], other[1])
