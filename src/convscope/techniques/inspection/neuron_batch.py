"""Single neurons, each in an image of its own: their activations, and what is projected back from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ...base.errors import NoRectifier
from ...base.pixels import Floats, Ints
from ...base.unit import Unit
from ...network.backward import backward_rules
from ...network.backward.gradient import Gradient, gradient
from ...network.batch_size import chunks, fitting_batch_size
from ...network.network import Network
from ..attribution.target import array

Rule: TypeAlias = Literal["guided", "deconvnet", "plain"]

_RULES = {"deconvnet": backward_rules.deconvnet_rule, "guided": backward_rules.guided_rule, "plain": None}
_ADDED = ("forward_passes", "backward_passes")


@dataclass(frozen=True, eq=False)
class Neurons:
    """Neurons of a layer: `channels` (n,) and `positions` (n, 2), y and x, which mean nothing where it has no map."""

    net: Network
    layer: str
    channels: Ints
    positions: Ints

    def __len__(self) -> int:
        return len(self.channels)

    def part(self, which: range | Ints) -> Neurons:
        """Some of them, by their numbers."""
        return Neurons(self.net, self.layer, self.channels[which], self.positions[which])

    def measure(self, x: Tensor) -> Tensor:
        """The activation of each, in its own one of n prepared inputs, (n,)."""
        read = self.net.read(x, self.layer)[self.layer]
        channels, y, x_ = (
            torch.from_numpy(index).to(read.device) for index in (self.channels, *self.positions.T.copy())
        )
        each = torch.arange(len(channels), device=read.device)
        return read[each, channels] if read.ndim == 2 else read[each, channels, y, x_]

    def activations(self, x: Tensor) -> Floats:
        """The activation of each in its own prepared input, in batches."""
        with torch.inference_mode(False), torch.no_grad():
            return np.concatenate([np.zeros(0, np.float32), *(array(n.measure(part)) for n, part in self._batches(x))])

    def project(self, x: Tensor, rule: Rule, smooth: bool) -> tuple[Floats, dict[str, Any]]:
        """Each projected back alone: (n, C, H, W) in normalized input space times its activation, and the evidence.

        Where nothing on the way could follow the rule it is left out, and the evidence says so.
        """
        try:
            found = [self._gradient(n, part, rule, smooth) for n, part in self._batches(x, backward=True)]
        except NoRectifier as error:
            hint = ", unless smooth=True" if "smooth=True" in str(error) else ""
            told = f"nothing on the way can follow the {rule} rule{hint}: each projection is the plain gradient"
            values, evidence = self.project(x, "plain", smooth)
            return values, {**evidence, "without_rule": told}
        values = np.concatenate([array(run.values * run.value[:, None, None, None]) for run in found])
        evidence = {name: told for name, told in found[0].evidence.items() if name != "vanished"}
        return values, {**evidence, "rule": rule, **_summed(found), **_vanished(values)}

    def _gradient(self, neurons: Neurons, x: Tensor, rule: Rule, smooth: bool) -> Gradient:
        unit = Unit(self.layer, int(neurons.channels[0]))
        return gradient(self.net, x, unit, _RULES[rule], smooth, measure=neurons.measure)

    def _batches(self, x: Tensor, backward: bool = False) -> Iterable[tuple[Neurons, Tensor]]:
        size = fitting_batch_size(self.net, self.layer, backward=backward)
        return ((self.part(run), x[run.start : run.stop]) for run in chunks(len(x), size))


def _vanished(values: Floats) -> dict[str, str]:
    """What to say where some of the projections are zero."""
    count = len(values) - int(values.any((1, 2, 3)).sum())
    why = "nothing in the image moves a neuron that is constant, or at the ceiling of its rectifier"
    return {"vanished": f"{count} of {len(values)} projections flat: {why}"} if count else {}


def _summed(found: list[Gradient]) -> dict[str, int]:
    return {name: sum(run.evidence[name] for run in found) for name in _ADDED}
