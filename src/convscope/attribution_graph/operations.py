"""The executed graph as operations on one image: each a function of the values that depend on the image, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..graph.shape_operators import SPLITS
from ..graph.trace import Call, Graph, Ref

_FIRST_OF = {"max_pool2d_with_indices", "adaptive_max_pool2d", "native_layer_norm"}
_LISTS = SPLITS | _FIRST_OF  # calls that make several values, of which `getitem` takes one


@dataclass(frozen=True)
class Operation:
    """A call, with what makes the list it takes an entry of, if it does; `inputs` are the values it reads.

    `constants` are the tensors and numbers among its arguments that do not depend on the image; `number` is its place.
    """

    call: Call
    inputs: tuple[str, ...]
    constants: Mapping[str, Any]
    maker: Call | None = None
    number: int = 0

    @property
    def name(self) -> str:
        """The name of the value it makes."""
        return self.call.name

    @property
    def kind(self) -> str:
        """What it does, by PyTorch's name for it."""
        return self.call.kind if self.maker is None else self.maker.kind

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The value it makes of those of its inputs."""
        known = {**self.constants, **values}
        if self.maker is not None:
            known[self.maker.name] = self.maker(known)
        return self.call(known)

    @property
    def named(self) -> dict[str, Any]:
        """The arguments by name; tensors that do not depend on the image in place of their names."""
        arguments = (self.maker or self.call).named
        return {name: self._known(argument) for name, argument in arguments.items()}

    def _known(self, argument: Any) -> Any:
        return self.constants.get(argument.name, argument) if isinstance(argument, Ref) else argument


def operations_of(graph: Graph, tensors: Mapping[str, Tensor]) -> list[Operation]:
    """The operations that depend on the image, in order; what does not is computed now, with a batch of one.

    `tensors` are the module's, by the names the calls use.
    """
    constants: dict[str, Any] = dict(tensors)
    makers, found = dict[str, Call](), list[Operation]()
    for call in graph.calls:
        if call.kind == "sym_size":
            constants[call.name] = 1
            continue
        read = [name for name in dict.fromkeys(call.refs) if name not in constants]
        if not read:
            constants[call.name] = call(constants)
            continue
        if call.kind in _LISTS and any(_takes(other, call.name) for other in graph.calls):
            makers[call.name] = call
            continue
        call, maker = _anyhow(call), makers.get(call.refs[0])
        inputs = list(dict.fromkeys(call.refs if maker is None else maker.refs))
        known = {name: constants[name] for name in inputs if name in constants}
        found.append(Operation(call, tuple(name for name in inputs if name not in constants), known, maker, len(found)))
    return found


def _anyhow(call: Call) -> Call:
    """A view as a reshape: values may lie in memory otherwise than in the forward that was traced."""
    return replace(call, op=torch.ops.aten.reshape.default) if call.kind in ("view", "_unsafe_view") else call


def _takes(call: Call, name: str) -> bool:
    return call.kind == "getitem" and call.refs[0] == name
