"""Styling: a picture that is like one picture in what layers make of it, and like others in their statistics.

Statistics are of the whole picture, however many windows it is seen through: a first pass adds them up, and in a second
each window is pulled by what they say, which is linear in what is left to know of it. Memory is that of one window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...optimize.regularizer import Penalty
from .statistics import DISTANCES, ChannelMoments, Distance, Statistic, moments, pull
from .tiled_features import Pane, TiledFeatures

Regions = Sequence[Tensor | None]
"""Where each style holds, (H, W) from 0 to 1; None: everywhere."""


@dataclass(frozen=True)
class Balance:
    """What counts how much: layers of content and of style, what makes a style, and whether losses are relative.

    Relative losses are 0 for the target and 1 where nothing fires, on every layer of every network. Otherwise they are
    the means of squares that Gatys's code takes, which depend on how a network was scaled.
    """

    content: Mapping[str, float]
    style: Mapping[str, float]
    statistic: Statistic = "gram"
    relative: bool = True

    @property
    def layers(self) -> tuple[str, ...]:
        """All of them."""
        return tuple({**self.content, **self.style})


@dataclass(frozen=True, eq=False)
class Copied:
    """A layer's maps that are to be met, (1, C, H, W), with what a squared difference counts."""

    target: Tensor
    weight: Tensor

    @classmethod
    def of(cls, target: Tensor, weight: float, relative: bool) -> Copied:
        """Over the sum of the target's squares, else over how many numbers there are."""
        size = target.square().sum().clamp(min=1e-30) if relative else target.new_tensor(float(target.numel()))
        return cls(target, weight / size)


class Styling:
    """The goal of a stylized picture; `losses` are those of the last look: content, style, variation."""

    def __init__(
        self,
        panes: TiledFeatures,
        balance: Balance,
        content: Tensor,
        styles: Sequence[Tensor],
        shares: Sequence[float],
        regions: Regions,
        variation: Penalty | None = None,
    ) -> None:
        self.panes, self.balance, self.regions, self.variation = panes, balance, regions, variation
        whole = panes.whole(content, list(balance.content))
        self.copied = {
            layer: Copied.of(whole[layer], weight, balance.relative) for layer, weight in balance.content.items()
        }
        self.shares = tuple(shares)
        self.distances = [self._distances(style) for style in styles]
        self.losses = {"content": 0.0, "style": 0.0, "variation": 0.0}

    def __call__(self, pictures: Tensor, redirect: bool) -> tuple[Tensor, Tensor]:
        """Minus the loss of a picture (1, C, H, W), (1,), and its slope along the picture."""
        with torch.enable_grad():
            spans = self.panes.spans(pictures)
            panes = [self.panes.look(pictures, *spans[0], redirect)] if len(spans) == 1 else []
            totals = self._totals(panes or self.panes.each(pictures))
            style, slopes = self._style(totals)
            content, along = pictures.new_zeros(()), torch.zeros_like(pictures)
            for row, column in spans:
                pane = panes.pop() if panes else self.panes.look(pictures, row, column, redirect)
                content += self._content(pane)
                along[..., row.shown, column.shown] += pane.pulled(self._pulls(pane, totals, slopes))
            variation, rough = self._variation(pictures)
        self.losses = {"content": float(content), "style": float(style), "variation": float(variation)}
        return -(content + style + variation).reshape(1), -(along + rough)

    def _distances(self, style: Tensor) -> dict[str, Distance]:
        found = _added(
            {layer: moments(pane.kept(layer)) for layer in self.balance.style} for pane in self.panes.each(style)
        )
        measure = DISTANCES[self.balance.statistic]
        return {layer: measure(found[layer], self.balance.relative) for layer in self.balance.style}

    @torch.no_grad()
    def _totals(self, panes: Iterable[Pane]) -> list[dict[str, ChannelMoments]]:
        """The moments of the whole picture, by region and layer; a region that is everywhere is that of all styles."""
        parts = [[self._moments(pane, region) for region in self._different()] for pane in panes]
        return [_added(column) for column in zip(*parts, strict=True)]

    def _moments(self, pane: Pane, region: Tensor | None) -> dict[str, ChannelMoments]:
        return {layer: moments(pane.kept(layer), _guide(region, pane, layer)) for layer in self.balance.style}

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
                one = self.balance.style[layer] * sum(
                    (self.shares[k] * self.distances[k][layer](mean, gram) for k in styles), start=mean.new_zeros(())
                )
                along = torch.autograd.grad(one, [mean, gram], allow_unused=True)
                slopes[number][layer] = tuple(
                    torch.zeros_like(x) if g is None else g for x, g in zip((mean, gram), along, strict=True)
                )  # type: ignore[assignment]
                loss = loss.to(one.device) + one.detach()
        return loss, slopes

    def _content(self, pane: Pane) -> Tensor:
        with torch.no_grad():
            return sum(
                (
                    one.weight * (pane.kept(layer) - one.target[(..., *pane.at(layer))]).square().sum()
                    for layer, one in self.copied.items()
                ),
                start=pane.leaf.new_zeros(()),
            )

    @torch.no_grad()
    def _pulls(
        self, pane: Pane, totals: list[dict[str, ChannelMoments]], slopes: list[dict[str, tuple[Tensor, Tensor]]]
    ) -> dict[str, Tensor]:
        """The slope of the loss along what is kept of each layer of a window."""
        found: dict[str, Tensor] = {
            layer: 2 * one.weight * (pane.kept(layer) - one.target[(..., *pane.at(layer))])
            for layer, one in self.copied.items()
        }
        for region, total, along in zip(self._different(), totals, slopes, strict=True):
            for layer, (mean, gram) in along.items():
                one = pull(pane.kept(layer), total[layer], mean, gram, _guide(region, pane, layer))
                found[layer] = found[layer] + one if layer in found else one
        return found

    def _variation(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        if self.variation is None:
            return pictures.new_zeros(()), torch.zeros_like(pictures)
        leaf = pictures.detach().requires_grad_()
        value = self.variation(leaf).sum()
        return value.detach(), torch.autograd.grad(value, leaf)[0]


def _guide(region: Tensor | None, pane: Pane, layer: str) -> Tensor | None:
    return None if region is None else pane.held(region, layer)


def _added(parts: Iterable[Mapping[str, ChannelMoments]]) -> dict[str, ChannelMoments]:
    total: dict[str, ChannelMoments] = {}
    for part in parts:
        total = {layer: total[layer] + found if layer in total else found for layer, found in part.items()}
    return total
