"""What a style transfer works with at each size: contents, styles and regions, resized, dyed and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...optimize.draws import generator
from ...optimize.resample import resized
from .color import Colors, dyed, grey
from .loss import LossWeights, StyleLoss
from .presets import StylePreset, faded, rough
from .schedule import Level, StyleVariant
from .tiled_features import TiledFeatures

_NOISE = 1e-3 / 255  # around grey: neural-style's
_PIXEL = 255.0  # what the largest value of a pixel is in most sources
_LEAST = 16  # shorter side of a resized style, in pixels


@dataclass(frozen=True)
class StyleLayers:
    """Layers of content and of style, each with its weight."""

    content: Mapping[str, float]
    style: Mapping[str, float]

    @property
    def names(self) -> list[str]:
        """All of them, those of content first."""
        return list({**self.content, **self.style})

    @property
    def evidence(self) -> dict[str, Any]:
        """What a result tells of them."""
        return {"content_layers": dict(self.content), "style_layers": dict(self.style)}


@dataclass(frozen=True, eq=False)
class StylePictures:
    """Contents and styles, (1, C, H, W) from 0 to 1, the share of each style, and its region, (H, W), or no regions.

    `first` is what the first picture begins with: a picture, or None for noise around grey.
    """

    contents: Sequence[Tensor]
    styles: Sequence[Tensor]
    shares: Sequence[float]
    regions: Sequence[Tensor]
    first: Tensor | None


@dataclass(frozen=True, eq=False)
class StyleProblem:
    """Goals and beginnings of levels."""

    features: TiledFeatures
    preset: StylePreset
    layers: StyleLayers
    pictures: StylePictures
    variants: Sequence[StyleVariant]
    scale: float
    colors: Colors
    seed: int

    def goal(self, level: Level) -> StyleLoss:
        """What is raised on a level."""
        variant, given, content = self.variants[level.picture], self.pictures, self.content(level)
        styles = [resized(self._colored(one, content), self._sized(one, level.size, variant)) for one in given.styles]
        regions: list[Tensor | None] = [resized(one[None, None], level.size)[0, 0] for one in given.regions]
        return StyleLoss(
            self.features,
            self._weights(variant.style, level),
            content=grey(content) if self.colors == "luminance" else content,
            styles=styles,
            shares=given.shares,
            regions=regions or [None] * len(styles),
            variation=rough(self.preset.variation, level.size, self.preset.absolute),
        )

    def start(self, level: Level, before: Tensor | None) -> Tensor:
        """What was made before at this size; of another content, this one with what was changed of that one."""
        earlier = self.variants[level.picture - 1].content if level.picture else 0
        another = self.variants[level.picture].content != earlier
        if before is None or (level.first and not another):
            return self._beginning(level)
        carried = resized(before, level.size)
        if level.first:
            carried = self.content(level) + carried - resized(self.pictures.contents[earlier], level.size)
        return carried.clamp(0, 1)

    def content(self, level: Level) -> Tensor:
        """The content of a level, at its size."""
        return resized(self.pictures.contents[self.variants[level.picture].content], level.size)

    def _beginning(self, level: Level) -> Tensor:
        if self.pictures.first is not None:
            return resized(self.pictures.first, level.size)
        like = self.pictures.contents[0]
        noise = torch.randn(1, like.shape[1], *level.size, generator=generator(self.seed, level.picture, 1))
        return 0.5 + _NOISE * noise.to(like.device)

    def _weights(self, more: float, level: Level) -> LossWeights:
        content, style = sum(self.layers.content.values()), sum(self.layers.style.values())
        most = faded(self.preset, level.coarser)
        return LossWeights(
            {name: most * weight / content for name, weight in self.layers.content.items()},
            {name: more * self.preset.style * weight / style for name, weight in self.layers.style.items()},
            self.preset.statistic,
            self.preset.relative,
            _PIXEL * float(np.mean(self.features.extractor.net.preprocessing.std)) if self.preset.absolute else 0.0,
        )

    def _colored(self, style: Tensor, content: Tensor) -> Tensor:
        if self.colors == "histogram":
            return dyed(style, content)
        return grey(style, content) if self.colors == "luminance" else style

    def _sized(self, style: Tensor, size: tuple[int, int], variant: StyleVariant) -> tuple[int, int]:
        """With the longest side that of the picture, times the scale that is asked for."""
        factor = max(size) * self.scale * variant.scale / max(style.shape[-2:])
        factor = max(factor, _LEAST / min(style.shape[-2:]))
        return round(style.shape[-2] * factor), round(style.shape[-1] * factor)
