"""Programs of `torch.export` as modules: what their graphs have fixed for good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
import torch.fx
from torch import nn
from torch.fx import Node

from ...base.errors import BadKnob

_TRAINED = ("training", "train")  # what operators call the flag
_GUARDS = "_guards_fn"  # an exported program's check of its input


def refuse_training(module: nn.Module) -> None:
    """Raise BadKnob for a graph that was recorded in training mode, which no `module.eval()` can reach."""
    found = Counter(_operator(node) for node in _nodes(module) if _trains(node))
    if found:
        told = " and ".join(f"{count} × {name}" for name, count in sorted(found.items()))
        raise BadKnob(
            f"module must be exported in evaluation mode, not in training mode: {told} of its graph are set to train "
            "for good, so that what it puts out depends on the batch or on chance. Export it after module.eval(), with "
            "no dropout that is always on."
        )


def flattened(module: nn.Module) -> bool:
    """Whether a module is an exported program whose graph calls none of its modules, so that no layer can be heard.

    `torch.export.unflatten(program)` gives the layers back.
    """
    if not isinstance(module, torch.fx.GraphModule):
        return False
    calls = {str(node.target) for node in module.graph.nodes if node.op == "call_module"} - {_GUARDS}
    return not calls and any(isinstance(node.target, torch._ops.OpOverload) for node in module.graph.nodes)


def _nodes(module: nn.Module) -> Iterator[Node]:
    for part in module.modules():
        graph = getattr(part, "graph", None)  # of a GraphModule, or of a module of an unflattened program
        if isinstance(graph, torch.fx.Graph):
            yield from (node for node in graph.nodes if node.op == "call_function")


def _operator(node: Node) -> str:
    return str(getattr(node.target, "__name__", node.target)).partition(".")[0].strip("_")


def _trains(node: Node) -> bool:
    name, given = _operator(node), _arguments(node)
    if "bernoulli" in name or given.get("dropout_p", 0) != 0:  # stochastic depth, attention
        return True
    set_ = any(given.get(flag) is True for flag in _TRAINED)
    if "dropout" in name:
        return set_ and given.get("p") != 0
    return "batch_norm" in name and set_ and given.get("running_mean") is not None  # else it has batch statistics only


def _arguments(node: Node) -> dict[str, Any]:
    """The arguments of a call by name, as far as they have one."""
    schema = getattr(node.target, "_schema", None)
    names = [argument.name for argument in schema.arguments] if schema is not None else []
    return dict(zip(names, node.args, strict=False)) | node.kwargs
