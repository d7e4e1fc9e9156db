"""How strongly what comes after a layer weighs its channels: those of weight zero are computed for nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..base.errors import CannotExport
from ..network.isolation.parts import unwrap
from .trace import Call, Graph, Ref, executed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..network.network import Network

Gain: TypeAlias = NDArray[np.float64]

_KEEPING = {  # operations that leave each channel where it is, and by itself
    "relu", "relu6", "leaky_relu", "hardtanh", "clamp", "clamp_min", "silu", "gelu", "elu", "mish", "hardswish",
    "hardsigmoid", "sigmoid", "tanh", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d",
    "add", "mul", "pad", "batch_norm", "mean", "upsample_nearest2d", "upsample_bilinear2d",
}  # fmt: skip
_FLATTENING = {"flatten", "view", "reshape", "_unsafe_view"}
_PLACES = {2, 3, -1, -2}


def outgoing_weights(net: Network, layer: str) -> Gain | None:
    """The sum of magnitudes of all weights that read each channel of a layer, (units,), float64.

    It is followed through rectifiers, norms (times their own weights), pools, sums and products, up to convolutions and
    linear layers. None where the channels reach the output, or anything else that is not known to keep them apart.
    """
    try:
        graph = executed(net, layer, "logits")
    except CannotExport:
        return None
    return _followed(graph, graph.weights(unwrap(net.module)), graph.outputs[layer], net.layers[layer].units)


def _followed(graph: Graph, tensors: Mapping[str, Tensor], value: str, units: int) -> Gain | None:
    """From one call to the next: `carried` says of each value how much of the channels it holds."""
    carried, found = {value: np.ones(units)}, np.zeros(units)
    for call in graph.calls:
        gains = [carried[name] for name in call.refs if name in carried]
        if not gains:
            continue
        read = _read(call, tensors, carried, units)
        if read is not None:
            found += read
        elif not _keeps(call, graph, units):
            return None
        else:
            carried[call.name] = sum(gains) * _scale(call, tensors)
    return None if graph.outputs["logits"] in carried else found


def _read(call: Call, tensors: Mapping[str, Tensor], carried: Mapping[str, Gain], units: int) -> Gain | None:
    """What a convolution or linear layer reads of each channel; None of any other call."""
    if call.kind not in ("conv2d", "linear"):
        return None
    given, weight = call.args[:2]
    if given.name not in carried or not isinstance(weight, Ref) or weight.name not in tensors:
        return None
    size = tensors[weight.name].detach().double().abs().cpu().numpy()
    if call.kind == "linear":
        read = size.sum(0).reshape(units, -1).sum(1) if size.shape[1] % units == 0 else None
    else:
        groups = call.named["groups"]
        read = size.reshape(groups, -1, *size.shape[1:]).sum((1, 3, 4)).reshape(-1)
    return None if read is None else np.asarray(carried[given.name] * read)


def _keeps(call: Call, graph: Graph, units: int) -> bool:
    shape, shapes = graph.shapes.get(call.name, ()), [graph.shapes.get(name, ()) for name in call.refs]
    whole = max((one for one in shapes if one), key=len, default=())
    if call.kind in _FLATTENING:
        return math.prod(shape) == math.prod(whole) and (len(shape) == 1 or shape[:1] == whole[:1])
    if call.kind == "mean" and not (len(whole) == 3 and {*np.atleast_1d(call.named["dim"]).tolist()} <= _PLACES):
        return False
    if call.kind == "batch_norm" and shape[:1] != (units,):
        return False
    return call.kind in _KEEPING and shape[:1] == whole[:1] and shape[0] % units == 0


def _scale(call: Call, tensors: Mapping[str, Tensor]) -> Any:
    """What a norm multiplies each channel by."""
    weight = call.args[1] if call.kind == "batch_norm" else None
    return tensors[weight.name].detach().double().abs().cpu().numpy() if isinstance(weight, Ref) else 1.0
