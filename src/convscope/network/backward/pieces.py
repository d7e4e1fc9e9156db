"""What lies between a value and an input in autograd's graph: changed rectifiers, and pieces left as they are.

Whatever a call is called, autograd names what it computes. So a rectifier nobody recognised, or one inside a compiled
part, a script or a function with a backward of its own, is found here and can be named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction

from . import arms
from .arms import Node

_CHANGED = ("_RectifyBackward", "_SmoothBackward")
_PIECES = {
    "Relu": "ReLU", "LeakyRelu": "LeakyReLU", "PreluKernel": "PReLU", "RreluWithNoise": "RReLU", "Elu": "ELU",
    "Celu": "CELU", "Softplus": "Softplus", "Silu": "SiLU", "Gelu": "GELU", "Hardswish": "Hardswish", "Mish": "Mish",
    "LogSigmoid": "LogSigmoid", "Erf": "Erf", "Logaddexp": "Logaddexp", "Logaddexp2": "Logaddexp",
    "Hardshrink": "Hardshrink", "Softshrink": "Softshrink", "Threshold": "Threshold", "Hardtanh": "Hardtanh",
    "Clamp": "Clamp", "ClampMin": "Clamp", "ClampMax": "Clamp", "Maximum": "Maximum", "Minimum": "Minimum",
    "Fmax": "Maximum", "Fmin": "Minimum", "Where": "Where", "MaskedFill": "MaskedFill",
    "MaskedScatter": "MaskedScatter", "Abs": "Abs", "Hypot": "Hypot", "IndexFill": "IndexFill",
}  # fmt: skip
_SWITCHES = {"Sigmoid", "Tanh", "Hardsigmoid"}
_CURVES = {
    "Exp", "Exp2", "Expm1", "Log", "Log2", "Log10", "Log1P", "Pow", "Sqrt", "Rsqrt", "Reciprocal", "Sin", "Cos", "Tan",
    "Sinh", "Cosh", "Asinh", "Atan", "Atan2", "Erfc", "Sinc",
}  # fmt: skip
_AVERAGED = {"Pow", "Exp"}  # as in a deviation, or a softmax
_PRODUCTS = {"Mul": "product with itself", "Div": "quotient with itself", "Lerp": "Lerp", "Addcmul": "Addcmul"}
_EXTREMES = {"Amax": "Maximum", "Max": "Maximum", "Amin": "Minimum", "Min": "Minimum"}  # of what was stacked
_EXTREMES |= {
    name: name
    for name in ("Sort", "Topk", "Cummax", "Cummin", "Median", "Nanmedian", "Aminmax", "Kthvalue", "Mode", "Logsumexp",
                 "Logcumsumexp", "LinalgVectorNorm", "Norm")
} | dict.fromkeys(("MaxPool2DWithIndices", "MaxPool2D", "MaxPool3DWithIndices"), "MaxPool")  # fmt: skip
_GUARD = 1e-3  # a clamp to at least so little keeps a divisor from zero


class GradientPath:
    """The calls through which a value depends on a leaf, each with the calls that take what it puts out."""

    def __init__(self, value: Tensor, leaf: Tensor) -> None:
        below = _reached(value)
        end = torch.autograd.graph.get_gradient_edge(leaf).node
        self._takers: dict[Node, list[Node]] = {}
        waiting = [end] if end in below else []
        while waiting:
            node = waiting.pop()
            if node not in self._takers:
                self._takers[node] = below[node]
                waiting.extend(below[node])

    @property
    def changed(self) -> int:
        """How many rectifiers follow a rule."""
        return sum(node.name() in _CHANGED for node in self._takers)

    @property
    def pools(self) -> int:
        """How many max-poolings a gradient goes through."""
        return sum("MaxPool" in node.name() for node in self._takers)

    def left(self, named: Mapping[Node, str]) -> dict[str, int]:
        """How many pieces like a rectifier follow none, by name: the one given, or that of what they compute."""
        names = Counter(named.get(node) or self._name(node) for node in self._takers)
        return {name: names[name] for name in sorted(names, key=lambda name: (-names[name], name)) if name}

    def _name(self, node: Node) -> str:
        kind = str(node.name())
        if kind in _CHANGED:
            return ""
        if isinstance(node, BackwardCFunction) or "::jit::" in kind:  # one cannot see inside
            return kind.rpartition("::")[2].removesuffix("Backward")
        name = arms.kind(node)
        if name in _EXTREMES:
            return _EXTREMES[name] if arms.stacked(node) or _is_absolute(node) else ""
        if name in _PRODUCTS:
            return self._product(node)
        if name in _SWITCHES or name in _CURVES:
            return "" if self._serves(node) else name
        return "" if name.startswith("Clamp") and _guards(node) else _PIECES.get(name, "")

    def _serves(self, node: Node) -> bool:
        """Whether a call's result only scales something else than what it was computed from, or is averaged as it is.

        So are the gates of squeeze-and-excitation and the sums of a deviation or a softmax.
        """
        takers = list(self._final_takers(node))
        averaged = arms.kind(node) in _AVERAGED
        return bool(takers) and all(_scales(taker) or (averaged and arms.averages(taker)) for taker in takers)

    def _product(self, node: Node) -> str:
        """What a product of a tensor with what became of it is called, unless the name of that tells."""
        if len(arms.inputs_of(node)) < 2 or not arms.related(node):
            return ""
        between = {arms.kind(other) for other in arms.apart(node)}
        if between & (_PIECES.keys() | _SWITCHES | _CURVES) or any(name.startswith("_") for name in between):
            return ""
        if between & arms.FLAT:
            return min(between & arms.FLAT)
        takers = list(self._final_takers(node))
        moment = bool(takers) and all(map(arms.averages, takers))  # such as a variance
        return "" if moment else _PRODUCTS[arms.kind(node)]

    def _final_takers(self, node: Node) -> Iterator[Node]:
        for taker in self._takers[node]:
            if arms.carries(taker):
                yield from self._final_takers(taker)
            else:
                yield taker


def piece_in_place(name: str) -> str:
    """The piece that a call in place computes, by the call's name; empty where it is none."""
    found = "".join(map(str.capitalize, name.rstrip("_").split("_")))
    return found if found in _SWITCHES | _CURVES else _PIECES.get(found, "")


def _reached(value: Tensor) -> dict[Node, list[Node]]:
    """Each call whose derivative a value's gradient asks for, with those that ask."""
    takers: dict[Node, list[Node]] = {value.grad_fn: []} if value.grad_fn is not None else {}
    waiting = list(takers)
    while waiting:
        node = waiting.pop()
        if arms.kind(node) in arms.FLAT:
            continue
        for source in {source for source, _ in arms.inputs_of(node)}:
            if source not in takers:
                takers[source] = []
                waiting.append(source)
            takers[source].append(node)
    return takers


def _scales(taker: Node) -> bool:
    """Whether a call multiplies or divides tensors that have nothing to do with each other."""
    return arms.kind(taker) in ("Mul", "Div") and not arms.related(taker)


def _is_absolute(node: Node) -> bool:
    """Whether a norm is taken of each number by itself."""
    return "Norm" in arms.kind(node) and not arms.smaller(node)


def _guards(node: Node) -> bool:
    """Whether a clamp only keeps a divisor from zero."""
    low = getattr(node, "_saved_min", None) if node.name() in ("ClampMinBackward0", "ClampBackward1") else None
    return isinstance(low, float) and 0 < low <= _GUARD
