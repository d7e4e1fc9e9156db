"""Regions of an exported graph that are graphs of their own, such as those in another gradient mode, put in place."""

from __future__ import annotations

from typing import Any

from torch import fx

from ..base.errors import CannotExport

_UNDER_AUTOCAST = 2  # the place, among the arguments of such a region, of whether it is under autocast at all


def inline(module: fx.GraphModule) -> fx.Graph:
    """The graph of a module with its regions inside; those that only set the gradient mode compute the same there.

    Raises CannotExport for other regions: under autocast, loops and branches that depend on numbers.
    """
    for node in list(module.graph.nodes):
        inner = next((arg for arg in node.all_input_nodes if arg.op == "get_attr"), None)
        if inner is not None and node.op == "call_function":
            _put_in_place(module.graph, node, inner, getattr(module, str(inner.target)))
    return module.graph


def _put_in_place(graph: fx.Graph, node: fx.Node, inner: fx.Node, region: Any) -> None:
    name, place = getattr(node.target, "__name__", str(node.target)), node.args.index(inner)
    under_autocast = name == "wrap_with_autocast" and bool(node.args[_UNDER_AUTOCAST])
    if name not in ("wrap_with_set_grad_enabled", "wrap_with_autocast") or under_autocast:
        raise CannotExport(f"a part of it runs {'under autocast' if under_autocast else f'as {name}'}")
    inside = inline(region)
    starts = [other for other in inside.nodes if other.op == "placeholder"]
    given: dict[fx.Node, Any] = dict(zip(starts, node.args[place + 1 :], strict=True))
    with graph.inserting_before(node):
        results: Any = graph.graph_copy(inside, given)
    for user in list(node.users):  # each takes one of the results
        user.replace_all_uses_with(results[user.args[1]])
        graph.erase_node(user)
    graph.erase_node(node)
