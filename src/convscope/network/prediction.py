"""What a network takes images for: its most probable classes, or why it has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch

from ..base.errors import BadKnob, ForwardFailed, UnknownUnit
from ..base.image import ImageLike

if TYPE_CHECKING:
    from .network import Network

Predicted: TypeAlias = tuple[str, int, float]  # label, number and probability of a class


def check_predicts(net: Network, top: int) -> None:
    """Raise UnknownUnit for a network that puts out no class scores, BadKnob for `top` or labels that do not fit."""
    if not net.classifies:
        net.layers["logits"]  # says why there are none
        raise UnknownUnit(f"{net.name} puts out maps, not one score a class, so it predicts no class for an image.")
    if not isinstance(top, int) or top < 1:
        raise BadKnob(f"top must be at least 1, a whole number, not {top!r}.")
    if len(net.labels) > net.layers["logits"].units == 1:
        raise BadKnob(
            f"labels must be one name for the one score of {net.name}, of what a high score means, not "
            f"{len(net.labels)} names. Give labels=[{net.labels[-1]!r}]."
        )


def most_probable(net: Network, images: Sequence[ImageLike], top: int) -> list[list[Predicted]]:
    """The `top` most probable classes of each image, in one forward; raises ForwardFailed where none is probable."""
    with torch.no_grad():
        x = torch.cat([net.prepare(image) for image in images])
        chances = net.probabilities(net.read(x, "logits")["logits"])
    if not torch.isfinite(chances).all():
        raise ForwardFailed(f"{net.name} put out class scores that are not finite, so no class is probable.")
    best = chances.topk(min(top, chances.shape[1]))
    rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [[(net.label(i), i, p) for i, p in zip(*row, strict=True)] for row in rows]
