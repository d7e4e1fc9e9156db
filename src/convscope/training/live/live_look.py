"""One look for a page: a few pictures of the probe shown to the network as it is, and weights with their gradients."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...base.pixels import Floats
from ..watching.probe import Probe
from ..watching.weight_pictures import shown_weights

PICTURES = 16  # of the probe at most
_PIXELS = 1 << 20  # values of them together, but for one picture


@dataclass
class LiveLook:
    """What a step began with: arrays by what they are, such as maps, and of which layer; `answers` (n, …)."""

    step: int
    arrays: dict[tuple[str, str], Floats] = field(default_factory=dict)
    answers: Floats | None = None

    def show(self, probe: Probe | None, module: nn.Module, layers: dict[str, nn.Module]) -> None:
        """Show the pictures to the network; raises BadKnob where it cannot take them."""
        if probe is None:
            return
        found = probe.look(module, layers)
        self.answers = found.answers.numpy()
        for what, of in (("maps", found.maps), ("map_gradients", found.gradients)):
            self.arrays |= {(what, layer): values.numpy() for layer, values in of.items()}

    def note_weights(self, layers: dict[str, nn.Module]) -> None:
        """Note the weights, and the gradients that the update is made with."""
        for layer, weights, gradients in shown_weights(layers):
            self.arrays["weights", layer] = weights.float().cpu().numpy().copy()
            if gradients is not None:
                self.arrays["weight_gradients", layer] = gradients.float().cpu().numpy().copy()

    def packed(self) -> bytes:
        """As a file."""
        named = {f"{what}|{layer}": values for (what, layer), values in self.arrays.items()}
        answers = {} if self.answers is None else {"answers": self.answers}
        file = io.BytesIO()
        np.savez(file, step=np.int64(self.step), **answers, **named)  # type: ignore[arg-type]
        return file.getvalue()

    @classmethod
    def unpacked(cls, data: bytes) -> LiveLook:
        """Of a file; raises ValueError, KeyError or OSError for one that is none."""
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            look = cls(int(found["step"]), answers=found.get("answers"))
            look.arrays = dict(_named(found))
        return look


def _named(found: np.lib.npyio.NpzFile) -> Iterator[tuple[tuple[str, str], NDArray[np.float32]]]:
    for name in found.files:
        what, parted, layer = name.partition("|")
        if parted:
            yield (what, layer), found[name]


def few(probe: Probe | None) -> Probe | None:
    """The first pictures of a probe, as many as are shown."""
    if probe is None:
        return None
    count = max(1, min(PICTURES, _PIXELS // max(1, probe.images[0].numel())))
    some = torch.narrow(probe.images, 0, 0, min(count, len(probe.images)))
    return Probe(some if probe.targets is None else (some, probe.targets[: len(some)]))
