"""A guide: what a dream is to look like, as the features of another picture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ...base.errors import BadImage, BadKnob
from ...base.image import Image
from ...execution.features import FeatureExtractor
from ...network.network import Network
from ...optimize.objective import LayerEnergy, LayerTerm, Objective, Seen
from ...optimize.resample import resized, to_picture

_PAIRS = 1 << 28  # of positions and features, compared at once: 1 GB


@dataclass(frozen=True)
class Guided(LayerTerm):
    """The largest dot product of each position with a feature vector of a guide, over the map's mean.

    Mordvintsev et al. 2015, "objective_guide". `features` is (C, positions of the guide).
    """

    features: Tensor = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"dream({self.of})"

    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture."""
        x = seen[self.of].flatten(2)
        with torch.no_grad():
            chosen = self._nearest(x)
        return (x * self.features[:, chosen].movedim(0, 1)).sum(1).mean(1)

    def _nearest(self, x: Tensor) -> Tensor:
        """Which feature suits each position of (N, C, positions) best, (N, positions).

        Some positions at a time: near the input there are as many of both as pixels, and too many pairs for any memory.
        """
        at_once = max(1, _PAIRS // (len(x) * self.features.shape[1]))
        return torch.cat([(some.mT @ self.features).argmax(2) for some in torch.split(x, at_once, 2)], 1)


def follow_guide(extractor: FeatureExtractor, objective: Objective, guide: Image) -> Objective:
    """The objective with its dreams led by a guide; raises BadImage for one too small to hold a feature."""
    dreams = {term.of for _, term in objective.terms if isinstance(term, LayerEnergy)}
    if not dreams:
        raise BadKnob(f"guide must lead the dream of a whole layer, not {objective}. Ask for a layer, or leave it out.")
    for layer in sorted(dreams):
        _check_size(extractor.net, layer, guide)
    with torch.no_grad():
        seen = extractor(_shown(extractor, guide))
    made = {layer: Guided(layer, seen[layer][0].flatten(1)) for layer in dreams}
    led = ((w, made[term.of] if isinstance(term, LayerEnergy) else term) for w, term in objective.terms)
    return replace(objective, terms=tuple(led))


def _shown(extractor: FeatureExtractor, guide: Image) -> Tensor:
    """The guide as the network sees it: whole, its shorter side at most the network's own."""
    picture = to_picture(guide, extractor.net.preprocessing.channels, extractor.device)
    least = min(guide.size)
    own = min(extractor.net.preprocessing.size)
    if least <= own:
        return picture
    return resized(picture, (round(guide.size[0] * own / least), round(guide.size[1] * own / least)))


def _check_size(net: Network, layer: str, guide: Image) -> None:
    needed = [min(sides) for sides in zip(net.receptive_field(layer).size, net.preprocessing.size, strict=True)]
    if guide.size[0] < needed[0] or guide.size[1] < needed[1]:
        raise BadImage(
            f"guide must be at least {needed[1]} × {needed[0]} pixels, what a neuron of {layer} sees, not "
            f"{guide.size[1]} × {guide.size[0]}. Use a larger picture, or an earlier layer."
        )
