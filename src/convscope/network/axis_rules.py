"""What operations do to the axes of tensors: one rule an operation, by its name in PyTorch's dispatcher."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from .axes import Axes, Axis, Factor, Kind, axis, pruned, resized, viewed

AxesOf: TypeAlias = Callable[[Tensor], Axes | None]
Rule: TypeAlias = Callable[[AxesOf, Sequence[Any], Tensor], Axes | None]


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
    missing: list[Kind] = ["n", "c", *between, *_places(axes)][-result.ndim :]
    return tuple(resized(held, n, kind) for held, n, kind in zip(axes, result.shape, missing, strict=True))


def _convolution(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """New channels; places as `_spatial`."""
    axes = _spatial(axes_of, args, result)
    return None if axes is None else (axes[0], axis("c", result.shape[1]), *axes[2:])


def _places(axes: Axes) -> tuple[Kind, Kind]:
    """What the last two axes are where they hold one number: rows and columns, unless the others are those."""
    kinds = [{factor.kind for factor in held} for held in axes[-2:]]
    return ("x", "y") if "x" in kinds[0] or "y" in kinds[-1] else ("y", "x")


def _view(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes = axes_of(args[0])
    return None if axes is None else viewed(axes, result.shape)


def _permute(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes = axes_of(args[0])
    return None if axes is None else tuple(axes[i] for i in args[1])


def _transpose(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes = axes_of(args[0])
    if axes is None:
        return None
    order = list(range(len(axes)))
    one, other = args[1:3] if len(args) > 2 else (0, len(axes) - 1)
    order[one], order[other] = order[other], order[one]
    return tuple(axes[i] for i in order)


def _cut(axes_of: AxesOf, args: Sequence[Any], result: Tensor, aligned: bool = False, step: int = 1) -> Axes | None:
    """A part along some axes, or copies along one of one number; where `aligned`, perhaps one of those put together."""
    axes = axes_of(args[0])
    if axes is None or len(axes) > result.ndim:
        return None
    padded = ((),) * (result.ndim - len(axes)) + axes
    return tuple(
        held[1:] if aligned and _put_together_of(held, n) else _trimmed(held, n, step)
        for held, n in zip(padded, result.shape, strict=True)
    )


def _expand(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Copies along axes of one number; in maps, of their one place."""
    axes = axes_of(args[0])
    if axes is None or len(axes) > result.ndim:
        return None
    kinds: list[Kind] = ["?", "?", *_places(axes)] if len(axes) == result.ndim == 4 else ["?"] * result.ndim
    padded = ((),) * (result.ndim - len(axes)) + axes
    return tuple(resized(held, n, kind) for held, n, kind in zip(padded, result.shape, kinds, strict=True))


def _trimmed(held: Axis, size: int, step: int) -> Axis:
    """A part of an axis; of places, one that leaves out more than an edge is not where it was."""
    cut = step == 1 and size < _MOST * math.prod(factor.size for factor in held)
    return _moved(resized(held, size)) if cut else resized(held, size)


def _moved(held: Axis) -> Axis:
    return tuple(replace(factor, moved=True) if factor.kind in ("y", "x") else factor for factor in held)


_MOST = 0.9  # of places: cutting off less is what paddings ask for


def _picked(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """What was gathered or sorted along an axis."""
    axes = axes_of(args[0])
    if axes is None or len(axes) != result.ndim:
        return None
    dim = next((arg for arg in args[1:] if isinstance(arg, int)), -1) % result.ndim
    return tuple(
        _moved(resized(h, n)) if i == dim else h for i, (h, n) in enumerate(zip(axes, result.shape, strict=True))
    )


def _indexed(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """What one list of indices picked along one axis; more than that is not followed."""
    axes, indices = axes_of(args[0]), args[1]
    used = [i for i, index in enumerate(indices) if index is not None]
    if axes is None or len(used) != 1 or len(axes) != result.ndim:
        return None
    return tuple(
        _moved(resized(h, n)) if i == used[0] else h for i, (h, n) in enumerate(zip(axes, result.shape, strict=True))
    )


def _sampled(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes = axes_of(args[0])
    if axes is None:
        return None
    rows, columns = (_moved(axis(kind, n)) for kind, n in zip(_places(axes), result.shape[2:], strict=True))
    return (*axes[:2], rows, columns)


def _padded(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    """Padding, which moves places where it is all on one side."""
    axes, pads = _spatial(axes_of, args, result), list(args[1])
    if axes is None:
        return None
    sides = {result.ndim - 1 - i: abs(pads[2 * i] - pads[2 * i + 1]) for i in range(len(pads) // 2)}
    return tuple(_moved(held) if sides.get(i, 0) > result.shape[i] / 8 else held for i, held in enumerate(axes))


def _flip(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes = axes_of(args[0])
    dims = {dim % result.ndim for dim in args[1]}
    return None if axes is None else tuple(_flipped(held) if i in dims else held for i, held in enumerate(axes))


def _flipped(held: Axis) -> Axis:
    if len(held) != 1 or held[0].kind not in ("y", "x") or held[0].key:
        plain = all(factor.kind == "c" for factor in held)
        return held if plain else axis("?", math.prod(factor.size for factor in held))
    one = held[0]
    return (replace(one, flipped=not one.flipped, shift=one.size - 1 - one.shift),)


def _put_together_of(held: Axis, size: int) -> bool:
    """Whether an axis is several of one size that were put together, one after the other, as `_cat` does."""
    return len(held) > 1 and held[0].kind == "?" and math.prod(factor.size for factor in held[1:]) == size


def _slice(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    dim, start, step = args[1] if len(args) > 1 else 0, args[2] if len(args) > 2 else 0, args[4] if len(args) > 4 else 1
    return _cut(axes_of, args, result, step == 1 and (start or 0) % max(1, result.shape[dim]) == 0, step)


def _split(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    return _cut(axes_of, args, result, isinstance(args[1], int) or len(set(args[1])) == 1)


def _select(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes = axes_of(args[0])
    dim = int(args[1]) if len(args) > 1 else 0
    return None if axes is None else tuple(held for i, held in enumerate(axes) if i != dim % len(axes))


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


def _cat(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    known = [axes for value in args[0] if (axes := axes_of(value)) is not None]
    if not known:
        return None
    dim = (args[1] if len(args) > 1 else 0) % result.ndim
    first, size = known[0][dim], result.shape[dim]
    joined = axis("c", size)
    if any(held.kind != "c" for axes in known for held in axes[dim]) or (dim == 0 and not first):
        alike = len(known) == len(args[0]) and all(axes[dim] == first for axes in known)
        joined = (Factor("?", len(known)), *first) if alike and len(known) > 1 else axis("?", size)
    same = [all(axes[i] == known[0][i] for axes in known) for i in range(result.ndim)]
    plain = [all(factor.kind == "c" for factor in held) for held in known[0]]
    rest = [known[0][i] if same[i] or plain[i] else axis("?", n) for i, n in enumerate(result.shape)]
    return tuple(joined if i == dim else held for i, held in enumerate(rest))


def _stack(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes = axes_of(args[0][0])
    dim = (args[1] if len(args) > 1 else 0) % result.ndim
    return None if axes is None else (*axes[:dim], axis("?", result.shape[dim]), *axes[dim:])


def _unsqueeze(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes = axes_of(args[0])
    dim = args[1] % result.ndim
    return None if axes is None else (*axes[:dim], (), *axes[dim:])


def _squeeze(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes, x = axes_of(args[0]), args[0]
    given = args[1] if len(args) > 1 else range(x.ndim)
    gone = {int(i) % x.ndim for i in (given if isinstance(given, (list, tuple, range)) else [given])}
    return None if axes is None else tuple(h for i, h in enumerate(axes) if i not in gone or x.shape[i] != 1)


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


def _roll(axes_of: AxesOf, args: Sequence[Any], result: Tensor) -> Axes | None:
    axes = axes_of(args[0])
    if axes is None or len(args) < 3:
        return None
    moved = {dim % result.ndim: shift for shift, dim in zip(args[1], args[2], strict=True)}
    return tuple(_rolled(held, moved.get(i, 0)) for i, held in enumerate(axes))


def _rolled(held: Axis, shift: int) -> Axis:
    if len(held) != 1 or not shift:
        return held if not held or not shift else axis("?", math.prod(factor.size for factor in held))
    one = held[0]
    if one.kind not in ("y", "x") or one.key:
        return axis("?", one.size)
    return (replace(one, shift=(one.shift + shift) % one.size),)


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias", "flatten", "unflatten"), _view),
    **dict.fromkeys(("permute",), _permute),
    **dict.fromkeys(("transpose", "t", "swapaxes"), _transpose),
    **dict.fromkeys(("narrow", "glu"), _cut),
    "expand": _expand,
    **dict.fromkeys(("split", "split_with_sizes"), _split),
    "slice": _slice,
    **dict.fromkeys(("select", "unbind"), _select),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "var", "std", "norm", "linalg_vector_norm"), _reduce),
    **dict.fromkeys(("logsumexp", "prod", "var_mean", "all", "any", "argmax"), _reduce),
    **dict.fromkeys(("hardswish", "prelu", "_prelu_kernel", "log_sigmoid_forward", "rsub"), _pointwise),
    "cat": _cat,
    "stack": _stack,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
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
    "roll": _roll,
    "flip": _flip,
    "index": _indexed,
    "grid_sampler_2d": _sampled,
    "constant_pad_nd": _padded,
    **dict.fromkeys(("gather", "index_select", "sort", "topk", "take_along_dim"), _picked),
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
