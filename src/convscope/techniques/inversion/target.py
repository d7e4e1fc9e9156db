"""Inverting a layer: an ascent to a picture of which the layer makes the same as of another one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ...base.errors import BadKnob, ForwardFailed
from ...execution.features import FeatureExtractor, along
from ...optimize.ascent import Ascent, NotFinite, OptimizerSettings
from ...optimize.canvas import Canvas, Frame, Pixels, Pyramid
from ...optimize.regularizer import AlphaNorm, Penalty, TotalVariation

InversionPresetName = Literal["convscope", "mahendran"]
_HALF = 0.5  # B of the paper: how far from the middle grey black and white are
_STEP = _HALF / 6.5  # V of the paper: what neighboring pixels of photos typically differ by


@dataclass(frozen=True)
class InversionSettings:
    """How to invert: on which canvas, with which optimizer, in how many steps, and the weight of each regularizer.

    Where they are `fading`, regularizers count as much as the error that is left, and less towards the end: they choose
    among the many pictures a deep layer cannot tell apart, and do not keep an early one from giving back the very one.
    """

    paint: Callable[[Frame, Tensor], Canvas]
    optimizer: OptimizerSettings
    steps: int
    weight: float
    fading: bool


INVERSION_PRESETS: dict[InversionPresetName, InversionSettings] = {
    "convscope": InversionSettings(
        lambda frame, mean: Pyramid(frame), OptimizerSettings("adam", 0.02, (0.5, 0.999), "cosine"), 128, 1, True
    ),
    "mahendran": InversionSettings(
        lambda frame, mean: Pixels(frame, mean=mean), OptimizerSettings("adam", 0.1, schedule="cosine"), 128, 0.1, False
    ),
}


def natural(smoothness: float, range: float, size: tuple[int, int]) -> Penalty:
    """Regularizers that mean the same at every size, (H, W): each pixel counts 1 where it is as wild as it should be.

    Mahendran and Vedaldi 2015: the sum of |x|^6 over H W B^6, and total variation, with β = 2, over H W V^2.
    """
    pixels = size[0] * size[1]
    outside = AlphaNorm(range / (pixels * _HALF**6), 6, _HALF)
    rough = TotalVariation(smoothness / (pixels * _STEP**2))
    return lambda image: outside(image) + rough(image)


class Target:
    """What a layer makes of a picture, (1, C, H, W) from 0 to 1; others are compared with it.

    Raises BadKnob for a layer that is zero everywhere, ForwardFailed for one that is not finite.
    """

    def __init__(self, extractor: FeatureExtractor, layer: str, picture: Tensor) -> None:
        self.extractor, self.layer = extractor, layer
        with torch.no_grad():
            self.activations = extractor(picture)[layer]
        self.size = squares(self.activations)
        if not torch.isfinite(self.size).all():
            raise ForwardFailed(
                f"{layer} must hold finite numbers of this image, not inf or NaN. Choose a layer before it."
            )
        if not self.size.any():
            raise BadKnob(
                f"layer must hold something of this image, not {layer}, whose activations are all zero: there is "
                "nothing to invert. Choose a layer before it, or another image."
            )

    def error(self, pictures: Tensor, redirect: bool = False) -> Tensor:
        """The relative error ‖Φ(x) − Φ₀‖² / ‖Φ₀‖² of each picture, (N,)."""
        return squares(self.extractor(pictures, redirect)[self.layer] - self.activations) / self.size

    def goal(self, pictures: Tensor, redirect: bool) -> tuple[Tensor, Tensor]:
        """The negative relative error of each picture, (N,), and its slope along them."""
        return along(pictures, lambda leaf: -self.error(leaf, redirect), self.layer)


class Inverting:
    """The ascent of one picture to a target."""

    def __init__(
        self, target: Target, settings: InversionSettings, penalty: Penalty, frame: Frame, mean: Tensor
    ) -> None:
        self._fading, self._penalty = settings.fading, penalty
        canvas, optimizer = settings.paint(frame, mean), replace(settings.optimizer, penalties=(self._weighed,))
        self._target, self._error = target, torch.ones(1)
        self.ascent = Ascent(canvas, self._goal, optimizer, settings.steps, frame.rngs, mean.reshape(-1, 1, 1))

    @property
    def layer(self) -> str:
        """The layer of the target."""
        return self._target.layer

    @property
    def broken(self) -> int:
        """The step at which numbers were no longer finite, else 0."""
        return int(self.ascent.ended.item())

    def step(self) -> None:
        """Take one step; nothing more once numbers were not finite."""
        if not self.broken:
            with suppress(NotFinite):
                self.ascent.step()

    @torch.no_grad()
    def picture(self) -> Tensor:
        """The last picture, (1, C, H, W), or one on the way where that was nearer to the target."""
        last = self.ascent.image()
        if self.broken or self.ascent.number == 0:
            return self.ascent.best
        nearer = -self._target.error(last).cpu() >= self.ascent.value
        return last if nearer else self.ascent.best

    def _goal(self, pictures: Tensor, redirect: bool) -> tuple[Tensor, Tensor]:
        values, slopes = self._target.goal(pictures, redirect)
        self._error = -values
        return values, slopes

    def _weighed(self, image: Tensor) -> Tensor:
        """The regularizers; where they fade, whole at first and at an error of 1, nothing in the end or at none."""
        if not self._fading:
            return self._penalty(image)
        left = 1 - self.ascent.number / self.ascent.steps
        return left**2 * self._error.clamp(max=1) * self._penalty(image)


def squares(activations: Tensor) -> Tensor:
    """The sum of squares of each picture's activations, (N,)."""
    return activations.flatten(1).square().sum(1)
