"""What lies between a value and an input in autograd's graph: changed rectifiers, and pieces left as they are.

Whatever a call is called, autograd names what it computes. So a rectifier nobody recognised, or one inside a compiled
part, a script or a function with a backward of its own, is found here and can be named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction

Node: TypeAlias = Any  # of autograd's graph: one call

_CHANGED = ("_RectifyBackward", "_SmoothBackward")
_FLAT = {"Sign", "Sgn", "Round", "Floor", "Ceil", "Trunc"}  # whose derivative is zero: nothing flows back through them
_GATES = {"Sigmoid": "Sigmoid", "Tanh": "Tanh", "Hardsigmoid": "Hardsigmoid"}
_SHAPING = {"View", "UnsafeView", "ReshapeAlias", "Expand", "Unsqueeze", "Squeeze", "Permute", "Transpose", "Clone"}
_PIECES = {
    "Relu": "ReLU", "LeakyRelu": "LeakyReLU", "PreluKernel": "PReLU", "RreluWithNoise": "RReLU", "Elu": "ELU",
    "Celu": "CELU", "Softplus": "Softplus", "Silu": "SiLU", "Gelu": "GELU", "Hardswish": "Hardswish", "Mish": "Mish",
    "LogSigmoid": "LogSigmoid", "Erf": "Erf", "Logaddexp": "Logaddexp", "Hardshrink": "Hardshrink",
    "Softshrink": "Softshrink", "Threshold": "Threshold", "Hardtanh": "Hardtanh", "Clamp": "Clamp",
    "ClampMin": "Clamp", "ClampMax": "Clamp", "Maximum": "Maximum", "Minimum": "Minimum", "Fmax": "Maximum",
    "Fmin": "Minimum", "Where": "Where", "MaskedFill": "MaskedFill",
    "MaskedScatter": "MaskedScatter", "Abs": "Abs",
}  # fmt: skip
_EXTREMES = {"Amax": "Maximum", "Max": "Maximum", "Amin": "Minimum", "Min": "Minimum"}  # of what was stacked
_GUARD = 1e-3  # a clamp to at least so little keeps a divisor from zero


class Way:
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
        kind = _kind(node)
        if kind in _GATES:
            return "" if self._gates(node) else _GATES[kind]
        if kind in _EXTREMES:
            return _EXTREMES[kind] if any(_kind(source) == "Stack" for source in _sources(node)) else ""
        return "" if kind.startswith("Clamp") and _guards(node) else _PIECES.get(kind, "")

    def _gates(self, node: Node) -> bool:
        """Whether what a call puts out does nothing but scale something else than what it was computed from."""
        return all(
            _kind(taker) == "Mul" and _sources(node).isdisjoint(_sources(taker)) for taker in self._final_takers(node)
        )

    def _final_takers(self, node: Node) -> Iterator[Node]:
        for taker in self._takers[node]:
            if _kind(taker) in _SHAPING:
                yield from self._final_takers(taker)
            else:
                yield taker


def _reached(value: Tensor) -> dict[Node, list[Node]]:
    """Each call whose derivative a value's gradient asks for, with those that ask."""
    takers: dict[Node, list[Node]] = {value.grad_fn: []} if value.grad_fn is not None else {}
    waiting = list(takers)
    while waiting:
        node = waiting.pop()
        if _kind(node) in _FLAT:
            continue
        for source in _sources(node):
            if source not in takers:
                takers[source] = []
                waiting.append(source)
            takers[source].append(node)
    return takers


def _sources(node: Node) -> set[Node]:
    return {source for source, _ in node.next_functions if source is not None}


def _kind(node: Node) -> str:
    """What a call computes, without the number of its variant."""
    return str(node.name()).rstrip("0123456789").removesuffix("Backward")


def _guards(node: Node) -> bool:
    """Whether a clamp only keeps a divisor from zero."""
    low = getattr(node, "_saved_min", None) if node.name() in ("ClampMinBackward0", "ClampBackward1") else None
    return isinstance(low, float) and 0 < low <= _GUARD
