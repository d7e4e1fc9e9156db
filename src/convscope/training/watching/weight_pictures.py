"""Weights of every layer, and their gradients, as far as a page has room for them."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

_VALUES = 8192  # of one layer at most, but for four filters
_INPUTS = 500  # values of one filter at most, but for three inputs


def shown_weights(layers: dict[str, nn.Module]) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """Of each layer with a matrix or a kernel: the first filters of the first inputs, and their gradients if any."""
    for name, part in layers.items():
        weight = getattr(part, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.ndim > 1 and weight.is_floating_point() and weight.numel():
            gradient = weight.grad
            seen = gradient is not None and not gradient.is_sparse
            yield name, _cropped(weight), _cropped(gradient) if seen and gradient is not None else None


def _cropped(weight: Tensor) -> Tensor:
    one = max(1, weight[0, 0].numel())
    inputs = min(weight.shape[1], max(3, _INPUTS // one))
    return weight.detach()[: max(4, _VALUES // (one * inputs)), :inputs]
