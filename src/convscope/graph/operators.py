"""What each operation looks at in each of its inputs: a table from the operation's kind to a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from . import axis_map, channel_map, shape_operators, spatial_operators
from .dependency import BATCH, Dependency, Map, OperatorCall, Rule, Seen, unknown, whole_input
from .trace import INPUT, Graph


def dependencies(graph: Graph, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Map], dict[str, list[Dependency]]]:
    """Every value that depends on the image, and what the call that makes it looks at."""
    maps = {INPUT: Map((BATCH, *graph.shapes[INPUT]), (2, 3))}
    found: dict[str, list[Dependency]] = {}
    makers = {call.name: call for call in graph.calls}
    for call in graph.calls:
        scene = OperatorCall(call, graph, tensors, maps, makers)
        if scene.values and call.kind not in _CONSTANT:
            maps[call.name], found[call.name] = _RULES.get(call.kind, unknown)(scene)
    return maps, found


def _pointwise(scene: OperatorCall) -> Seen:
    inputs = [scene.maps[name] for name in scene.values]
    rank = max(len(source.shape) for source in inputs)
    if not rank:
        return unknown(scene, ())  # one number of the whole image, such as its mean
    batch = max(source.shape[0] for source in inputs if len(source.shape) == rank)
    shape = scene.shape(batch)
    y, x = ({source.places[i] for source in inputs} - {None} for i in (0, 1))
    if len(shape) != rank or len(y) > 1 or len(x) > 1:
        return unknown(scene, shape)
    made = Map(shape, (next(iter(y), None), next(iter(x), None)))
    return made, [_operand(scene, name, made) for name in scene.values]


def _operand(scene: OperatorCall, name: str, made: Map) -> Dependency:
    source = scene.maps[name]
    lost = [a for a, b in zip(made.places, source.places, strict=True) if a is not None and b is None]
    if len(source.shape) != len(made.shape) or any(source.shape[axis] > 1 for axis in lost):
        return whole_input(scene, name, guess=True)
    y, x = (
        axis_map.same_for_all(made.shape[axis]) if axis is not None and source.shape[axis] < made.shape[axis] else None
        for axis in source.places
    )
    scales = scene.call.kind in _SCALING and len(scene.values) > 1
    gate = scales and source.sizes == (1, 1) != made.sizes
    return Dependency(name, (y, x), channel_map.broadcast(source.shape, source.places), gate=gate)


def _blended(scene: OperatorCall, *dims: Sequence[int]) -> Seen:
    """Looks, in each input, at all along some axes; the other axes are those of the output."""
    shape, found = scene.shape(), []
    for name, along in zip(scene.values, dims, strict=True):
        source = scene.maps[name]
        if len(source.shape) != len(shape):
            return unknown(scene, shape)
        own = {dim % len(shape) for dim in along}
        y, x = (
            axis_map.everything(source.shape[axis], shape[axis]) if axis in own and axis is not None else None
            for axis in source.places
        )
        found.append(Dependency(name, (y, x), channel_map.reduced_over(own, source.places)))
    return Map(shape, scene.source.places), found


def _reduction(scene: OperatorCall) -> Seen:
    source, dims = scene.source, scene.args.get("dim")
    rank = len(source.shape)
    gone = {dim % rank for dim in (range(rank) if dims in (None, []) else np.atleast_1d(dims).tolist())}
    kept = bool(scene.args.get("keepdim"))
    shape = tuple(1 if d in gone else n for d, n in enumerate(source.shape) if kept or d not in gone)
    kept_places = tuple(
        axis if kept or axis is None else None if axis in gone else axis - sum(d < axis for d in gone)
        for axis in source.places
    )
    y, x = (
        axis_map.everything(source.shape[axis]) if axis in gone and axis is not None else None for axis in source.places
    )
    back = channel_map.same_channel if kept else channel_map.restored(gone)
    return Map(shape, (kept_places[0], kept_places[1])), [Dependency(scene.values[0], (y, x), back)]


def _normalizing(scene: OperatorCall) -> Seen:
    """Takes the statistics of what it is given: of whole maps, or of some last axes."""
    args, rank = scene.args, len(scene.source.shape)
    match scene.call.kind:
        case "layer_norm" | "rms_norm":
            return _blended(scene, range(rank - len(args["normalized_shape"]), rank))
        case "batch_norm" if args["training"]:
            return _blended(scene, (0, *range(2, rank)))
        case "instance_norm" if args["use_input_stats"]:
            return _blended(scene, range(2, rank))
        case "group_norm":
            return _blended(scene, range(1, rank))
    return _pointwise(scene)


def _last(scene: OperatorCall) -> Seen:
    """Linear layers and the like look along one axis."""
    return _blended(scene, [scene.args.get("dim", -1)]) if len(scene.values) == 1 else unknown(scene)


def _product(scene: OperatorCall) -> Seen:
    """Of matrices: rows of the first, columns of the second."""
    if len(scene.values) == 1 and scene.call.refs[0] == scene.values[0]:
        return _last(scene)
    batched = len({scene.maps[name].shape[:-2] for name in scene.values}) == 1
    return _blended(scene, [-1], [-2]) if len(scene.values) == 2 and batched else unknown(scene)


def _attention(scene: OperatorCall) -> Seen:
    asked = [scene.args[name].name for name in ("query", "key", "value")]
    batched = len({scene.maps[name].shape[:-2] for name in scene.values}) == 1
    return _blended(scene, [-1], [-2, -1], [-2]) if scene.values == asked and batched else unknown(scene)


_POINTWISE = {
    "abs", "add", "addcmul", "atan", "bitwise_not", "celu", "clamp", "clamp_max", "clamp_min", "clip", "cos", "div",
    "elu", "eq", "erf", "exp", "expand", "expand_as", "floor", "ge", "gelu", "gt", "hardsigmoid", "hardswish",
    "hardtanh", "le", "leaky_relu", "log", "log1p", "log_sigmoid", "logical_not", "lt", "masked_fill", "maximum",
    "minimum", "mish", "mul", "multiply", "ne", "neg", "pow", "prelu", "reciprocal", "relu", "relu6", "round",
    "rrelu", "rsqrt", "rsub", "selu", "sigmoid", "sign", "silu", "sin", "softplus", "softsign", "sqrt", "square",
    "sub", "tanh", "threshold", "to", "true_divide", "type_as", "where", "_to_copy",
}  # fmt: skip
_VIEWS = {"view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"}
_CONSTANT = {"sym_size", "new_ones", "new_zeros", "new_full", "new_empty", "zeros_like", "ones_like", "full_like"}
_SCALING = {"mul", "multiply", "div", "true_divide"}
_RULES: dict[str, Rule] = {
    **dict.fromkeys(_POINTWISE, _pointwise),
    **dict.fromkeys(["batch_norm", "layer_norm", "rms_norm", "instance_norm", "group_norm"], _normalizing),
    **dict.fromkeys(["conv2d", "conv_transpose2d"], spatial_operators.convolution),
    **dict.fromkeys(["max_pool2d", "max_pool2d_with_indices", "avg_pool2d"], spatial_operators.pooling),
    **dict.fromkeys(["adaptive_avg_pool2d", "adaptive_max_pool2d"], spatial_operators.adaptive),
    **dict.fromkeys(["pad", "constant_pad_nd"], spatial_operators.padding),
    **dict.fromkeys(
        ["upsample_nearest2d", "_upsample_nearest_exact2d", "upsample_bilinear2d"], spatial_operators.resizing
    ),
    **dict.fromkeys(
        ["upsample_bicubic2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"], spatial_operators.resizing
    ),
    **dict.fromkeys(["mean", "sum", "amax", "amin", "var", "std", "linalg_vector_norm", "norm"], _reduction),
    **dict.fromkeys(_VIEWS, shape_operators.viewing),
    **dict.fromkeys(["permute", "transpose", "swapaxes", "movedim"], shape_operators.permuting),
    **dict.fromkeys(shape_operators.SPLITS, shape_operators.splitting),
    **dict.fromkeys(["linear", "softmax", "log_softmax", "_softmax"], _last),
    **dict.fromkeys(["matmul", "bmm"], _product),
    "scaled_dot_product_attention": _attention,
    "pixel_shuffle": spatial_operators.shuffling,
    "pixel_unshuffle": spatial_operators.unshuffling,
    "channel_shuffle": spatial_operators.dealing,
    "slice": shape_operators.slicing,
    "select": shape_operators.selecting,
    "getitem": shape_operators.part_of_result,
    "cat": shape_operators.joining,
}
