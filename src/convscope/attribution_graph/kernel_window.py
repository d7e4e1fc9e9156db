"""What a convolution does at one place: the input map that gives most, its kernel, and how it moves over the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .boxes import BoxGraph
from .flows import Flows
from .operations import Operation


@dataclass(frozen=True, eq=False)
class KernelWindow:
    """Of the input channel that gives most: its `map` (h, w) and `kernel` (kh, kw), with what follows in the kernel.

    `stride`, `padding`, `dilation` are (along y, along x), `place` is that of the neuron; `name` and `number` say of
    which value it is a channel, by the number in it whose product is the largest.
    """

    map: NDArray[np.float64]
    kernel: NDArray[np.float64]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    place: tuple[int, int]
    name: str
    number: int


def kernel_window(boxes: BoxGraph, flows: Flows) -> KernelWindow | None:
    """Of the one neuron that `flows` are of; None where no convolution of the last box puts out one of its numbers."""
    for operation in boxes.root.operations:
        found = _window(flows, operation) if operation.kind == "conv2d" else None
        if found is not None:
            return found
    return None


def _window(flows: Flows, operation: Operation) -> KernelWindow | None:
    named, name = operation.named, operation.inputs[0]
    after, slope = flows.slopes.get(operation.name), flows.read.get((operation.name, name))
    if after is None or slope is None or slope.ndim != 4 or isinstance(named["padding"], str):
        return None
    at = torch.nonzero(after)
    if len(at) != 1 or not isinstance(named["weight"], Tensor):
        return None
    _, channel, y, x = at[0].tolist()
    products = (slope * flows.values[name])[0]
    strongest = int(products.sum((1, 2)).abs().argmax())
    kernel = named["weight"][channel, strongest % named["weight"].shape[1]].detach() * after[0, channel, y, x]
    largest = int(products[strongest].abs().argmax())
    return KernelWindow(
        map=flows.values[name][0, strongest].double().numpy(force=True),
        kernel=kernel.double().numpy(force=True),
        stride=_pair(named["stride"]),
        padding=_pair(named["padding"]),
        dilation=_pair(named["dilation"]),
        place=(y, x),
        name=name,
        number=strongest * products[strongest].numel() + largest,
    )


def _pair(value: Any) -> tuple[int, int]:
    """Along y and along x."""
    first, *rest = value if isinstance(value, list | tuple) else (value,)
    return int(first), int(rest[0] if rest else first)
