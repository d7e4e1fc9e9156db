"""What an operation does with channels: it moves numbers, pools places, keeps channels apart, or mixes them."""

from __future__ import annotations

from ..graph.operators import ELEMENTWISE
from ..graph.shape_operators import SPLITS
from .operations import Operation

MOVES = SPLITS | {
    "view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "permute", "transpose", "t",
    "swapaxes", "movedim", "cat", "stack", "slice", "select", "getitem", "expand", "expand_as", "roll", "flip",
    "channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "upsample_nearest2d", "narrow", "repeat",
    "index_select", "to", "_to_copy", "type_as",
}  # fmt: skip
POOLS = {
    "max_pool2d", "max_pool2d_with_indices", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "mean", "sum",
    "amax", "amin", "upsample_bilinear2d", "upsample_bicubic2d", "_upsample_bilinear2d_aa",
}  # fmt: skip
PADS = {"pad", "constant_pad_nd"}
SCALES_ALONG = {"relu", "leaky_relu", "prelu", "abs", "maximum", "minimum"}  # f(2x) = 2 f(x): its tangent is itself
HELD = {"layer_norm", "group_norm", "rms_norm", "instance_norm"}  # their deviation is held as it is
_SUMS = {"add", "sub", "rsub", "batch_norm"}
_SCALES = {"mul", "multiply", "div", "true_divide"}
_WEIGHTED = {"conv1d", "conv2d", "conv3d", "linear", "conv_transpose2d"}


def moves(operation: Operation) -> bool:
    """Whether it puts numbers elsewhere and changes none; padding with zeros, or before a maximum, is no change."""
    if operation.kind in PADS:
        given = operation.named
        zeros = given.get("value") in (None, 0, float("-inf"))
        return given.get("mode", "constant") != "constant" or zeros
    return operation.kind in MOVES


def is_moved(operation: Operation) -> bool:
    """Whether it moves numbers, or pools places, so that nothing is lost or added on the way."""
    return moves(operation) or operation.kind in POOLS


def keeps(operation: Operation) -> bool:
    """Whether each number it makes depends on the same channel of its inputs alone."""
    named = operation.named if operation.kind in ("batch_norm", "instance_norm") else {}
    if operation.kind == "batch_norm":
        return not named["training"]
    if operation.kind == "instance_norm":
        return not named["use_input_stats"]
    return operation.kind in ELEMENTWISE or operation.kind == "prelu"


def is_affine(operation: Operation) -> bool:
    """Whether it is linear in what depends on the image, up to numbers that do not: its biases."""
    if operation.kind in _SCALES:
        read = [name for name in operation.call.refs if name in operation.inputs]  # twice in x * x
        return len(read) == 1 and (operation.kind.startswith("mul") or operation.call.refs[0] == read[0])
    return operation.kind in _SUMS | HELD | _WEIGHTED


def is_weighted(operation: Operation) -> bool:
    """Whether it is a convolution or linear layer, with a kernel and perhaps a bias."""
    return operation.kind in _WEIGHTED
