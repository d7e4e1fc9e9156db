"""The layer table: every module whose output can be shown, in the order they finish, found by one recorded forward."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from ..base.errors import ForwardFailed, UnknownLayer, nearest

Layout = Literal["NCHW", "NHWC", "NC"]


@dataclass(frozen=True)
class Layer:
    """One row of the table.

    `shape` is (C, H, W), or (C,) where there are no positions, whatever the `layout` of the tensor itself; `units` the
    number of channels; `calls` how often one forward runs the module: a reused one is read at its last call.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    layout: Layout
    calls: int = 1

    @property
    def units(self) -> int:
        """How many channels the layer has."""
        return self.shape[0]


class Layers(Mapping[str, Layer]):
    """An ordered table of layers by name; the first is `input`, the last `logits`."""

    def __init__(self, network: str, layers: list[Layer]) -> None:
        self._network = network
        self._layers = {layer.name: layer for layer in layers}

    def __getitem__(self, name: str) -> Layer:
        if name not in self._layers:
            near = nearest(name, self._layers)
            raise UnknownLayer(f"{self._network} has no layer {name!r}.{near} List them with `convscope layers`.")
        return self._layers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def rows(self) -> list[dict[str, Any]]:
        """The table as plain values."""
        return [
            {"name": row.name, "kind": row.kind, "shape": list(row.shape), "units": row.units, "calls": row.calls}
            for row in self._layers.values()
        ]

    def __repr__(self) -> str:
        rows = [(row.name, row.kind, " × ".join(map(str, row.shape)), str(row.units)) for row in self.values()]
        rows.insert(0, ("layer", "kind", "shape", "units"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def listed(output: object) -> bool:
    """Whether an output can be shown, and so is a layer: maps (N, C, H, W) or (N, H, W, C), or vectors (N, C)."""
    return isinstance(output, Tensor) and output.ndim in (2, 4)


def holds_filters(module: nn.Module | None) -> bool:
    """Whether a module has weights that are filters: those of a convolution or a linear layer."""
    return getattr(getattr(module, "weight", None), "ndim", 0) in (2, 4)


class Recorder:
    """Forward hooks that note the shape of every module's output."""

    def __init__(self, input_size: tuple[int, int]) -> None:
        self.rows: dict[str, Layer] = {}
        self._aspect = input_size[0] / input_size[1]
        self._layout: Layout = "NCHW"

    def watch(self, name: str) -> Any:
        """A forward hook that records what the module called `name` puts out."""

        def record(module: nn.Module, _inputs: object, output: object) -> None:
            if listed(output):
                assert isinstance(output, Tensor)
                calls = self.rows.pop(name).calls + 1 if name in self.rows else 1
                self.rows[name] = self.row(name, type(module).__name__, output, module, calls)

        return record

    def row(self, name: str, kind: str, output: Tensor, module: nn.Module | None = None, calls: int = 1) -> Layer:
        """The row for one output."""
        if not listed(output):
            raise ForwardFailed(
                f"The module returned a tensor of shape {tuple(output.shape)}; class scores must be (N, classes), "
                "or (N, C, H, W) for maps. Wrap the module to return that."
            )
        layout = self._layout_of(output, module)
        shape = tuple(output.shape[1:])
        return Layer(name, kind, (shape[-1], *shape[:-1]) if layout == "NHWC" else shape, layout, calls)

    def _layout_of(self, output: Tensor, module: nn.Module | None) -> Layout:
        """Where the channels are: known for some modules, else where the positions keep the picture's aspect."""
        if output.ndim == 2:
            return "NC"
        if isinstance(module, _FIRST):
            self._layout = "NCHW"
        elif type(module) in _LAST and len(getattr(module, "normalized_shape", "1")) == 1:
            self._layout = "NHWC"
        else:
            _, a, b, c = output.shape
            first, last = abs(math.log(b / c / self._aspect)), abs(math.log(a / b / self._aspect))
            if abs(first - last) > 1e-9:
                self._layout = "NCHW" if first < last else "NHWC"
        return self._layout


_FIRST = (
    nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.MaxPool2d, nn.AvgPool2d,
    nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Upsample, nn.PixelShuffle, nn.ZeroPad2d, nn.LocalResponseNorm,
)  # fmt: skip
_LAST = (nn.Linear, nn.LayerNorm)  # exactly these: subclasses of LayerNorm may permute
