"""Weights, their gradients and what an optimizer adds to them, layer by layer: one copy of the weights, no waiting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .samples import OF_WEIGHTS, sampled_values

Key: TypeAlias = tuple[str, str, int]  # layer, statistic, which of its tensors


class WeightStatistics:
    """Watches updates of the weights of some layers; `found` holds the squared norms and samples of a step.

    Gradients are taken as the optimizer is about to use them: accumulated, clipped, and without the scale of AMP, also
    where a fused optimizer takes that off itself. The memory of one copy of the weights is kept between steps.
    """

    def __init__(self, weights: Mapping[str, list[nn.Parameter]]) -> None:
        self._homes = {id(w): (layer, i) for layer, own in weights.items() for i, w in enumerate(own)}
        self._largest = {layer: max(range(len(own)), key=lambda i: own[i].numel()) for layer, own in weights.items()}
        self._copies: dict[int, Tensor] = {}
        self.found: dict[Key, Tensor] = {}
        self.seen = set[int]()

    def begin(self) -> None:
        """Forget the step before."""
        self.found, self.seen = {}, set()

    @torch.no_grad()
    def before(self, optimizer: Optimizer) -> None:
        """Look at weights before an update, and copy them."""
        mine = self._mine(optimizer)
        weights = [w.detach() for w in mine]
        for w, norm in zip(mine, _norms(weights), strict=True):
            self.found[*self._key(w, "weight")] = norm
            self._sample(w, w, "weights")
        for w, copy in zip(mine, weights, strict=True):
            own = self._copies.get(id(w))
            if own is None or own.shape != w.shape or own.dtype != w.dtype or own.device != w.device:
                own = self._copies[id(w)] = torch.empty_like(copy)
            own.copy_(copy)

    @torch.no_grad()
    def after(self, optimizer: Optimizer) -> None:
        """Compare the weights with the copy."""
        mine = [w for w in self._mine(optimizer) if id(w) in self._copies]
        copies = [self._copies[id(w)] for w in mine]
        for copy, w in zip(copies, mine, strict=True):
            copy.sub_(w.detach())
        for w, norm in zip(mine, _norms(copies), strict=True):
            self.found[*self._key(w, "update")] = norm
        self.seen |= {id(w) for w in mine}

    @torch.no_grad()
    def gradients(self, optimizer: Optimizer) -> None:
        """Look at the gradients that an optimizer is about to use."""
        mine, scale = [w for w in self._mine(optimizer) if w.grad is not None], getattr(optimizer, "grad_scale", None)
        gradients = [_dense(w.grad) for w in mine if w.grad is not None]
        for w, gradient, norm in zip(mine, gradients, _norms(gradients), strict=True):
            by = 1 if scale is None else scale.to(norm.device)
            self.found[*self._key(w, "gradient")] = norm / by
            self._sample(w, gradient / by if scale is not None else gradient, "gradients")

    def _mine(self, optimizer: Optimizer) -> list[nn.Parameter]:
        return [w for group in optimizer.param_groups for w in group["params"] if id(w) in self._homes]

    def _key(self, w: nn.Parameter, what: str) -> Key:
        layer, number = self._homes[id(w)]
        return layer, what, number

    def _sample(self, w: nn.Parameter, values: Tensor, what: str) -> None:
        layer, number = self._homes[id(w)]
        if number == self._largest[layer]:
            self.found[layer, what, 0] = sampled_values(values, OF_WEIGHTS)


def _norms(tensors: list[Tensor]) -> list[Tensor]:
    """The 2-norm of each tensor, in float32 at least."""
    found: list[Tensor] = []
    for tensor in tensors:
        wide = torch.float64 if tensor.dtype == torch.float64 else torch.float32
        found.append(torch.linalg.vector_norm(tensor, dtype=wide).float())
    return found


def _dense(gradient: Tensor) -> Tensor:
    """The numbers of a gradient, also of a sparse one."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient.detach()
