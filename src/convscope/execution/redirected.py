"""The redirected gradient of a rectifier, for units that a first, random picture does not excite."""

from __future__ import annotations

from torch import Tensor


def redirected(grad: Tensor, slope: Tensor, full: Tensor) -> Tensor:
    """Pass the gradient as it is; for a picture where nothing would pass, what would bring rectifiers back.

    That is what raises the input of those that are closed, and what lowers the input of those that are `full`. Lucid's
    remedy for units that begin at zero, or at 6. As a rule for `network.backward.backward_rules.Rectifiers`.
    """
    open_ = grad * slope
    stuck = (open_.flatten(1) == 0).all(1).reshape(-1, *[1] * (grad.ndim - 1))
    back = grad.clamp(max=0).where(full, grad.clamp(min=0))
    return back.where(stuck, open_)


redirected.asks_if_full = True  # type: ignore[attr-defined]
