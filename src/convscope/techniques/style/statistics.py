"""Style as statistics of a layer's channels, and how far two of them are apart.

Gatys, Ecker and Bethge 2015, "A neural algorithm of artistic style": the Gram matrix, which says which channels fire
together and nothing of where. With the means beside it the channels are a Gaussian, and two of those are as far apart
as it costs to move one onto the other: the Wasserstein-2 distance (Olkin and Pukelsheim 1982).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

Statistic = Literal["gram", "wasserstein"]
Distance: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From a mean (C,) and second moments (C, C) to how far they are from a target, ()."""
_RIDGE = 1e-4  # of the mean variance: what keeps the roots of covariances of flat pictures differentiable


@dataclass(frozen=True, eq=False)
class ChannelMoments:
    """Sums over positions: of weights (), of weighted channels (C,), and of their weighted products (C, C)."""

    weight: Tensor
    first: Tensor
    second: Tensor

    def __add__(self, other: ChannelMoments) -> ChannelMoments:
        return ChannelMoments(self.weight + other.weight, self.first + other.first, self.second + other.second)

    @property
    def mean(self) -> Tensor:
        """The mean of each channel, (C,)."""
        return self.first / self.weight

    @property
    def gram(self) -> Tensor:
        """The mean product of each two channels, (C, C)."""
        return self.second / self.weight


def moments(features: Tensor, guide: Tensor | None = None) -> ChannelMoments:
    """The moments of maps (1, C, H, W); where there is a `guide` (H, W), they count as its square at each position.

    Gatys et al. 2017, "Controlling perceptual factors in neural style transfer": guided Gram matrices.
    """
    f = positions(features)
    if guide is None:
        return ChannelMoments(f.new_tensor(float(len(f))), f.sum(0), f.T @ f)
    t = guide.reshape(-1, 1)
    guided = f * t
    return ChannelMoments(t.square().sum(), (guided * t).sum(0), guided.T @ guided)


def pull(features: Tensor, total: ChannelMoments, mean: Tensor, gram: Tensor, guide: Tensor | None = None) -> Tensor:
    """The slope along maps of what has slope `mean` (C,) along the mean and `gram` (C, C) along the Gram matrix.

    `total` are the moments of the whole picture, of which the maps may be a part. Its shape is that of `features`.
    """
    f = positions(features)
    slope = (mean + f @ (gram + gram.T)) / total.weight
    if guide is not None:
        slope = slope * guide.reshape(-1, 1).square()
    return slope.reshape(*features.shape[-2:], -1).permute(2, 0, 1)[None]


def positions(features: Tensor) -> Tensor:
    """Maps (1, C, H, W) as a row a position, (H W, C)."""
    return features[0].permute(1, 2, 0).reshape(-1, features.shape[1])


def gram_distance(target: ChannelMoments, relative: bool = True) -> Distance:
    """The sum of squared differences of Gram matrices, over that of the target's squares; else over C⁴, as Gatys."""
    wanted = target.gram
    scale = wanted.square().sum() if relative else wanted.new_tensor(float(len(wanted)) ** 4)
    return lambda mean, gram: (gram - wanted).square().sum() / scale


def summed_distance(target: ChannelMoments, pixels: int, larger: float) -> Distance:
    """The squared difference of Gram matrices that are sums over positions, over 4 · 3² · the square of all `pixels`.

    Chollet 2020, for maps `larger` times as large as they are. It stays the same at all sizes of a picture.
    """
    share = target.weight / pixels
    return lambda mean, gram: (gram - target.gram).square().sum() * (share * larger**2) ** 2 / 36


def wasserstein_distance(target: ChannelMoments, relative: bool = True) -> Distance:
    """The squared Wasserstein-2 distance of Gaussians, over the target's mean square; else over C.

    In float64: square roots of nearly singular matrices are no matter for less.
    """
    mean, gram = target.mean.double(), target.gram.double()
    ridge = _RIDGE * gram.diagonal().mean() * torch.eye(len(mean), dtype=torch.float64, device=mean.device)
    wanted = gram - mean.outer(mean) + ridge
    values, vectors = torch.linalg.eigh(wanted)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    scale = gram.trace() if relative else mean.new_tensor(float(len(mean)))

    def distance(its_mean: Tensor, its_gram: Tensor) -> Tensor:
        m = its_mean.double()
        covariance = its_gram.double() - m.outer(m) + ridge
        inner = root @ covariance @ root
        shared = torch.linalg.eigvalsh((inner + inner.T) / 2).clamp(min=1e-30).sqrt().sum()
        moved: Tensor = (m - mean).square().sum() + covariance.trace() + wanted.trace() - 2 * shared
        return (moved / scale).to(its_mean.dtype)

    return distance


DISTANCES: dict[Statistic, Callable[[ChannelMoments, bool], Distance]] = {
    "gram": gram_distance,
    "wasserstein": wasserstein_distance,
}
