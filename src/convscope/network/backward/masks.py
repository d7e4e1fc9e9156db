"""Which tensors are steps of which others: ones where x is above 0, zeros where it is below, as `x > 0` makes them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary


@dataclass(frozen=True)
class _Step:
    """A tensor of zeros and ones by the sign of x, as it was then: `rises` where it is one for x above 0."""

    x: Callable[[], Tensor | None]
    version: int
    rises: bool

    def of(self, x: Tensor, rises: bool) -> bool:
        return x is not None and self.x() is x and (self.rises, self.version) == (rises, x._version)


class Steps:
    """Which tensors are steps at 0 of which others; both are forgotten when the network forgets them."""

    def __init__(self) -> None:
        self._steps = WeakIdKeyDictionary()
        self._detached = WeakIdKeyDictionary()

    def of(self, mask: Any, x: Any, rises: bool) -> bool:
        """Whether a mask is one where x is above 0 and zero where it is below (or, not `rises`, the reverse)."""
        known = isinstance(x, Tensor) and isinstance(mask, Tensor) and mask in self._steps
        return known and self._steps[mask].of(x, rises)

    def learn(self, name: str, args: Sequence[Any], result: Any) -> None:
        """Keep what a call, by its name in `MASKS`, tells about its result."""
        if not isinstance(result, Tensor) or not args or not isinstance(args[0], Tensor):
            return
        x, *others = args
        if name in _COMPARED and others:
            self._compared(x, others[0], _COMPARED[name], result)
        elif name == "heaviside":
            self._compared(x, 0, True, result)
        elif name == "detach" and x.requires_grad:
            self._detached[result] = weakref.ref(x)
        elif len(self._steps) and x in self._steps:
            known = self._steps[x]
            self._steps[result] = _Step(known.x, known.version, known.rises != (name in _INVERTED))

    def _compared(self, x: Any, other: Any, rises: bool, result: Tensor) -> None:
        if number(other) != 0:
            x, other, rises = other, x, not rises
        if number(other) != 0 or not isinstance(x, Tensor) or x.shape != result.shape:
            return
        source = self._detached[x]() if x in self._detached else x
        if isinstance(source, Tensor) and source.requires_grad:
            self._steps[result] = _Step(weakref.ref(source), x._version, rises)


_COMPARED = {"gt": True, "ge": True, "greater": True, "greater_equal": True} | dict.fromkeys(
    ("lt", "le", "less", "less_equal"), False
)
_INVERTED = {"logical_not", "bitwise_not", "__invert__"}
_CARRIED = {"float", "double", "half", "bfloat16", "to", "type", "type_as", "bool", "clone", "contiguous", "_to_copy"}
MASKS = {*_COMPARED, *_INVERTED, *_CARRIED, "detach", "heaviside"}


def number(value: Any, beside: Any = None) -> float | None:
    """A number, or the one that all of a constant tensor's entries are.

    None where there is none, or where the tensor would change the shape or type of the one `beside` it.
    """
    if isinstance(value, Tensor):
        if value.requires_grad or not value.numel() or value.is_complex() or not yields(value, beside):
            return None
        first = value.reshape(-1)[0] if value.ndim else value
        return float(first) if bool((value == first).all()) else None
    return float(value) if isinstance(value, (int, float)) else None


def yields(value: Tensor, beside: Any) -> bool:
    """Whether a tensor leaves the shape and the type of the one beside it as they are."""
    if not isinstance(beside, Tensor):
        return True
    sides = zip(value.shape[::-1], beside.shape[::-1], strict=False)
    fits = value.ndim <= beside.ndim and all(side in (1, other) for side, other in sides)
    return fits and torch.result_type(value, beside) == beside.dtype
