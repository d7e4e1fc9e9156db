"""Norms folded into the convolutions before them, for as many passes as pictures take: a third of the time less.

A function mode listens to one forward, finds which convolutions nothing but a norm reads, and from then on runs those
with the norm in their weights. Nothing of the module is changed. Roundings differ, so this is for making pictures.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..network.isolation.modes import FunctionMode


@dataclass(frozen=True, eq=False)
class _Norm:
    """A norm of fixed statistics: x → x · scale + shift, a channel each."""

    scale: Tensor
    shift: Tensor

    @classmethod
    def of(cls, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> _Norm:
        scale = torch.rsqrt(variance + eps) * (1 if weight is None else weight)
        return cls(scale, (0 if bias is None else bias) - mean * scale)


class Listening(FunctionMode):
    """Listens to a forward for convolutions whose outputs only a norm reads; `pairs` are their weights and norms."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[int, tuple[Tensor, Tensor]] = {}  # output → itself, so that its id lives, and the weight
        self._read: Counter[int] = Counter()
        self._norms: dict[int, _Norm] = {}
        self._used: Counter[int] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in _SHAPES:
            for tensor in (*args, *kwargs.values()):
                self.reads(*tensor if isinstance(tensor, list | tuple) else (tensor,))
        if func is F.batch_norm and id(args[0]) in self._made and not _training(args, kwargs):
            self._norms[id(args[0])] = _norm(args, kwargs)
        out = func(*args, **kwargs)
        if func in _CONVOLUTIONS and len(args) > 1:
            self._made[id(out)] = out, args[1]
            self._used[id(args[1])] += 1
        return out

    def reads(self, *given: object) -> None:
        """Note that something reads what is given, as far as convolutions made it: other ids may come back."""
        self._read.update(id(one) for one in given if id(one) in self._made)

    @property
    def pairs(self) -> dict[int, tuple[Tensor, _Norm]]:
        """The weight and the norm of each convolution that can be folded, by the weight's identity."""
        return {
            id(weight): (weight, self._norms[made])
            for made, (_, weight) in self._made.items()
            if made in self._norms and self._read[made] == 1 and self._used[id(weight)] == 1
        }


class Folded(FunctionMode):
    """Runs the convolutions that were listened to with the norms after them in their weights."""

    def __init__(self, heard: Listening) -> None:
        super().__init__()
        self._weights = {key: (weight, _scaled(weight, norm), norm) for key, (weight, norm) in heard.pairs.items()}
        self._done: dict[int, Tensor] = {}  # by id, and kept until its norm comes, so that the id stays its own

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _CONVOLUTIONS and len(args) > 1 and id(args[1]) in self._weights:
            _, weight, norm = self._weights[id(args[1])]
            bias = args[2] if len(args) > 2 else kwargs.pop("bias", None)
            shift = norm.shift if bias is None else norm.shift + bias * norm.scale
            out = func(args[0], weight, shift, *args[3:], **kwargs)
            self._done[id(out)] = out
            return out
        if func is F.batch_norm and id(args[0]) in self._done:
            return self._done.pop(id(args[0]))
        return func(*args, **kwargs)


def _scaled(weight: Tensor, norm: _Norm) -> Tensor:
    scaled = weight * norm.scale.reshape(-1, *[1] * (weight.ndim - 1))
    return scaled.contiguous(memory_format=torch.channels_last) if weight.ndim == 4 else scaled


def _training(args: Any, kwargs: Any) -> bool:
    return bool(args[5] if len(args) > 5 else kwargs.get("training", False))


def _norm(args: Any, kwargs: Any) -> _Norm:
    names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return _Norm.of(
        given["running_mean"], given["running_var"], given.get("weight"), given.get("bias"), given.get("eps", 1e-5)
    )


_CONVOLUTIONS = {torch.conv2d, F.conv2d}
_SHAPES = {  # what tells of a tensor without reading its numbers
    Tensor.dim, Tensor.ndimension, Tensor.size, Tensor.stride, Tensor.numel, Tensor.is_floating_point,
    Tensor.is_contiguous, Tensor.get_device,
    *(getattr(Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device", "is_cuda", "requires_grad")),
}  # fmt: skip
