"""What a unit is made of: units of earlier layers, what each gives to the next, and whether they are the circuit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..base.image import Image
from ..base.pixels import Floats
from ..contract.result import Result


@dataclass(frozen=True, eq=False, kw_only=True)
class Connections(Result):
    """The circuit behind a unit, for one image or over those that drive it most: `values` (m,) are those of its edges.

    The n `units` that are kept, the image's channels first and the unit itself last, lie in `boxes`: `columns` (n,)
    says in which. `flows` (n,) is what each gives to the unit by all ways, and `maps` its activations, (h, w) each, or
    (0, 0) where it has no places. `ends` (m, 2) are the numbers of the source and the target of each edge, `kernels`
    the weights it goes through and the slopes along them, (2, kh, kw) each, whose products add up to it, or (2, 0, 0)
    of sums, pools and gates. `numbers` (b, 4) are inputs, bias, remainder and output of each box. `kept` is the share
    of the unit's `value` that is left with all other units at their mean, `random` (draws,) the same for as many units
    of each box chosen by chance; both are empty or NaN where that was not tried. `crops` are the parts of images that
    drive each unit most, from a scan.
    """

    value: float
    image: Image | None
    seen: NDArray[np.uint8]
    units: tuple[str, ...]
    columns: NDArray[np.int64]
    flows: NDArray[np.float64]
    maps: tuple[Floats, ...]
    ends: NDArray[np.int64]
    kernels: tuple[NDArray[np.float64], ...]
    boxes: tuple[str, ...]
    numbers: NDArray[np.float64]
    kept: float
    random: NDArray[np.float64]
    crops: tuple[NDArray[np.uint8], ...] = ()

    @property
    def edges(self) -> pa.Table:
        """What each unit gives to the next: `source`, `target`, as addresses, and `value`, negative if it inhibits."""
        source, target = ([self.units[i] for i in self.ends[:, side].tolist()] for side in (0, 1))
        return pa.table({"source": source, "target": target, "value": self.values.astype(np.float64)})

    @property
    def ledger(self) -> pa.Table:
        """What flows through each box: `box`, `inputs`, `bias`, `remainder`, `output`; the first three numbers make
        the last.
        """
        names = ("inputs", "bias", "remainder", "output")
        return pa.table({"box": list(self.boxes), **dict(zip(names, self.numbers.T, strict=True))})

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the edges and the ledger."""
        tables = {"edges": self.edges.to_pylist(), "ledger": self.ledger.to_pylist()}
        kept = None if np.isnan(self.kept) else self.kept
        tested = {"kept": kept, "random": self.random.tolist()}
        return {**super().summary(), "value": self.value, **tested, "units": list(self.units), **tables}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array of the result, by name; maps, crops and kernels, which differ in size, are numbered."""
        numbered: dict[str, Sequence[NDArray[Any]]] = {"map": self.maps, "crop": self.crops, "kernel": self.kernels}
        more: dict[str, NDArray[Any]] = {
            f"{name}_{i}": one for name, several in numbered.items() for i, one in enumerate(several)
        }
        return {**super().arrays(), **more}

    @classmethod
    def endings(cls, asked: Mapping[str, Any]) -> tuple[str, ...]:
        """As of every result, and a drawing whose words stay words."""
        return (*super().endings(asked), ".svg")


@dataclass(frozen=True, eq=False, kw_only=True)
class Formula(Result):
    """How one neuron's number comes about: `values` (n,) are the products of weight and input, largest first.

    `weights`, `inputs` (n,) and `sources`, the addresses of what was read, say of what. With `rest`, what all other
    products are together, `bias` and `remainder` they add up to `total`, of which `function` makes `activation`.
    `norm` is the scale and the shift of a norm that is in the weights and the bias, None where there is none. Where a
    convolution made it, `map` (h, w) is the input channel that gives most, `kernel` (kh, kw) its weights, and `moving`
    says how the kernel moves over it: `source`, `stride`, `padding`, `dilation` and the `place` of the neuron.
    """

    image: Image
    seen: NDArray[np.uint8]
    sources: tuple[str, ...]
    weights: NDArray[np.float64]
    inputs: NDArray[np.float64]
    products: NDArray[np.float64]
    rest: float
    others: int
    bias: float
    remainder: float
    total: float
    function: str
    activation: float
    norm: tuple[float, float] | None = None
    map: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    kernel: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    moving: Mapping[str, Any] = field(default_factory=dict)

    @property
    def terms(self) -> pa.Table:
        """The largest products: `source`, `weight`, `input` and `product`."""
        columns = {"weight": self.weights, "input": self.inputs, "product": self.products}
        return pa.table({"source": list(self.sources), **columns})

    @property
    def text(self) -> str:
        """The formula, a term a line."""
        lines = [f"{self.unit} of {self.network}"]
        lines += [
            f"{product:+14.6f}  = {weight:+.6f} × {x:+.6f}  {name}"
            for name, weight, x, product in zip(self.sources, self.weights, self.inputs, self.products, strict=True)
        ]
        lines += [f"{self.rest:+14.6f}  {self.others} more products"] if self.others else []
        lines += [f"{self.bias:+14.6f}  bias"] + ([self._norm] if self.norm else [])
        lines += [f"{self.remainder:+14.6f}  remainder"] if self.remainder else []
        lines += [f"{self.total:+14.6f}  total"]
        if self.function:
            lines += [f"{self.activation:+14.6f}  = {self.function}(total)"]
        return "\n".join(lines)

    @property
    def _norm(self) -> str:
        assert self.norm is not None
        return f"{'':14}  norm in weights and bias: × {self.norm[0]:.6f}, then {self.norm[1]:+.6f}"

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the terms."""
        numbers = {name: getattr(self, name) for name in ("rest", "bias", "remainder", "total", "activation")}
        told = {
            "function": self.function,
            "others": self.others,
            "norm": self.norm,
            "text": self.text,
            "moving": self.moving,
        }
        return {**super().summary(), "terms": self.terms.to_pylist(), **numbers, **told}


@dataclass(frozen=True, eq=False, kw_only=True)
class ExpandedWeights(Result):
    """What an earlier `layer` gives to a neuron by the weights alone: `values` are (C, h, w), or (C,) without places.

    They lie on the `window` (top, left, bottom, right) of that layer's map, which is `side` (height, width) large.
    """

    layer: str
    window: NDArray[np.int64]
    side: tuple[int, ...]

    @property
    def norms(self) -> NDArray[np.float64]:
        """How much of the weights lies on each channel: their Euclidean norm, (C,)."""
        return np.asarray(np.linalg.norm(self.values.reshape(len(self.values), -1).astype(np.float64), axis=1))

    @property
    def order(self) -> NDArray[np.int64]:
        """The channels, those with most weight first."""
        return np.argsort(-self.norms, kind="stable").astype(np.int64)

    @property
    def sums(self) -> NDArray[np.float64]:
        """The sum of each channel's weights, (C,): what an even map gives, negative where the channel inhibits."""
        return np.asarray(self.values.reshape(len(self.values), -1).sum(1, dtype=np.float64))

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the 16 channels of most weight."""
        first = self.order[:16].tolist()
        strongest = [{"channel": c, "norm": float(self.norms[c]), "sum": float(self.sums[c])} for c in first]
        place = {"layer": self.layer, "window": self.window.tolist(), "side": list(self.side)}
        return {**super().summary(), **place, "strongest": strongest}
