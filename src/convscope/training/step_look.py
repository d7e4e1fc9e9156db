"""One look: all that is noted of a step of training, and what becomes of it as rows of a record."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .health import LayerLook
from .statistics.later import Later
from .statistics.samples import scaled_histogram
from .statistics.weight_statistics import WeightStatistics
from .storage.tables import rounded
from .watching.forwards import Forwards

_NORMS = ("weight", "gradient", "update")
_Found: TypeAlias = dict[tuple[str, str, int], NDArray[Any]]
_Norms: TypeAlias = dict[tuple[str, str], float]


class StepLook:
    """What was noted of a step, on its way from the device."""

    def __init__(self, step: int, forwards: Forwards, weights: WeightStatistics, sizes: dict[str, int]) -> None:
        self.step, self._sizes = step, sizes
        self.layers = [*dict.fromkeys([*forwards.sums, *(layer for layer, _, _ in weights.found)])]
        self._counts, self._of = dict(forwards.counts), {name: of for name, (_, of) in forwards.flat.items()}
        self._found = Later[tuple[str, str, int]]({**_outputs(forwards), **weights.found})

    def read(self) -> tuple[list[dict[str, Any]], list[LayerLook]]:
        """The rows of the table of layers, and what is judged of them."""
        found = self._found.read()
        norms = _norms(found)
        both = [(self._row(layer, found, norms), self._judged(layer, found, norms)) for layer in self.layers]
        return [row for row, _ in both], [one for _, one in both]

    def _row(self, layer: str, found: _Found, norms: _Norms) -> dict[str, Any]:
        row: dict[str, Any] = {"step": self.step, "layer": layer}
        sums = found.get((layer, "sums", 0))
        if sums is not None:
            count = self._counts[layer]
            mean, square, zeros = rounded(sums[:3] / count)
            row |= {"mean": mean, "mean_square": square, "zero_share": zeros}
            row |= {"dead": int((sums[2] == count).sum()), "nonfinite": int(sums[3].sum())}
        if (layer, "flat", 0) in found:
            row["saturated"] = float(found[layer, "flat", 0]) / self._of[layer]
        row |= {f"{what}_norm": norms[layer, what] for what in _NORMS if (layer, what) in norms}
        if norms.get((layer, "weight"), 0.0) > 0 and (layer, "update") in norms:
            row["update_ratio"] = norms[layer, "update"] / norms[layer, "weight"]
        for what in ("outputs", "weights", "gradients"):
            if (layer, what, 0) in found:
                row[f"{what}_bins"], row[f"{what}_power"] = scaled_histogram(found[layer, what, 0])
        return row

    def _judged(self, layer: str, found: _Found, norms: _Norms) -> LayerLook:
        weight, gradient, update = (norms.get((layer, what), math.nan) for what in _NORMS)
        root = math.sqrt(self._sizes.get(layer, 0) or 1)
        if (layer, "gradient") in norms and not math.isfinite(gradient):
            gradient = math.inf
        sums = found.get((layer, "sums", 0))
        if sums is None:
            return LayerLook(layer, 0.0, math.nan, 0, weight / root, update / root, gradient)
        count = self._counts[layer]
        rms = math.sqrt(float(sums[1].mean()) / count) if np.isfinite(sums[1]).all() else math.inf
        dead, strange = float((sums[2] == count).mean()), int(sums[3].sum())
        return LayerLook(layer, dead, rms, strange, weight / root, update / root, gradient)


def _outputs(forwards: Forwards) -> dict[tuple[str, str, int], Tensor]:
    found: dict[tuple[str, str, int], Tensor] = {}
    for layer, sums in forwards.sums.items():
        found[layer, "sums", 0] = _added(sums)
        found[layer, "outputs", 0] = forwards.samples[layer]
        if layer in forwards.flat:
            found[layer, "flat", 0] = forwards.flat[layer][0]
    return found


def _added(sums: list[Tensor]) -> Tensor:
    """The sums of several calls together, which DataParallel makes on several devices."""
    total = sums[0]
    for other in sums[1:]:
        total = total + other.to(total.device)
    return total


def _norms(found: _Found) -> dict[tuple[str, str], float]:
    """The norm of all weights of a layer together, from those of each of its tensors."""
    squares: dict[tuple[str, str], float] = {}
    for (layer, what, _), norm in found.items():
        if what in _NORMS:
            squares[layer, what] = squares.get((layer, what), 0.0) + float(norm) ** 2
    return {key: math.sqrt(square) for key, square in squares.items()}
