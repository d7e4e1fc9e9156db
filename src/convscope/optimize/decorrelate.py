"""Colors without their correlations: what is seen together in photos becomes three independent numbers."""

from __future__ import annotations

import torch
from torch import Tensor

_SQUARE_ROOT = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))  # of the covariance of colors in photos
_INSIDE = 1e-3  # how far from black and white a pixel must be for its logit


def _matrix(like: Tensor) -> Tensor:
    root = torch.tensor(_SQUARE_ROOT, dtype=like.dtype, device=like.device)
    return root / root.square().sum(0).max().sqrt()


def to_colors(x: Tensor) -> Tensor:
    """Three independent numbers a pixel as colors before the sigmoid, (N, 3, H, W); grey stays as it is.

    Olah, Mordvintsev and Schubert 2017, "Feature visualization"; the matrix is Lucid's.
    """
    return torch.einsum("nihw,oi->nohw", x, _matrix(x)) if x.shape[1] == 3 else x


def decorrelated(x: Tensor) -> Tensor:
    """The inverse of `correlated`."""
    return torch.einsum("nihw,oi->nohw", x, torch.linalg.inv(_matrix(x))) if x.shape[1] == 3 else x


def to_pixels(x: Tensor) -> Tensor:
    """Independent numbers to pixels from 0 to 1."""
    return to_colors(x).sigmoid()


def from_pixels(pixels: Tensor) -> Tensor:
    """The inverse of `to_pixels`; black and white are moved a thousandth inwards."""
    return decorrelated(pixels.clamp(_INSIDE, 1 - _INSIDE).logit())
