"""The redirected gradient of a rectifier, for units that a first, random picture does not excite."""

from __future__ import annotations

from torch import Tensor


def redirected(grad: Tensor, slope: Tensor) -> Tensor:
    """Pass the gradient as it is; for a picture where nothing would pass, what would raise closed rectifiers.

    Lucid's remedy for units that begin at zero. As a rule for `network.rules.Rectifiers`.
    """
    open_ = grad * slope
    stuck = (open_.flatten(1) == 0).all(1).reshape(-1, *[1] * (grad.ndim - 1))
    return grad.clamp(min=0).where(stuck, open_)
