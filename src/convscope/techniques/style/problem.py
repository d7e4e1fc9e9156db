"""What a style transfer works with at each size: contents, styles and regions, resized, dyed and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...optimize.draws import generator
from ...optimize.resample import resized
from .color import Colors, dyed, grey
from .loss import Balance, Styling
from .presets import StylePreset, faded, rough
from .pyramid import Level
from .tiled_features import TiledFeatures

_NOISE = 1e-3 / 255  # around grey: neural-style's
_LEAST = 16  # shorter side of a resized style, in pixels


@dataclass(frozen=True)
class StyleVariant:
    """One picture to be made: of which content, and how much more style, and at what scale, than is asked for."""

    content: int = 0
    style: float = 1.0
    scale: float = 1.0

    def __str__(self) -> str:
        return f"style × {self.style:g}, scale × {self.scale:g}"


@dataclass(frozen=True, eq=False)
class StyleProblem:
    """Goals and beginnings of levels. Pictures are (1, C, H, W) from 0 to 1; regions (H, W), one a style, or none.

    `first` is what the first picture begins with: a picture, or None for noise around grey.
    """

    panes: TiledFeatures
    recipe: StylePreset
    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]
    contents: Sequence[Tensor]
    styles: Sequence[Tensor]
    shares: Sequence[float]
    regions: Sequence[Tensor]
    jobs: Sequence[StyleVariant]
    scale: float
    colors: Colors
    first: Tensor | None
    seed: int

    def goal(self, level: Level) -> Styling:
        """What is raised on a level."""
        job = self.jobs[level.picture]
        content = self.content(level)
        styles = [resized(self._colored(one, content), self._sized(one, level.size, job)) for one in self.styles]
        regions: list[Tensor | None] = [resized(one[None, None], level.size)[0, 0] for one in self.regions]
        return Styling(
            self.panes, self._balance(job.style, level), grey(content) if self.colors == "luminance" else content,
            styles, self.shares, regions or [None] * len(styles), rough(self.recipe.variation, level.size),
        )  # fmt: skip

    def start(self, level: Level, before: Tensor | None) -> Tensor:
        """What was made before at this size; of another content, this one with what was changed of that one."""
        earlier = self.jobs[level.picture - 1].content if level.picture else 0
        another = self.jobs[level.picture].content != earlier
        if before is None or (level.first and not another):
            return self._beginning(level)
        carried = resized(before, level.size)
        if level.first:
            carried = self.content(level) + carried - resized(self.contents[earlier], level.size)
        return carried.clamp(0, 1)

    def content(self, level: Level) -> Tensor:
        """The content of a level, at its size."""
        return resized(self.contents[self.jobs[level.picture].content], level.size)

    def _beginning(self, level: Level) -> Tensor:
        if self.first is not None:
            return resized(self.first, level.size)
        like = self.contents[0]
        noise = torch.randn(1, like.shape[1], *level.size, generator=generator(self.seed, level.picture, 1))
        return 0.5 + _NOISE * noise.to(like.device)

    def _balance(self, more: float, level: Level) -> Balance:
        content, style = sum(self.content_layers.values()), sum(self.style_layers.values())
        return Balance(
            {
                name: faded(self.recipe, level.coarser) * weight / content
                for name, weight in self.content_layers.items()
            },
            {name: more * self.recipe.style * weight / style for name, weight in self.style_layers.items()},
            self.recipe.statistic,
            self.recipe.relative,
        )

    def _colored(self, style: Tensor, content: Tensor) -> Tensor:
        if self.colors == "histogram":
            return dyed(style, content)
        return grey(style, content) if self.colors == "luminance" else style

    def _sized(self, style: Tensor, size: tuple[int, int], job: StyleVariant) -> tuple[int, int]:
        """With the longest side that of the picture, times the scale that is asked for."""
        factor = max(size) * self.scale * job.scale / max(style.shape[-2:])
        factor = max(factor, _LEAST / min(style.shape[-2:]))
        return round(style.shape[-2] * factor), round(style.shape[-1] * factor)
