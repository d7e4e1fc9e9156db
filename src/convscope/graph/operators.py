"""What each operation looks at in each of its inputs: the one table of operations, from their kind to a rule.

Two readers share it. Receptive fields go through whole graphs (`dependencies`); occlusion asks of each call by itself
whether it can be done on a part of a map (`sliding_windows`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from . import axis_map, channel_map, shape_operators, spatial_operators
from .dependency import BATCH, Dependency, Map, OperatorCall, Rule, Ruling, Trait, unknown, whole_input
from .trace import INPUT, Call, Graph
from .window import HERE, Reaches


def dependencies(graph: Graph, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Map], dict[str, list[Dependency]]]:
    """Every value that depends on the image, and what the call that makes it looks at."""
    maps = {INPUT: Map((BATCH, *graph.shapes[INPUT]), (2, 3))}
    found: dict[str, list[Dependency]] = {}
    makers = {call.name: call for call in graph.calls}
    for call in graph.calls:
        operator = OperatorCall(call, graph, tensors, maps, makers)
        if operator.values and call.kind not in _CONSTANT:
            maps[call.name], found[call.name] = _RULES.get(call.kind, unknown)(operator)
    return maps, found


def sliding_windows(call: Call, graph: Graph, tensors: Mapping[str, Tensor]) -> Reaches | None:
    """What a part of each input must hold for the call to be done on it, along y and x; None where it cannot be.

    Every input that is not in `tensors` is taken as a map (C, H, W), whatever became of its axes before.
    """
    values = [name for name in call.refs if name not in tensors]
    rule = _ON_PARTS.get(call.kind)
    if rule is None or any(len(graph.shapes.get(name, ())) != 3 for name in (*values, call.name)):
        return None
    maps = {name: Map((BATCH, *graph.shapes[name]), (2, 3)) for name in values}
    _, found = rule(OperatorCall(call, graph, tensors, maps, {}))
    windows = {dependency.windows for dependency in found}
    return windows.pop() if len(windows) == 1 else None


def _elementwise(operator: OperatorCall) -> Ruling:
    """At each place the same, whatever the size of the map."""
    return _broadcasting(operator, HERE if operator.same_everywhere else None)


def _channelwise(operator: OperatorCall) -> Ruling:
    """Element-wise, with constants that hold a number for each channel."""
    return _broadcasting(operator, HERE)


def _broadcasting(operator: OperatorCall, windows: Reaches | None = None) -> Ruling:
    """Each number looks at those in its place, of inputs that may be one number long along some axes."""
    inputs = [operator.maps[name] for name in operator.values]
    rank = max(len(source.shape) for source in inputs)
    if not rank:
        return unknown(operator, ())  # one number of the whole image, such as its mean
    batch = max(source.shape[0] for source in inputs if len(source.shape) == rank)
    shape = operator.shape(batch)
    y, x = ({source.places[i] for source in inputs} - {None} for i in (0, 1))
    if len(shape) != rank or len(y) > 1 or len(x) > 1:
        return unknown(operator, shape)
    made = Map(shape, (next(iter(y), None), next(iter(x), None)))
    return made, [_operand(operator, name, made, windows) for name in operator.values]


def _operand(operator: OperatorCall, name: str, made: Map, windows: Reaches | None) -> Dependency:
    source = operator.maps[name]
    lost = [a for a, b in zip(made.places, source.places, strict=True) if a is not None and b is None]
    if len(source.shape) != len(made.shape) or any(source.shape[axis] > 1 for axis in lost):
        return whole_input(operator, name, Trait.GUESS)
    y, x = (
        axis_map.same_for_all(made.shape[axis]) if axis is not None and source.shape[axis] < made.shape[axis] else None
        for axis in source.places
    )
    scales = operator.call.kind in _SCALING and len(operator.values) > 1
    traits = Trait.GATE if scales and source.sizes == (1, 1) != made.sizes else Trait.NONE
    return Dependency(name, (y, x), channel_map.broadcast(source.shape, source.places), traits, windows)


def _blended(operator: OperatorCall, *dims: Sequence[int]) -> Ruling:
    """Looks, in each input, at all along some axes; the other axes are those of the output."""
    shape, found = operator.shape(), []
    for name, along in zip(operator.values, dims, strict=True):
        source = operator.maps[name]
        if len(source.shape) != len(shape):
            return unknown(operator, shape)
        own = {dim % len(shape) for dim in along}
        y, x = (
            axis_map.everything(source.shape[axis], shape[axis]) if axis in own and axis is not None else None
            for axis in source.places
        )
        found.append(Dependency(name, (y, x), channel_map.reduced_over(own, source.places)))
    return Map(shape, operator.source.places), found


def _reduction(operator: OperatorCall) -> Ruling:
    source, dims = operator.source, operator.args.get("dim")
    rank = len(source.shape)
    gone = {dim % rank for dim in (range(rank) if dims in (None, []) else np.atleast_1d(dims).tolist())}
    kept = bool(operator.args.get("keepdim"))
    shape = tuple(1 if d in gone else n for d, n in enumerate(source.shape) if kept or d not in gone)
    kept_places = tuple(
        axis if kept or axis is None else None if axis in gone else axis - sum(d < axis for d in gone)
        for axis in source.places
    )
    y, x = (
        axis_map.everything(source.shape[axis]) if axis in gone and axis is not None else None for axis in source.places
    )
    back = channel_map.same_channel if kept else channel_map.restored(gone)
    return Map(shape, (kept_places[0], kept_places[1])), [Dependency(operator.values[0], (y, x), back)]


def _normalizing(operator: OperatorCall) -> Ruling:
    """Takes the statistics of what it is given: of whole maps, or of some last axes."""
    args, rank = operator.args, len(operator.source.shape)
    match operator.call.kind:
        case "layer_norm" | "rms_norm":
            return _blended(operator, range(rank - len(args["normalized_shape"]), rank))
        case "batch_norm" if args["training"]:
            return _blended(operator, (0, *range(2, rank)))
        case "instance_norm" if args["use_input_stats"]:
            return _blended(operator, range(2, rank))
        case "group_norm":
            return _blended(operator, range(1, rank))
    return _channelwise(operator)


def _last(operator: OperatorCall) -> Ruling:
    """Linear layers and the like look along one axis."""
    return _blended(operator, [operator.args.get("dim", -1)]) if len(operator.values) == 1 else unknown(operator)


def _product(operator: OperatorCall) -> Ruling:
    """Of matrices: rows of the first, columns of the second."""
    if len(operator.values) == 1 and operator.call.refs[0] == operator.values[0]:
        return _last(operator)
    batched = len({operator.maps[name].shape[:-2] for name in operator.values}) == 1
    return _blended(operator, [-1], [-2]) if len(operator.values) == 2 and batched else unknown(operator)


def _attention(operator: OperatorCall) -> Ruling:
    asked = [operator.args[name].name for name in ("query", "key", "value")]
    batched = len({operator.maps[name].shape[:-2] for name in operator.values}) == 1
    return _blended(operator, [-1], [-2, -1], [-2]) if operator.values == asked and batched else unknown(operator)


ELEMENTWISE = {
    "abs", "add", "addcmul", "atan", "bitwise_not", "celu", "clamp", "clamp_max", "clamp_min", "clip", "cos", "div",
    "elu", "eq", "erf", "exp", "floor", "ge", "gelu", "gt", "hardsigmoid", "hardswish",
    "hardtanh", "le", "leaky_relu", "log", "log1p", "log_sigmoid", "logical_not", "lt", "masked_fill", "maximum",
    "minimum", "mish", "mul", "multiply", "ne", "neg", "pow", "reciprocal", "relu", "relu6", "round",
    "rrelu", "rsqrt", "rsub", "selu", "sigmoid", "sign", "silu", "sin", "softplus", "softsign", "sqrt", "square",
    "sub", "tanh", "threshold", "to", "true_divide", "type_as", "where", "_to_copy",
}  # fmt: skip
_VIEWS = {"view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"}
_CONSTANT = {"sym_size", "new_ones", "new_zeros", "new_full", "new_empty", "zeros_like", "ones_like", "full_like"}
_SCALING = {"mul", "multiply", "div", "true_divide"}
_ON_PARTS: dict[str, Rule] = {  # what may be done on a part of a map, if the rule then says so
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(["batch_norm", "instance_norm"], _normalizing),
    **dict.fromkeys(["max_pool2d", "avg_pool2d"], spatial_operators.pooling),
    **dict.fromkeys(["pad", "constant_pad_nd"], spatial_operators.padding),
    "conv2d": spatial_operators.convolution,
    "prelu": _channelwise,
    "cat": shape_operators.joining,
}
_RULES: dict[str, Rule] = {
    **_ON_PARTS,
    **dict.fromkeys(["expand", "expand_as"], _broadcasting),
    **dict.fromkeys(["layer_norm", "rms_norm", "group_norm"], _normalizing),
    **dict.fromkeys(["adaptive_avg_pool2d", "adaptive_max_pool2d"], spatial_operators.adaptive),
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
    "conv_transpose2d": spatial_operators.convolution,
    "max_pool2d_with_indices": spatial_operators.pooling,
    "scaled_dot_product_attention": _attention,
    "pixel_shuffle": spatial_operators.shuffling,
    "pixel_unshuffle": spatial_operators.unshuffling,
    "channel_shuffle": spatial_operators.dealing,
    "slice": shape_operators.slicing,
    "select": shape_operators.selecting,
    "getitem": shape_operators.part_of_result,
}
