"""Where the inputs of a call in autograd's graph come from: back to the last convolution, matrix or pooling.

Two inputs that share what lies before them are of the same tensor: what is made of both bends it, as x*sigmoid(x) does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

Node: TypeAlias = Any  # of autograd's graph: one call
Edge: TypeAlias = tuple[Node, int]  # one output of it

SHAPING = {
    "View", "UnsafeView", "ReshapeAlias", "Expand", "Unsqueeze", "Squeeze", "Permute", "Transpose", "T", "Clone",
    "Alias", "ToCopy",
}  # fmt: skip
FLAT = {"Sign", "Sgn", "Round", "Floor", "Ceil", "Trunc"}  # whose derivative is zero: nothing flows back through them
_SCALING = {"Mul", "Div", "Add", "Sub", "Rsub", "Neg"}  # of one tensor and constants: no more than a scale and a shift
_MIXING = (
    "Convolution", "Conv", "Addmm", "Mm", "Bmm", "Baddbmm", "Mv", "Mkldnn", "Cudnn", "Linear", "NativeLayerNorm",
    "NativeGroupNorm", "FusedRmsNorm", "Softmax", "LogSoftmax", "ScaledDot", "Upsample", "Cat", "Stack", "Grid", "Fft",
    "Index", "Gather", "Roll", "Flip", "Mean", "Sum", "Var", "Std", "Norm", "LinalgVectorNorm", "PixelShuffle",
    "Col2Im",
)  # fmt: skip


def kind(node: Node) -> str:
    """What a call computes, without the number of its variant."""
    name = str(node.name())
    return name.partition("Backward")[0].removeprefix("Foreach") if "Backward" in name else name


def inputs_of(node: Node) -> list[Edge]:
    """The inputs of a call, a tensor that is given twice being there twice."""
    return [(source, number) for source, number in node.next_functions if source is not None]


def origin(edge: Edge) -> set[Edge]:
    """All that an input was computed from since the last convolutions, matrices and poolings, and these."""
    found, waiting = {edge}, [edge]
    while waiting:
        node, _ = waiting.pop()
        new = [] if _mixes(node) else [source for source in inputs_of(node) if source not in found]
        found.update(new)
        waiting.extend(new)
    return found


def related(node: Node) -> bool:
    """Whether some two inputs of a call are of the same tensor."""
    seen: set[Edge] = set()
    for found in map(origin, inputs_of(node)):
        if seen & found:
            return True
        seen |= found
    return False


def apart(node: Node) -> Iterator[Node]:
    """What the inputs of a call went through, but not all of them."""
    found = [origin(edge) for edge in inputs_of(node)]
    every, common = found[0].union(*found), found[0].intersection(*found)
    for other, _ in every - common:
        yield other


def carries(node: Node) -> bool:
    """Whether a call only shapes, scales or shifts one tensor."""
    return kind(node) in SHAPING or (kind(node) in _SCALING and len(inputs_of(node)) == 1)


def stacked(node: Node) -> bool:
    """Whether a call takes what was laid side by side of the same tensor: it and zeros, or it and what it became."""
    for source, _ in inputs_of(node):
        name = kind(source)
        if name == "Stack" or (name == "Cat" and (related(source) or _lifted(source))):
            return True
        if name in SHAPING and stacked(source):
            return True
    return False


def averages(node: Node) -> bool:
    """Whether a call sums or averages over places, channels or both."""
    name = kind(node)
    return (name.startswith(("Mean", "Sum")) or "AvgPool" in name) and smaller(node)


def smaller(node: Node) -> bool:
    """Whether a call puts out fewer numbers than it takes."""
    return any(_count(node, 0) < _count(*edge) for edge in inputs_of(node))


def _lifted(node: Node) -> bool:
    return any(kind(source) == "Unsqueeze" for source, _ in inputs_of(node))


def _mixes(node: Node) -> bool:
    name = kind(node)
    return name.startswith(_MIXING) or "Pool" in name or smaller(node)


def _count(node: Node, number: int) -> float:
    """How many numbers a call puts out; of one that does not tell, no less than any."""
    told = getattr(node, "_input_metadata", ())
    return math.prod(told[number].shape) if number < len(told) else math.inf
