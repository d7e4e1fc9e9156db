"""How a module's class scores become probabilities: by softmax or sigmoid, or as they are where they are some."""

from __future__ import annotations

from enum import Enum

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..axes.recording import Recording

_PASSED = {  # operations that move or average numbers, and learn nothing
    *("view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "select", "slice", "permute", "transpose", "t"),
    *("clone", "_to_copy", "detach", "alias", "expand", "cat", "stack", "mean", "sum", "add", "mul", "div", "exp"),
    *("sub", "rsub", "neg", "reciprocal", "pow", "square", "sqrt", "clamp", "clamp_min", "clamp_max", "round", "prod"),
    *("index", "index_select", "gather", "where", "max", "min", "amax", "amin", "maximum", "minimum", "nan_to_num"),
    *("split", "split_with_sizes", "unbind", "repeat", "flip"),
}
_CLOSE = 1e-3  # to a sum of one


class Scores(Enum):
    """What the class scores of a module are, and so what makes probabilities of them."""

    SOFTMAX = "softmax of the scores"
    SIGMOID = "sigmoid of the one score"
    OWN = "the module's own: it puts out probabilities that sum to one"
    EACH = "the module's own: it ends in a sigmoid, so each class has a probability of its own"

    def probabilities(self, scores: Tensor) -> Tensor:
        """The probabilities of class scores (N, classes), at least in single precision."""
        scores = scores if scores.itemsize > 2 else scores.float()
        match self:
            case Scores.SOFTMAX:
                return scores.softmax(1)
            case Scores.SIGMOID:
                return scores.sigmoid()
        return scores

    def logarithms(self, scores: Tensor) -> Tensor:
        """The logarithms of the probabilities, with slopes where these are almost 0."""
        match self:
            case Scores.SOFTMAX:
                return scores.log_softmax(1)
            case Scores.SIGMOID:
                return logsigmoid(scores)
        return scores.clamp(min=torch.finfo(scores.dtype).tiny).log()


def kind_of_scores(recording: Recording, output: Tensor, single: bool) -> Scores:
    """What the scores of a recorded forward are, (N, classes): by the operations they come from, and their values.

    Numbers from 0 to 1 of which those of every image sum to one are probabilities, whatever made them; those of one
    class, or that do not sum to one, are if nothing but sigmoids is behind them.
    """
    values = output.detach().float().reshape(-1, 1) if single else output.detach().float().flatten(1)
    within = bool(((values >= 0) & (values <= 1)).all())
    if within and not single and bool(((values.sum(1) - 1).abs() < _CLOSE).all()):
        return Scores.OWN
    if within and _only_sigmoids(recording, output):
        return Scores.EACH
    return Scores.SIGMOID if single else Scores.SOFTMAX


def _only_sigmoids(recording: Recording, output: Tensor) -> bool:
    """Whether all ways back from a tensor come to a sigmoid or softmax before anything that learns."""
    first = recording.node(output)
    waiting, seen = [] if first is None else [first], set()
    while waiting:
        node = waiting.pop()
        if node in seen or recording.kinds[node] in _BOUNDED or _logistic(recording, node):
            continue
        if recording.kinds[node] not in _PASSED:
            return False
        seen.add(node)
        waiting += recording.parents[node]
    return first is not None


_BOUNDED = ("sigmoid", "_softmax", "hardsigmoid", "log_sigmoid_forward", "tanh")


def _logistic(recording: Recording, node: int) -> bool:
    """Whether an operation is the division of 1 / (1 + exp(-x)), a sigmoid in other words."""
    sums = [parent for parent in recording.parents[node] if recording.kinds[parent] == "add"]
    inside = (recording.kinds[parent] for one in sums for parent in recording.parents[one])
    return recording.kinds[node] in ("reciprocal", "div") and "exp" in inside
