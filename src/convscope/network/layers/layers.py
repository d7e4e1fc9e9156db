"""The layer table: every module whose output can be shown, in the order they finish, and why others cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from torch import Tensor, nn

from ...base.errors import ForwardFailed, UnknownLayer, nearest
from ..axes.axes import Arrangement
from ..axes.recording import INPUT, ancestors
from .functions import is_call

Layout = Literal["NCHW", "NHWC", "NC", "folded"]


@dataclass(frozen=True)
class Layer:
    """One row of the table.

    `shape` is (C, H, W), or (C,) where there are no positions, whatever the `layout` of the tensor itself; `units` the
    number of channels; `calls` how often one forward runs the module: a reused one is read at its last call. `note`
    says so where places were put together from windows or tokens, as `arrangement` does it.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    layout: Layout
    calls: int = 1
    note: str = ""
    arrangement: Arrangement | None = field(default=None, repr=False)
    node: int | None = field(default=None, repr=False, compare=False)

    @property
    def units(self) -> int:
        """How many channels the layer has."""
        return self.shape[0]

    @property
    def has_maps(self) -> bool:
        """Whether it is a module's output of more than one place."""
        return self.kind not in ("input", "output") and len(self.shape) == 3 and self.shape[1] * self.shape[2] > 1

    def arranged(self, tensor: Tensor) -> Tensor:
        """The tensor the layer put out as (N, C, H, W) or (N, C)."""
        plain = tensor.dequantize() if tensor.is_quantized else tensor
        match self.layout:
            case "NCHW":
                return plain
            case "NHWC":
                return plain.movedim(-1, 1)
            case "NC":
                return plain if plain.ndim == 2 else plain.reshape(-1, *self.shape)
        assert self.arrangement is not None
        return self.arrangement(plain)


class Layers(Mapping[str, Layer]):
    """An ordered table of layers by name; the first is `input`, the last `logits` where there are class scores.

    `missing` says of other modules, and of `logits`, why they are no layers; `parents` are the operations that each
    operation of the forward took its numbers from; `order` names all modules that ran, in the order they finished.
    `failure` is why the forward ended before the modules that did not run.
    What functions put out inside modules can be asked for by address, and is listed in `with_functions` only.
    """

    def __init__(
        self,
        network: str,
        layers: list[Layer],
        missing: Mapping[str, str] | None = None,
        parents: Sequence[set[int]] = (),
        order: Sequence[str] = (),
        failure: ForwardFailed | None = None,
        find: Callable[[], Layers] | None = None,
    ) -> None:
        self._network = network
        self._layers = {layer.name: layer for layer in layers}
        self._missing, self._parents = dict(missing or {}), list(parents)
        self.order, self._failure = tuple(order), failure
        self._find = find

    def __getitem__(self, name: str) -> Layer:
        table = self.including(name)
        found = table._layers.get(name)
        if found is None:
            table._refuse(name)
        assert found is not None
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.including(name)._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    @cached_property
    def with_functions(self) -> Layers:
        """The table with what functions put out inside modules too, such as `layer1.0.relu@1`.

        It is found when first asked for, in a recorded forward of its own.
        """
        return self if self._find is None else self._find()

    def including(self, *names: str) -> Layers:
        """The table whose order has a place for all of these: this one, or the one with what functions put out."""
        return self.with_functions if any(map(is_call, names)) else self

    def rows(self) -> list[dict[str, Any]]:
        """The table as plain values."""
        return [
            {"name": row.name, "kind": row.kind, "shape": list(row.shape), "units": row.units, "calls": row.calls}
            for row in self._layers.values()
        ]

    def cuts(self, layer: str, end: str) -> bool:
        """Whether every way from the image to the layer `end` goes through `layer`; not where that is not known."""
        if self.including(layer, end) is not self:
            return self.with_functions.cuts(layer, end)
        target, avoided = self[end].node, self[layer].node
        return None not in (target, avoided) and INPUT not in ancestors(self._parents, target or 0, without=avoided)

    def around(self, layer: str, end: str) -> str | None:
        """A layer with maps on a way from the image to the layer `end` that does not go through `layer`.

        The last one such, or `input` where the way goes through none; None where there is no such way.
        """
        if self.including(layer, end) is not self:
            return self.with_functions.around(layer, end)
        target, avoided = self[end].node, self[layer].node
        if target is None or avoided is None:
            return None
        nodes = ancestors(self._parents, target, without=avoided)
        if INPUT not in nodes:
            return None
        reached = ancestors(self._parents, target)
        beside = [row for row in self.values() if row.has_maps and row.node in nodes and row.node in reached]
        open_ways = [row for row in beside if INPUT in ancestors(self._parents, row.node or 0, without=avoided)]
        return open_ways[-1].name if open_ways else "input"

    def _refuse(self, name: str) -> None:
        if self._failure is not None and (name == "logits" or self._missing.get(name) == NOT_RUN):
            raise ForwardFailed(str(self._failure)) from self._failure.__cause__
        if name == "logits":
            raise ForwardFailed(self._missing.get(name, f"{self._network} has no class scores."))
        if name in self._missing:
            inside = [other for other in self if other.startswith(f"{name}.")][-1:]
            step = f" Use {inside[0]}, inside it." if inside else self._near(name)
            raise UnknownLayer(f"{name} of {self._network} {self._missing[name]}.{step}")
        raise UnknownLayer(f"{self._network} has no layer {name!r}.{self._near(name)}")

    def _near(self, name: str) -> str:
        """What there is instead of a layer, as sentences."""
        if (call := f"{name}@1") in self:
            return f" It is what a function puts out: {call}. {_LIST_FUNCTIONS}"
        return f"{nearest(name, self._layers)} {_LIST_FUNCTIONS if is_call(name) else _LIST}"

    def __repr__(self) -> str:
        rows = [(row.name, row.kind, " × ".join(map(str, row.shape)), str(row.units)) for row in self.values()]
        rows.insert(0, ("layer", "kind", "shape", "units"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


NOT_RUN = "does not run in a forward"
_LIST = "List them with `convscope layers`."
_LIST_FUNCTIONS = "List those with `convscope layers --functions`."


def listed(output: object) -> bool:
    """Whether an output may be a layer: one tensor of real numbers, (N, C), (N, tokens, C) or of four axes."""
    return isinstance(output, Tensor) and output.ndim in (2, 3, 4) and not output.is_complex()


def holds_filters(module: nn.Module | None) -> bool:
    """Whether a module has weights that are filters: those of a convolution or a linear layer."""
    made = getattr(module, "parametrizations", {})
    weight = made["weight"].original0 if "weight" in made and hasattr(made["weight"], "original0") else None
    if "weight" in made and weight is None:
        weight = made["weight"].original  # the attribute itself would be computed, and might change what it is made of
    return getattr(getattr(module, "weight", None) if weight is None else weight, "ndim", 0) in (2, 4)
