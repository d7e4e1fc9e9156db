"""What hides a part of a picture: the same choices for every method that perturbs the image."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import PIL.Image
import PIL.ImageColor
import PIL.ImageFilter
import torch
from pydantic import Field
from torch import Tensor

from .target import AttributionTarget

Fill = Annotated[
    str,
    Field(
        pattern="^(mean|grey|blur|noise|#[0-9a-fA-F]{6})$",
        description="what hides a part: mean (zero in normalized space), grey, blur, noise or a color, #rrggbb",
    ),
]
_BLUR = 1 / 20  # standard deviation over the shorter side: 11 pixels of 224, about what Fong and Vedaldi took


def filled(question: AttributionTarget, fill: str, seed: int = 0) -> Tensor:
    """The picture with everything hidden, (1, C, H, W) in the network's normalized input space."""
    if fill == "mean":
        return torch.zeros_like(question.x)
    seen = question.seen
    if fill == "blur":
        radius = min(seen.shape[:2]) * _BLUR
        return question.net.feed(np.asarray(PIL.Image.fromarray(seen).filter(PIL.ImageFilter.GaussianBlur(radius))))
    if fill == "noise":
        return question.net.feed(np.random.default_rng(seed).integers(0, 256, seen.shape, dtype=np.uint8))
    color = (128, 128, 128) if fill == "grey" else PIL.ImageColor.getrgb(fill)
    return question.net.feed(np.full_like(seen, color[:3]))
