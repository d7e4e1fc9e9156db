"""Presets of style transfer, by the names of those who found them: layers, weights, statistic, optimizer, sizes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ...optimize.ascent import OptimizerSettings
from ...optimize.regularizer import Penalty, TotalVariation
from .statistics import Statistic

StylePresetName = Literal["convscope", "gatys2015", "gatys2016", "neural-style", "crowson", "chollet-style"]
Begin = Literal["content", "noise"]
DEPTHS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")  # of VGG, as Gatys et al. chose them
CONTENT = "relu4_2"
_KERAS = 2.5  # twice the exponent of squared differences in its total variation
_FADES = 2
_MEMORY = 3 << 29  # bytes that moves of L-BFGS may need
_EDGE = 1 / 13  # what neighboring pixels of photos typically differ by (Mahendran and Vedaldi 2015, half of 1 / 6.5)


@dataclass(frozen=True)
class StylePreset:
    """How to stylize: weights of content, style and roughness, the optimizer, and the sizes.

    `depths` are the weights of the style layers, shallow to deep; only their ratios count. Sizes begin at `smallest`
    pixels and grow by `factor`, `most` of them; `steps` are those at the first, second … size and all after the last.
    Contents count `fading` times as much at each coarser size, two sizes down at most: there a style's large strokes
    are laid, which a picture that must keep its content has no room for later. `absolute` losses are sums over all
    positions, as of a network that takes pixels from 0 to 255. Left to choose, pictures are `height` pixels high.
    """

    content: float
    style: float
    variation: float
    optimizer: OptimizerSettings
    steps: tuple[int, ...]
    depths: tuple[float, ...] = (1.0,) * len(DEPTHS)
    statistic: Statistic = "gram"
    relative: bool = True
    begin: Begin = "content"
    smallest: int = 1
    factor: float = 2.0
    most: int = 1
    averaging: float = 0.0
    fading: float = 1.0
    absolute: bool = False
    content_layer: str = CONTENT
    height: int | None = None
    clipped: bool = True

    def steps_at(self, number: int) -> int:
        """The steps at a size, by its number."""
        return self.steps[min(number, len(self.steps) - 1)]


def faded(preset: StylePreset, coarser: int) -> float:
    """The weight of the content at a size so many sizes below the last."""
    return preset.content * preset.fading ** min(coarser, _FADES)


def rough(weight: float, size: tuple[int, int], absolute: bool = False) -> Penalty | None:
    """Total variation that means the same at every size (H, W): a photo's pixel typically counts 1.

    An `absolute` one is the sum of (dx² + dy²)^1.25 of pixels from 0 to 255.
    """
    if absolute:
        return TotalVariation(weight * 255**_KERAS, _KERAS) if weight else None
    return TotalVariation(weight / (size[0] * size[1] * _EDGE**2)) if weight else None


def remembering(optimizer: OptimizerSettings, sizes: Iterable[tuple[int, int]], channels: int) -> OptimizerSettings:
    """The optimizer, which remembers no more moves than there is memory for, at any of the sizes (H, W)."""
    move = 2 * 4 * channels * max(height * width for height, width in sizes)  # a step and a turn, four bytes a number
    return replace(optimizer, history=max(1, min(optimizer.history, _MEMORY // move)))


_CODE = 5 * 1e3  # of Gatys's code: 1e3 over the square of the channels, at each of five layers
OPTIMIZERS = {
    "adam": OptimizerSettings("adam", 0.02, (0.9, 0.99)),
    "lbfgs": OptimizerSettings("lbfgs", 1.0, history=10),
}
_QUASI = OptimizerSettings("lbfgs", 1.0, history=100)
STYLE_PRESETS: dict[StylePresetName, StylePreset] = {
    # Mostly of shallow layers, which hold colors and strokes; deep ones alone leave the photo's colors as they are.
    "convscope": StylePreset(
        0.15, 1.0, 0.02, OPTIMIZERS["lbfgs"], (200, 100, 50), (16, 16, 4, 2, 1), smallest=128, most=16, fading=0.1
    ),
    # One size from noise, as in the paper, whose weights depend on the picture's size: these are of the code after.
    "gatys2015": StylePreset(1.0, _CODE, 0.0, _QUASI, (500,), relative=False, begin="noise"),
    "gatys2016": StylePreset(1.0, _CODE, 0.0, _QUASI, (500, 200), relative=False, factor=800 / 512, most=2),
    "neural-style": StylePreset(5.0, 5 * 100.0, 1e-3, _QUASI, (1000,), relative=False, begin="noise"),
    "crowson": StylePreset(
        0.015, 1.0, 2 * _EDGE**2, OPTIMIZERS["adam"], (1000, 500), (256, 64, 16, 4, 1), "wasserstein",
        smallest=128, factor=2**0.5, most=16, averaging=0.99,
    ),
    # Keras' example of 2020, in whose losses a picture's size is that of the style's as well.
    "chollet-style": StylePreset(
        2.5e-8, 1e-6, 1e-6, OptimizerSettings("gradient", 100.0, fall=0.96**0.01), (4000,),
        relative=False, absolute=True, content_layer="relu5_2", height=400, clipped=False,
    ),
}  # fmt: skip
assert set(STYLE_PRESETS) == set(get_args(StylePresetName))
