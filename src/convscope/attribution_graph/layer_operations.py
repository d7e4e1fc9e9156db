"""The operations from the image to a layer, with the module's weights, of a network that is frozen for the while."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.errors import CannotExport
from ..graph.trace import INPUT, Graph, executed
from ..network.isolation.parts import unwrap
from ..network.isolation.running import dtype_of
from ..network.network import Network
from .operations import Operation, operations_of


@dataclass(frozen=True, eq=False)
class LayerOperations:
    """A network's graph, with as many layers in it as can be found, and the operations that make `end`, in order."""

    graph: Graph
    operations: list[Operation]
    end: str
    dtype: torch.dtype

    @classmethod
    def of(cls, net: Network, layer: str) -> LayerOperations:
        """Raises CannotExport, with the reason, where the executed graph cannot be found."""
        graph = _graph(net, layer)
        part = graph.up_to((layer,))
        dtype = torch.float64 if dtype_of(net.module) is torch.float64 else torch.float32
        weights = {name: _usable(t, dtype) for name, t in part.weights(unwrap(net.module)).items()}
        return cls(graph, operations_of(part, weights), part.outputs[layer], dtype)

    def value_of(self, layer: str) -> str:
        """The name of the value that a layer puts out; empty where it is not among them."""
        return INPUT if layer == "input" else self.graph.outputs.get(layer, "")


def _graph(net: Network, layer: str) -> Graph:
    try:
        return executed(net, *net.layers.including(layer))
    except CannotExport:
        return executed(net, layer)


def _usable(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A weight that takes part in gradients; one made in inference mode is copied, for it could not."""
    own = tensor.clone() if tensor.is_inference() else tensor
    return own.to(dtype) if own.is_floating_point() else own
