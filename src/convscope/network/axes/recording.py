"""A forward that is watched operation by operation: what the axes of every tensor hold, and what it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from .axes import Axes, of_image
from .rules import axes_after

INPUT = 0  # the image's node


class Recording(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches all operations inside the block that depend on the image x, (N, C, H, W).

    Operations are nodes, numbered in the order in which they ran; `parents` and `kinds` are those of each.
    """

    def __init__(self, x: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.parents: list[set[int]] = [set()]
        self.kinds: list[str] = ["input"]
        self._nodes = WeakTensorKeyDictionary()
        self._axes = WeakTensorKeyDictionary()
        self._written: dict[int, int] = {}  # memory that an operation in place has changed: by which node
        self._nodes[x], self._axes[x] = INPUT, of_image(x.shape)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given, results = list(tensors_in([*args, *(kwargs or {}).values()])), list(tensors_in([out]))
        for memory in {_memory(result) for result in results} - {_memory(tensor) for tensor in given}:
            self._written.pop(memory, None)  # new, though at the address of something that is gone
        parents = set().union(*map(self._sources, given))
        if parents:
            self._note(func, args, results, parents)
        return out

    def node(self, tensor: Tensor) -> int | None:
        """The operation that made a tensor, or last changed it; None where it does not depend on the image."""
        found = self._sources(tensor)
        return max(found) if found else None

    def axes(self, tensor: Tensor) -> Axes | None:
        """What the axes of a tensor hold, as far as that is known."""
        found: Axes | None = self._axes.get(tensor)  # type: ignore[no-untyped-call]
        return found

    def _note(self, func: Any, args: Any, results: list[Tensor], parents: set[int]) -> None:
        node = len(self.parents)
        self.parents.append(parents)
        self.kinds.append(str(func._schema.name).rpartition("::")[2].rstrip("_"))
        for result, axes in zip(results, axes_after(func, self.axes, args, results), strict=True):
            self._nodes[result] = node
            self._axes[result] = axes
            if func._schema.is_mutable:
                self._written[_memory(result)] = node

    def _sources(self, tensor: Tensor) -> set[int]:
        made = self._nodes.get(tensor)  # type: ignore[no-untyped-call]
        found = made, self._written.get(_memory(tensor))
        return {node for node in found if node is not None}


def ancestors(parents: list[set[int]], end: int, without: int | None = None) -> set[int]:
    """All nodes that a node depends on, itself among them, by ways that do not go through the node `without`."""
    found, waiting = set(), [end]
    while waiting:
        node = waiting.pop()
        if node not in found and node != without:
            found.add(node)
            waiting += parents[node]
    return found


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def tensors_in(values: Any) -> Iterator[Tensor]:
    """The tensors among values, and in lists and tuples of them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)
