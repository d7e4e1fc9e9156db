"""Inverting one layer after another: reported, cancelled and taken up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...base.image import open_image
from ...execution.features import FeatureExtractor, Precision
from ...network.network import Network
from ...optimize.canvas import Frame
from ...optimize.loop import AscentLoop
from ...optimize.regularizer import Penalty
from ...optimize.resample import as_bytes, to_picture
from .target import InversionSettings, Inverting, Target


@dataclass(frozen=True)
class InversionSetup:
    """What is the same for all layers: the network, the picture it was given, and how that is made anew."""

    net: Network
    seen: NDArray[np.uint8]
    settings: InversionSettings
    penalty: Penalty
    seed: int
    precision: Precision

    def begin(self, layer: str) -> Inverting:
        """An ascent before its first step; all layers begin with the same noise: each may be asked for alone."""
        extractor = FeatureExtractor(self.net, [layer], self.precision)  # no deeper than the layer needs
        picture = to_picture(open_image(self.seen), self.net.preprocessing.channels, extractor.device)
        rngs = [torch.Generator().manual_seed(self.seed)]
        frame = Frame(rngs, picture.shape[1], *self.net.preprocessing.size, extractor.device)
        mean = torch.tensor(self.net.preprocessing.mean, device=extractor.device)
        return Inverting(Target(extractor, layer, picture), self.settings, self.penalty, frame, mean)


@dataclass(frozen=True, eq=False)
class Inverted:
    """A layer, the pictures ascent began and ended with, (H, W, 3), and what went wrong."""

    layer: str
    start: NDArray[np.uint8]
    picture: NDArray[np.uint8]
    stuck: bool
    broken: int


class InversionRun(AscentLoop):
    """Inverts layers, each in a stage; use it inside `looking`, with all of them."""

    def __init__(self, setup: InversionSetup, layers: Sequence[str]) -> None:
        self.setup, self.layers = setup, layers
        self._done = list[Inverted]()
        super().__init__([setup.settings.steps] * len(layers))

    @property
    def inverted(self) -> list[Inverted]:
        """The layers that were begun, the last one at its best so far where it was cancelled."""
        return [*self._done, self._inverted()] if self.at[1] else self._done

    def _begin(self, stage: int) -> int:
        self._present = self.setup.begin(self.layers[stage])
        self._start = as_bytes(self._present.ascent.image())
        state = self._kept.load(f"layer{stage}")
        if state is not None:
            self._present.ascent.load(state)
        return self._present.ascent.number

    def _ascend(self, stage: int, step: int) -> None:
        self._present.step()

    def _end(self, stage: int) -> None:
        self._done.append(self._inverted())
        self._keep(stage)

    def _keep(self, stage: int) -> None:
        self._kept.save(f"layer{stage}", self._present.ascent.state())

    def _inverted(self) -> Inverted:
        present = self._present
        picture, stuck = as_bytes(present.picture()), bool(present.ascent.stuck)
        return Inverted(present.layer, self._start, picture, stuck, present.broken)

    def _preview(self) -> NDArray[np.float32]:
        """The picture as it is now, (1, C, H, W)."""
        picture: NDArray[np.float32] = self._present.ascent.image().cpu().numpy()
        return picture
