"""The loss of a picture that is to be like one in what layers make of it, and like others in their statistics.

Statistics are of the whole picture, however many windows it is seen through: a first pass adds them up, and in a second
each window is pulled by what they say, which is linear in what is left to know of it. Memory is that of one window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...optimize.regularizer import Penalty
from .statistics import DISTANCES, ChannelMoments, Distance, Statistic, moments, pull, summed_distance
from .tiled_features import FeatureTile, TiledFeatures

Regions = Sequence[Tensor | None]
"""Where each style holds, (H, W) from 0 to 1; None: everywhere."""


@dataclass(frozen=True)
class LossWeights:
    """What counts how much: layers of content and of style, what makes a style, and whether losses are relative.

    Relative losses are 0 for the target and 1 where nothing fires, on every layer of every network. Otherwise they are
    the means of squares that Gatys's code takes, which depend on how a network was scaled; or, where `absolute` is not
    0, the sums of Keras' example, in which maps are so many times as large.
    """

    content: Mapping[str, float]
    style: Mapping[str, float]
    statistic: Statistic = "gram"
    relative: bool = True
    absolute: float = 0.0

    @property
    def layers(self) -> tuple[str, ...]:
        """All of them."""
        return tuple({**self.content, **self.style})


@dataclass(frozen=True, eq=False)
class ContentTarget:
    """A layer's maps that are to be met, (1, C, H, W), with what a squared difference counts."""

    target: Tensor
    weight: Tensor

    @classmethod
    def of(cls, target: Tensor, weight: float, weights: LossWeights) -> ContentTarget:
        """Over the sum of the target's squares, else over how many numbers there are, or over nothing."""
        if weights.absolute:
            return cls(target, target.new_tensor(weight * weights.absolute**2))
        relative = weights.relative
        size = target.square().sum().clamp(min=1e-30) if relative else target.new_tensor(float(target.numel()))
        return cls(target, weight / size)


class StyleLoss:
    """The goal of a stylized picture; `losses` are those of the last look: content, style, variation."""

    def __init__(
        self,
        features: TiledFeatures,
        weights: LossWeights,
        content: Tensor,
        styles: Sequence[Tensor],
        shares: Sequence[float],
        regions: Regions,
        variation: Penalty | None = None,
    ) -> None:
        self.features, self.weights, self.regions, self.variation = features, weights, regions, variation
        whole = features.whole(content, list(weights.content))
        self.targets = {
            layer: ContentTarget.of(whole[layer], weight, weights) for layer, weight in weights.content.items()
        }
        self.shares = tuple(shares)
        self.distances = [self._distances(style) for style in styles]
        self.losses = {"content": 0.0, "style": 0.0, "variation": 0.0}

    def __call__(self, pictures: Tensor, redirect: bool) -> tuple[Tensor, Tensor]:
        """Minus the loss of a picture (1, C, H, W), (1,), and its slope along the picture."""
        with torch.enable_grad():
            spans = self.features.spans(pictures)
            tiles = [self.features.look(pictures, *spans[0], redirect)] if len(spans) == 1 else []
            totals = self._totals(tiles or self.features.each(pictures))
            style, slopes = self._style(totals)
            content, along = pictures.new_zeros(()), torch.zeros_like(pictures)
            for row, column in spans:
                tile = tiles.pop() if tiles else self.features.look(pictures, row, column, redirect)
                content += self._content(tile)
                along[..., row.shown, column.shown] += tile.pulled(self._pulls(tile, totals, slopes))
            variation, rough = self._variation(pictures)
        self.losses = {"content": float(content), "style": float(style), "variation": float(variation)}
        return -(content + style + variation).reshape(1), -(along + rough)

    def _distances(self, style: Tensor) -> dict[str, Distance]:
        found = _added(
            {layer: moments(tile.kept(layer)) for layer in self.weights.style} for tile in self.features.each(style)
        )
        measure, pixels = DISTANCES[self.weights.statistic], style.shape[-2] * style.shape[-1]
        if self.weights.absolute:
            return {layer: summed_distance(found[layer], pixels, self.weights.absolute) for layer in self.weights.style}
        return {layer: measure(found[layer], self.weights.relative) for layer in self.weights.style}

    @torch.no_grad()
    def _totals(self, tiles: Iterable[FeatureTile]) -> list[dict[str, ChannelMoments]]:
        """The moments of the whole picture, by region and layer; a region that is everywhere is that of all styles."""
        parts = [[self._moments(tile, region) for region in self._different()] for tile in tiles]
        return [_added(column) for column in zip(*parts, strict=True)]

    def _moments(self, tile: FeatureTile, region: Tensor | None) -> dict[str, ChannelMoments]:
        return {layer: moments(tile.kept(layer), _guide(region, tile, layer)) for layer in self.weights.style}

    def _different(self) -> list[Tensor | None]:
        return list(self.regions) if any(region is not None for region in self.regions) else [None]

    def _style(self, totals: list[dict[str, ChannelMoments]]) -> tuple[Tensor, list[dict[str, tuple[Tensor, Tensor]]]]:
        """The loss, and by region and layer its slopes along the mean and along the Gram matrix."""
        loss: Tensor = torch.zeros(())
        slopes: list[dict[str, tuple[Tensor, Tensor]]] = [{} for _ in totals]
        for number, found in enumerate(totals):
            for layer, total in found.items():
                mean, gram = total.mean.requires_grad_(), total.gram.requires_grad_()
                styles = range(len(self.distances)) if len(totals) == 1 else [number]
                one = self.weights.style[layer] * sum(
                    (self.shares[k] * self.distances[k][layer](mean, gram) for k in styles), start=mean.new_zeros(())
                )
                along = torch.autograd.grad(one, [mean, gram], allow_unused=True)
                slopes[number][layer] = tuple(
                    torch.zeros_like(x) if g is None else g for x, g in zip((mean, gram), along, strict=True)
                )  # type: ignore[assignment]
                loss = loss.to(one.device) + one.detach()
        return loss, slopes

    def _content(self, tile: FeatureTile) -> Tensor:
        with torch.no_grad():
            return sum(
                (
                    one.weight * (tile.kept(layer) - one.target[(..., *tile.at(layer))]).square().sum()
                    for layer, one in self.targets.items()
                ),
                start=tile.leaf.new_zeros(()),
            )

    @torch.no_grad()
    def _pulls(
        self, tile: FeatureTile, totals: list[dict[str, ChannelMoments]], slopes: list[dict[str, tuple[Tensor, Tensor]]]
    ) -> dict[str, Tensor]:
        """The slope of the loss along what is kept of each layer of a window."""
        found: dict[str, Tensor] = {
            layer: 2 * one.weight * (tile.kept(layer) - one.target[(..., *tile.at(layer))])
            for layer, one in self.targets.items()
        }
        for region, total, along in zip(self._different(), totals, slopes, strict=True):
            for layer, (mean, gram) in along.items():
                one = pull(tile.kept(layer), total[layer], mean, gram, _guide(region, tile, layer))
                found[layer] = found[layer] + one if layer in found else one
        return found

    def _variation(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        if self.variation is None:
            return pictures.new_zeros(()), torch.zeros_like(pictures)
        leaf = pictures.detach().requires_grad_()
        value = self.variation(leaf).sum()
        return value.detach(), torch.autograd.grad(value, leaf)[0]


def _guide(region: Tensor | None, tile: FeatureTile, layer: str) -> Tensor | None:
    return None if region is None else tile.held(region, layer)


def _added(parts: Iterable[Mapping[str, ChannelMoments]]) -> dict[str, ChannelMoments]:
    total: dict[str, ChannelMoments] = {}
    for part in parts:
        total = {layer: total[layer] + found if layer in total else found for layer, found in part.items()}
    return total
