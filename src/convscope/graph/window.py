"""Which places of a map an operation looks at, and which places a change there can touch: exact, one axis at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .trace import Call, Graph, Ref

Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Reach:
    """Along one axis: output place o looks at input places o·stride − before + dilation·j, for j below kernel."""

    kernel: int = 1
    stride: int = 1
    before: int = 0
    dilation: int = 1

    @property
    def span(self) -> int:
        """From the first place looked at to the last."""
        return self.dilation * (self.kernel - 1) + 1

    def sees(self, low: Ints, high: Ints) -> tuple[Ints, Ints]:
        """The first and last input place that outputs low to high look at, beyond the edges too."""
        return low * self.stride - self.before, high * self.stride - self.before + self.span - 1

    def touched(self, low: Ints, high: Ints, size: int) -> tuple[Ints, Ints]:
        """The first and last of `size` outputs that look at inputs low to high; the nearest one where none does."""
        first = -((self.span - 1 - low - self.before) // self.stride)
        last = (high + self.before) // self.stride
        first, last = np.clip(first, 0, size - 1), np.clip(last, 0, size - 1)
        return np.minimum(first, last), np.maximum(first, last)

    def after(self, inputs: int, outputs: int) -> int:
        """How far the last of the outputs looks beyond the last of the inputs."""
        return max(0, (outputs - 1) * self.stride - self.before + self.span - inputs)


Reaches: TypeAlias = tuple[Reach, Reach]
HERE: Reaches = (Reach(), Reach())


def reaches(call: Call, graph: Graph, tensors: Mapping[str, Tensor]) -> Reaches | None:
    """What a call looks at along y and x, in each of its inputs; None where it may look at everything.

    A place of an element-wise operation looks at its own place only; that of a convolution or pooling at a window.
    """
    values = [name for name in call.refs if name not in tensors]
    maps = [graph.shapes.get(name, ()) for name in [*values, call.name]]
    if any(len(shape) != 3 for shape in maps) or _trains(call):
        return None
    if call.kind in _WINDOWS:
        return _WINDOWS[call.kind](call, graph, tensors)
    same = len({shape[1:] for shape in maps}) == 1
    plain = all(_without_places(tensors[name]) for name in call.refs if name in tensors)
    joins = call.kind in _JOINS or (call.kind == "cat" and _argument(call, 1, "dim", 0) in (1, -3))
    return HERE if same and plain and (call.kind in _PLACEWISE or joins) else None


def _trains(call: Call) -> bool:
    """Whether a norm takes the statistics of the batch, although the module does not train."""
    return call.kind == "batch_norm" and bool(call.args[5])


def _without_places(tensor: Tensor) -> bool:
    """Whether a constant is the same at all places: a number, one per channel as (C, 1, 1), or a norm's vector."""
    return tensor.ndim < 2 or tuple(tensor.shape[-2:]) == (1, 1)


def _convolution(call: Call, graph: Graph, tensors: Mapping[str, Tensor]) -> Reaches | None:
    weight = call.args[1]
    if not isinstance(weight, Ref) or weight.name not in tensors:
        return None
    kernel, stride = tensors[weight.name].shape[2:], _pair(_argument(call, 3, "stride", 1))
    padding, dilation = _argument(call, 4, "padding", 0), _pair(_argument(call, 5, "dilation", 1))
    if padding == "same":  # what is left over goes to the end
        padding = [d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)]
    before = _pair(0 if padding == "valid" else padding)
    y, x = (Reach(k, s, p, d) for k, s, p, d in zip(kernel, stride, before, dilation, strict=True))
    return y, x


def _pooling(call: Call, graph: Graph, tensors: Mapping[str, Tensor]) -> Reaches | None:
    kernel = _pair(call.args[1])
    stride, before = _pair(_argument(call, 2, "stride", None) or kernel), _pair(_argument(call, 3, "padding", 0))
    average = call.kind == "avg_pool2d"
    dilation = (1, 1) if average else _pair(_argument(call, 4, "dilation", 1))
    y, x = (Reach(k, s, p, d) for k, s, p, d in zip(kernel, stride, before, dilation, strict=True))
    return None if average and not _even(call, graph, (y, x)) else (y, x)


def _even(call: Call, graph: Graph, found: Reaches) -> bool:
    """Whether an average is over the same number of places everywhere, so that zeros beyond the edges do not matter."""
    counted = _argument(call, 5, "count_include_pad", True) or not any(reach.before for reach in found)
    sizes = zip(graph.shapes[call.args[0].name][1:], graph.shapes[call.name][1:], found, strict=True)
    inside = all(reach.after(inputs, outputs) <= reach.before for inputs, outputs, reach in sizes)
    return counted and inside and _argument(call, 6, "divisor_override", None) is None


def _padding(call: Call, graph: Graph, tensors: Mapping[str, Tensor]) -> Reaches | None:
    widths, mode = list(call.args[1]), _argument(call, 2, "mode", "constant")
    if mode != "constant" and not isinstance(mode, int | float):
        return None
    if len(widths) != 4 or min(widths) < 0:
        return None
    return Reach(before=widths[2]), Reach(before=widths[0])


def edge(call: Call) -> float:
    """The value of places beyond the edge, for a call that looks there."""
    if call.kind == "max_pool2d":
        return -np.inf
    if call.kind == "constant_pad_nd":
        return float(_argument(call, 2, "value", 0) or 0)
    return float(_argument(call, 3, "value", 0) or 0) if call.kind == "pad" else 0.0


def _argument(call: Call, place: int, name: str, default: Any) -> Any:
    return call.args[place] if len(call.args) > place else call.kwargs.get(name, default)


def _pair(value: Any) -> tuple[int, int]:
    """The two values of an argument that may be given as one."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    return (values[0], values[0]) if len(values) == 1 else (values[0], values[1])


_WINDOWS: dict[str, Callable[[Call, Graph, Mapping[str, Tensor]], Reaches | None]] = {
    "conv2d": _convolution,
    "max_pool2d": _pooling,
    "avg_pool2d": _pooling,
    "pad": _padding,
    "constant_pad_nd": _padding,
}
_JOINS = {"add", "sub", "rsub", "mul", "div", "maximum", "minimum"}
_PLACEWISE = {
    "abs", "batch_norm", "celu", "clamp", "clamp_min", "clamp_max", "elu", "exp", "gelu", "hardsigmoid", "hardswish",
    "hardtanh", "leaky_relu", "log", "mish", "neg", "pow", "prelu", "reciprocal", "relu", "relu6", "rsqrt", "selu",
    "sigmoid", "silu", "softplus", "sqrt", "square", "tanh", "to", "_to_copy",
}  # fmt: skip
