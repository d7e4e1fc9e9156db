"""What operations do to the axes of tensors: one rule an operation, by its name in PyTorch's dispatcher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .axes import Axes, Axis, Kind, axis, place_kinds, pruned, resized_axis
from .moves import (
    AxesOf,
    Rule,
    after_cat,
    after_cut,
    after_expand,
    after_flip,
    after_indexed,
    after_permute,
    after_picked,
    after_roll,
    after_select,
    after_slice,
    after_split,
    after_squeeze,
    after_stack,
    after_transpose,
    after_unsqueeze,
    after_view,
    displaced,
)


def axes_after(op: Any, axes_of: AxesOf, args: Sequence[Any], results: Sequence[Tensor]) -> list[Axes | None]:
    """The axes of each tensor that an operation returned; None for those that cannot be known."""
    rule = _RULES.get(op._schema.name.removeprefix("aten::").rstrip("_"))
    if rule is None and (torch.Tag.pointwise in op.tags or op._schema.is_mutable):
        rule = _pointwise
    found = [None if rule is None else rule(axes_of, args, result) for result in results]
    fitting = zip(found, results, strict=True)
    return [pruned(axes) if axes is not None and len(axes) == result.ndim else None for axes, result in fitting]


def _pointwise(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Each axis of the result is that of the operand that has it whole."""
    known = [(value, axes) for value in args if isinstance(value, Tensor) and (axes := axes_of(value)) is not None]
    return tuple(_widest(known, i - result.ndim, result.shape[i]) for i in range(result.ndim)) if known else None


def _widest(known: list[tuple[Tensor, Axes]], place: int, size: int) -> Axis:
    """The axis at a place, counted from the end, among operands that are broadcast."""
    held = [axes[place] for value, axes in known if -place <= value.ndim and value.shape[place] == size]
    plain = [one for one in held if not any(factor.kind == "?" for factor in one)]
    at_odds = len(set(plain)) > 1 and any(factor.kind in ("y", "x") for one in plain for factor in one)
    return axis("?", size) if at_odds else (plain or held or [axis("c", size)])[0]


def _same(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """A result of the first operand's shape, or one number for each row of it."""
    axes = axes_of(args[0])
    return axes if axes is not None and args[0].shape == result.shape else None


def _spatial(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Pooling, padding, resizing: the same images, channels and places, in other numbers."""
    axes = axes_of(args[0])
    if axes is None or args[0].ndim != result.ndim:
        return None
    between: list[Kind] = ["?"] * (result.ndim - 4)  # of clips and volumes
    missing: list[Kind] = ["n", "c", *between, *place_kinds(axes)][-result.ndim :]
    return tuple(resized_axis(held, n, kind) for held, n, kind in zip(axes, result.shape, missing, strict=True))


def _convolution(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """New channels; places as `_spatial`."""
    axes = _spatial(axes_of, args, result)
    return None if axes is None else (axes[0], axis("c", result.shape[1]), *axes[2:])


def _padded(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Padding, which moves places where it is all on one side."""
    axes, pads = _spatial(axes_of, args, result), list(args[1])
    if axes is None:
        return None
    sides = {result.ndim - 1 - i: abs(pads[2 * i] - pads[2 * i + 1]) for i in range(len(pads) // 2)}
    return tuple(displaced(held) if sides.get(i, 0) > result.shape[i] / 8 else held for i, held in enumerate(axes))


def _sampled(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes = axes_of(args[0])
    if axes is None:
        return None
    rows, columns = (displaced(axis(kind, n)) for kind, n in zip(place_kinds(axes), result.shape[2:], strict=True))
    return (*axes[:2], rows, columns)


def _reduce(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Sums, means and extremes over some axes."""
    axes = axes_of(args[0])
    if axes is None:
        return None
    given = args[1] if len(args) > 1 and args[1] is not None else range(len(axes))
    over = {int(i) % len(axes) for i in (given if isinstance(given, (list, tuple, range)) else [given])}
    if result.ndim == len(axes):
        return tuple(() if i in over else held for i, held in enumerate(axes))
    return tuple(held for i, held in enumerate(axes) if i not in over)


def _matmul(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Rows of the first factor by columns of the second, in batches where both have them."""
    left, right = axes_of(args[0]), axes_of(args[1])
    if left is None and right is None:
        return None
    batch = (left or right or ())[: result.ndim - 2]
    rows = axis("c", result.shape[-2]) if left is None else left[-2]
    return (*batch, rows, axis("c", result.shape[-1]) if right is None else right[-1])


def _plus_matmul(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    return _matmul(axes_of, args[1:], result)


def _attention(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """The queries' places, the values' channels."""
    queries, values = axes_of(args[0]), axes_of(args[2])
    return None if queries is None or values is None else (*queries[:-1], values[-1])


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias", "flatten", "unflatten"), after_view),
    **dict.fromkeys(("permute",), after_permute),
    **dict.fromkeys(("transpose", "t", "swapaxes"), after_transpose),
    **dict.fromkeys(("narrow", "glu"), after_cut),
    "expand": after_expand,
    **dict.fromkeys(("split", "split_with_sizes"), after_split),
    "slice": after_slice,
    **dict.fromkeys(("select", "unbind"), after_select),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "var", "std", "norm", "linalg_vector_norm"), _reduce),
    **dict.fromkeys(("logsumexp", "prod", "var_mean", "all", "any", "argmax"), _reduce),
    **dict.fromkeys(("hardswish", "prelu", "_prelu_kernel", "log_sigmoid_forward", "rsub"), _pointwise),
    "cat": after_cat,
    "stack": after_stack,
    "unsqueeze": after_unsqueeze,
    "squeeze": after_squeeze,
    **dict.fromkeys(("mm", "bmm", "matmul"), _matmul),
    **dict.fromkeys(("addmm", "baddbmm", "addbmm"), _plus_matmul),
    "linear": lambda axes_of, args, result: (
        None if (axes := axes_of(args[0])) is None else (*axes[:-1], axis("c", result.shape[-1]))
    ),
    **dict.fromkeys(
        ("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention",
         "_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention",
         "scaled_dot_product_attention", "_scaled_dot_product_attention_math"),
        _attention,
    ),
    "roll": after_roll,
    "flip": after_flip,
    "index": after_indexed,
    "grid_sampler_2d": _sampled,
    "constant_pad_nd": _padded,
    **dict.fromkeys(("gather", "index_select", "sort", "topk", "take_along_dim"), after_picked),
    **dict.fromkeys(
        ("convolution", "_convolution", "conv2d", "conv_transpose2d", "quantized::conv2d", "quantized::conv2d_relu",
         "torchvision::deform_conv2d", "mkldnn_convolution", "cudnn_convolution"),
        _convolution,
    ),
    **dict.fromkeys(
        ("max_pool2d", "max_pool2d_with_indices", "avg_pool2d", "_adaptive_avg_pool2d", "adaptive_avg_pool2d",
         "adaptive_max_pool2d", "quantized_max_pool2d", "mkldnn_max_pool2d", "upsample_nearest2d",
         "upsample_bilinear2d", "upsample_bicubic2d", "_upsample_nearest_exact2d", "_upsample_bilinear2d_aa",
         "_upsample_bicubic2d_aa", "reflection_pad2d", "replication_pad2d", "pixel_shuffle",
         "pixel_unshuffle", "avg_pool1d", "max_pool1d", "fractional_max_pool2d"),
        _spatial,
    ),
    **dict.fromkeys(
        ("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "cudnn_batch_norm",
         "native_layer_norm", "native_group_norm", "instance_norm", "_softmax", "_log_softmax", "_safe_softmax",
         "native_dropout", "clone", "copy", "_to_copy", "contiguous", "detach", "alias", "lift_fresh", "cumsum",
         "renorm", "_native_multi_head_attention", "_transformer_encoder_layer_fwd", "quantize_per_tensor",
         "quantize_per_channel", "dequantize", "channel_shuffle", "native_channel_shuffle", "rrelu_with_noise",
         "_fused_rms_norm", "index_put", "index_fill", "fill", "zero"),
        _same,
    ),
}  # fmt: skip
