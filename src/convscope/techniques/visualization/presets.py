"""Presets: canvas, transforms, optimizer and steps of feature visualizations, by the names of those who found them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, get_args

import torch

from ...base.image import Image
from ...optimize.ascent import OptimizerSettings
from ...optimize.canvas import Canvas, Fourier, Frame, MagnitudeConstrained, Pixels, Pyramid, Tempered
from ...optimize.photo_spectrum import magnitudes, photos
from ...optimize.regularizer import L2, BlurEvery, Clip, Decay
from ...optimize.transform import Crop, Jitter, Noise, Pad, RandomScale, Rotate, Tint, Transform

PresetName = Literal[
    "natural",
    "convscope",
    "lucid",
    "maco",
    "simonyan",
    "yosinski1",
    "yosinski2",
    "yosinski3",
    "yosinski4",
    "chollet2020",
]
CanvasName = Literal["auto", "pixels", "fourier", "tempered", "pyramid", "maco"]
Paint = Callable[[Frame, torch.Tensor, Sequence[Image]], Canvas]  # of a frame, the network's mean colors, and photos
Develop = Callable[[torch.Tensor], torch.Tensor]  # pictures (N, C, H, W) of any range as pictures from 0 to 1


@dataclass(frozen=True)
class VisualizationPreset:
    """How to paint a unit: on which canvas, how it moves at a share of the way, by which optimizer, in how many steps.

    Each step takes the mean of so many `looks`; `above` says whether a class score is measured above all others, and
    `border` how many positions at each side of a map do not count. Pictures are `side` pixels wide and high, where a
    network takes that many, and finally `developed` where canvases hold no pictures from 0 to 1. `chosen_on` names the
    network that steps were chosen on, where their lengths mean something else on others.
    """

    paint: Paint
    optimizer: OptimizerSettings
    steps: int
    transforms: Callable[[float, int], tuple[Transform, ...]] = lambda share, side: ()
    looks: int = 1
    above: bool = False
    border: int = 0
    side: int | None = None
    developed: Develop | None = None
    chosen_on: str = ""


def _ours(share: float, side: int) -> tuple[Transform, ...]:
    return (Jitter(side * 3 / 28), RandomScale(0.75, 1.4), Rotate(15), Tint(0.3))


def _lucid(share: float, side: int) -> tuple[Transform, ...]:
    """Of pixels at 224: pad 12, jitter 8, scale ± 10 %, rotate ± 10°, jitter 4."""
    unit = side / 224
    return (Pad(round(12 * unit)), Jitter(4 * unit), RandomScale(0.9, 1.1), Rotate(10), Jitter(2 * unit))


def _maco(share: float, side: int) -> tuple[Transform, ...]:
    window = 0.5 + (0.05 - 0.5) * share
    return (Crop(window, window), Noise(0.08))


def _pixels(frame: Frame, mean: torch.Tensor, given: Sequence[Image], noise: float = 10 / 255) -> Canvas:
    return Pixels(frame, noise, mean)


def _fourier(frame: Frame, mean: torch.Tensor, given: Sequence[Image], decay: float = 1.0) -> Canvas:
    return Fourier(frame, decay=decay)


def _tempered(frame: Frame, mean: torch.Tensor, given: Sequence[Image]) -> Canvas:
    return Tempered(frame)


def _pyramid(frame: Frame, mean: torch.Tensor, given: Sequence[Image]) -> Canvas:
    return Pyramid(frame)


def _constrained(frame: Frame, mean: torch.Tensor, given: Sequence[Image]) -> Canvas:
    return MagnitudeConstrained(frame, magnitudes(given or photos(), frame.channels, (frame.height, frame.width)))


def _noise(frame: Frame, mean: torch.Tensor, given: Sequence[Image]) -> Canvas:
    """Uniform noise of an eighth of the way from black to white about grey, never clipped."""
    return Pixels(frame, start=0.5 + (frame.uniform(*frame.shape) - 0.5) / 8, clipped=False)


def stretched(pictures: torch.Tensor) -> torch.Tensor:
    """The middle of pictures (130 of 180 pixels), each less its mean, at a deviation of 0.15, about grey (Chollet)."""
    height, width = (side - 2 * round(side * 25 / 180) for side in pictures.shape[-2:])
    mean, deviation = (f(pictures.flatten(1), 1)[:, None, None, None] for f in (torch.mean, _deviation))
    top, left = (pictures.shape[-2] - height) // 2, (pictures.shape[-1] - width) // 2
    middle = (pictures - mean)[..., top : top + height, left : left + width]
    return (middle / (deviation + 1e-5 / 2) * 0.15 + 0.5).clamp(0, 1)


def _deviation(numbers: torch.Tensor, axis: int) -> torch.Tensor:
    return numbers.std(axis, correction=0)


_CAFFENET = "CaffeNet, which takes pixels from 0 to 255"


def _yosinski(
    *updates: Decay | BlurEvery | Clip, steps: int, progress: float = 0, most: float = 100
) -> VisualizationPreset:
    optimizer = OptimizerSettings("progress", progress, most=most) if progress else OptimizerSettings("gradient", most)
    return VisualizationPreset(_pixels, replace(optimizer, updates=updates), steps, chosen_on=_CAFFENET)


CANVASES: dict[str, Paint] = {
    "pixels": _pixels, "fourier": _fourier, "tempered": _tempered, "pyramid": _pyramid, "maco": _constrained,
}  # fmt: skip
_SWIFT = OptimizerSettings("adam", 0.1, (0.5, 0.999), "cosine")
PRESETS: dict[str, VisualizationPreset] = {
    "natural": VisualizationPreset(_tempered, _SWIFT, 128, _ours, above=True),
    # The first recipe of ours, a little better recognized and burned: requests that name it paint what they did.
    "convscope": VisualizationPreset(partial(_fourier, decay=1.4), _SWIFT, 96, _ours, above=True),
    "lucid": VisualizationPreset(_fourier, OptimizerSettings("adam", 0.05), 512, _lucid),
    "maco": VisualizationPreset(_constrained, OptimizerSettings("nadam", 1.0), 256, _maco, looks=32),
    "simonyan": VisualizationPreset(
        partial(_pixels, noise=0.0),
        OptimizerSettings("gradient", 100.0, penalties=(L2(1e-3),)),
        300,
        chosen_on="a network of 2013 that takes pixels from 0 to 255",
    ),
    "yosinski1": _yosinski(BlurEvery(0.5), Clip("norm", 50), steps=500, progress=2),
    "yosinski2": _yosinski(Decay(0.3), Clip("norm", 20), steps=750),
    "yosinski3": _yosinski(Decay(1e-4), BlurEvery(1.0), steps=1000),
    "yosinski4": _yosinski(BlurEvery(0.5), Clip("absolute", 90), steps=1000, progress=2, most=1e8),
    # His network takes -1 to 1: noise of (u - 0.5) / 4 and steps of 10 are half of that from 0 to 1.
    "chollet2020": VisualizationPreset(
        _noise, OptimizerSettings("unit", 5.0), 30, border=2, side=180, developed=stretched
    ),
}
assert set(PRESETS) == set(get_args(PresetName))
