"""Colors of a stylized picture: the content's own, kept to the last bit, or a style dyed in them beforehand.

Gatys et al. 2016, "Preserving color in neural artistic style transfer": both of its ways.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ...optimize.resample import luma

Colors = Literal["style", "luminance", "histogram"]
_LEVELS = 65535  # of a 16-bit picture; 257 of them are one of an 8-bit picture
_RIDGE = 1e-5


def grey(picture: Tensor, like: Tensor | None = None) -> Tensor:
    """A picture in shades of grey; `like` gives them the mean and deviation of that picture's."""
    found = luma(picture)
    if like is not None:
        wanted = luma(like)
        found = (found - found.mean()) / found.std().clamp(min=_RIDGE) * wanted.std() + wanted.mean()
    return found.clamp(0, 1).expand(-1, picture.shape[1], -1, -1)


def with_chroma(picture: Tensor, content: Tensor) -> Tensor:
    """The luminance of a picture in the colors of another one: all colors of a pixel are moved alike.

    So its differences of colors, and with them I and Q, are exactly the content's, also as 8 or 16 bits of a content
    that has 8; where the luminance would leave the range, it is as near as it can be.
    """
    bytes_of = (content * 255).round() / 255
    moved = luma(picture) - luma(bytes_of)
    low, high = -bytes_of.amin(1, keepdim=True), 1 - bytes_of.amax(1, keepdim=True)
    steps: Tensor = (torch.maximum(torch.minimum(moved, high), low) * _LEVELS).round()
    return bytes_of + steps / _LEVELS


def dyed(style: Tensor, content: Tensor) -> Tensor:
    """A style with the mean and covariance of the content's colors, by the roots of both."""
    mean, covariance = _colors(style)
    wanted_mean, wanted = _colors(content)
    turn = _root(wanted) @ torch.linalg.inv(_root(covariance))
    flat = style[0].flatten(1).double() - mean[:, None]
    found: Tensor = turn @ flat + wanted_mean[:, None]
    return found.to(style.dtype).reshape(style.shape).clamp(0, 1)


def _colors(picture: Tensor) -> tuple[Tensor, Tensor]:
    flat = picture[0].flatten(1).double()
    mean = flat.mean(1)
    centered = flat - mean[:, None]
    return mean, centered @ centered.T / flat.shape[1] + _RIDGE * torch.eye(
        len(flat), dtype=flat.dtype, device=flat.device
    )


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.sqrt()) @ vectors.T
    return root
