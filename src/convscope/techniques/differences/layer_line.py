"""The straight line between what a layer makes of two pictures, and what its units contribute to a value along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.unit import Valued
from ...network.backward.layer_gradient import LayerGradient, layer_gradient
from ...network.batch_size import chunks
from ...network.network import Network


@dataclass(frozen=True, eq=False)
class LayerShare:
    """What the units of a layer contribute, (units,), what goes `through` it, in how many `steps` and `passes`."""

    contributions: NDArray[np.float64]
    through: float
    steps: int
    passes: int

    @property
    def gap(self) -> float:
        """What the contributions miss of what goes through."""
        return abs(float(self.contributions.sum()) - self.through)


@dataclass(frozen=True, eq=False)
class Line:
    """From `start` to `stop`, what a layer puts out for the two pictures, as the module lays it out.

    Everything before the layer stays what it is for the first picture, `x`, of which `begin` is the unit's value.
    """

    net: Network
    x: Tensor
    unit: Valued
    layer: str
    start: Tensor
    stop: Tensor
    begin: float
    size: int

    def share(self, steps: int, limit: int, within: float) -> LayerShare:
        """Contributions by so many points, doubled up to `limit` while they miss more than `within` of the sum."""
        found, passes = self._by(steps), steps + 1
        while found.gap > within and found.steps < limit:
            found = self._by(min(2 * found.steps, limit))
            passes += found.steps + 1
        return LayerShare(found.contributions, found.through, found.steps, passes)

    def _by(self, steps: int) -> LayerShare:
        """By the middles of so many equal stretches; the end of the line, which has no weight, comes with the last."""
        row, places = self.net.layers[self.layer], torch.cat([(torch.arange(steps) + 0.5) / steps, torch.ones(1)])
        weights = torch.cat([torch.full((steps,), 1 / steps), torch.zeros(1)]).double()
        slope: Tensor | float = 0.0
        end = self.begin
        for run in chunks(len(places), self.size):
            at = slice(run.start, run.stop)
            found = self._gradient(places[at])
            each = found.gradient.cpu().double()
            slope = slope + torch.tensordot(weights[at], each, 1)
            end = float(found.value[-1])
        apart = (row.arranged(self.stop) - row.arranged(self.start))[0].cpu().double()
        contributions = (apart * slope).reshape(row.units, -1).sum(1).numpy()
        return LayerShare(contributions, end - self.begin, steps, steps + 1)

    def _gradient(self, places: Tensor) -> LayerGradient:
        share = places.to(self.start).reshape(-1, *[1] * (self.start.ndim - 1))
        instead = self.start + share * (self.stop - self.start)
        return layer_gradient(self.net, self.x.expand(len(places), -1, -1, -1), self.unit, self.layer, instead)
