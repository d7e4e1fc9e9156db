"""In how many ways a rectifier is called: which calls of PyTorch compute max(x, 0), or min(max(x, 0), ceiling).

A call is known by its name, whoever owns it: a module's, a function's, a method's, an operator's of `torch.ops`, in
place or not. Where the name is not enough its arguments decide: a slope of 0, a bound of 0, a mask that was made by
comparing the very tensor it is laid over with 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from .masks import Steps, number, yields


@dataclass(frozen=True)
class Rectified:
    """What a call rectifies: `x`, up to where it saturates, and whether x itself is written to."""

    x: Tensor
    high: float = math.inf
    in_place: bool = False


Arguments = Mapping[str, Any]
Reader = Callable[[Arguments, Steps], Rectified | None]


def _relu(given: Arguments, _: Steps) -> Rectified:
    return Rectified(given["input"])


def _relu6(given: Arguments, _: Steps) -> Rectified:
    return Rectified(given["input"], 6.0)


def _zero(*names: str) -> Reader:
    """A rectifier where these of its arguments are 0."""

    def read(given: Arguments, _: Steps) -> Rectified | None:
        return Rectified(given["input"]) if all(number(given[name]) == 0 for name in names) else None

    return read


def _bounded(given: Arguments, _: Steps) -> Rectified | None:
    x, low, high = given["input"], given["min"], given["max"]
    if low is None and comes_rectified(x):
        low = 0
    ceiling = math.inf if high is None else number(high, x)
    if number(low, x) != 0 or ceiling is None or ceiling <= 0:
        return None
    return Rectified(x, ceiling)


def _larger(given: Arguments, _: Steps) -> Rectified | None:
    if not isinstance(given["other"], Tensor):  # torch.max(x, 0): along the first dimension
        return None
    return next((Rectified(a) for a, b in _both(given) if number(b, a) == 0), None)


def _smaller(given: Arguments, _: Steps) -> Rectified | None:
    if not isinstance(given["other"], Tensor):
        return None
    pairs = ((a, number(b, a)) for a, b in _both(given) if comes_rectified(a))
    return next((Rectified(a, high) for a, high in pairs if high is not None and high > 0), None)


def _chosen(given: Arguments, steps: Steps) -> Rectified | None:
    first, second, third = given["input"], given["condition"], given["other"]
    mask, above = (first, second) if _boolean(first) else (second, first)  # a function's order, and a method's
    if steps.of(mask, above, True) and number(third, above) == 0:
        return Rectified(above)
    return Rectified(third) if steps.of(mask, third, False) and number(above, third) == 0 else None


def _filled(given: Arguments, steps: Steps) -> Rectified | None:
    x, value = given["input"], given["value"]
    zero = number(value) == 0 and not given.get("accumulate")
    return Rectified(x) if steps.of(_mask(given), x, False) and zero else None


def _mask(given: Arguments) -> Any:
    mask = given["mask"]
    return mask[0] if isinstance(mask, (tuple, list)) and len(mask) == 1 else mask


def _product(given: Arguments, steps: Steps) -> Rectified | None:
    return next((Rectified(a) for a, b in _both(given) if steps.of(b, a, True) and yields(b, a)), None)


def _both(given: Arguments) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    a, b = given["input"], given["other"]
    return (a, b), (b, a)


def _boolean(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.bool


def comes_rectified(x: Any) -> bool:
    """Whether a tensor is what a rectifier put out, as `rules` runs it."""
    return isinstance(x, Tensor) and x.grad_fn is not None and x.grad_fn.name() == "_RectifyBackward"


@dataclass(frozen=True)
class Spelling:
    """How to read a call: its arguments by name, what they are where not given, and what it then rectifies."""

    read: Reader
    arguments: tuple[str, ...] = ("input",)
    otherwise: tuple[Any, ...] = ()
    masks: bool = False  # whether it multiplies, so that a mask among its arguments makes it a rectifier
    smooth: str = ""  # what it is called where it is no rectifier, but may be treated as one

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call by name."""
        known = dict.fromkeys(self.arguments) | dict(zip(self.arguments[1:], self.otherwise, strict=False))
        known |= dict(zip(self.arguments, args, strict=False)) | {"others": args[len(self.arguments) :]}
        return known | {_ALIASES.get(name, name): value for name, value in kwargs.items()}

    def rectified(self, given: Arguments, in_place: bool, steps: Steps) -> Rectified | None:
        """What a call rectifies; None where it is no rectifier, or one of what takes no gradient."""
        found = None if "out" in given else self.read(given, steps)
        if found is None or not isinstance(found.x, Tensor) or not found.x.requires_grad:
            return None
        if in_place and found.x is not given["input"]:  # it writes to the mask
            return None
        return Rectified(found.x, found.high, in_place)

    def left(self, given: Arguments) -> str:
        """What a call that is no rectifier is called where autograd's name for it would not tell."""
        if self.masks and any(_like_a_mask(*pair) for pair in permutations(_flat(given.values()), 2)):
            return "product with a mask"
        return "write through a mask" if self.read is _filled and _boolean(_mask(given)) else self.smooth


def writes(name: str, given: Arguments) -> bool:
    """Whether a call, by its name and arguments, writes to its first argument."""
    return name.endswith("_") or bool(given.get("inplace", False))


def _like_a_mask(value: Any, beside: Any) -> bool:
    if not isinstance(value, Tensor) or not isinstance(beside, Tensor) or value.shape != beside.shape:
        return False
    if not beside.requires_grad:  # two constants, such as the scale and the shift of a norm
        return False
    return _boolean(value) or (_binary(value[(0,) * max(value.ndim - 1, 0)]) and _binary(value))  # a row first: fast


def _binary(value: Tensor) -> bool:
    """Zeros and ones; of constants also zeros and one other number, or ones and infinities, to divide by."""
    ones, zeros = value == 1, value == 0
    if value.requires_grad:  # a gate may be wide open, or shut
        return bool((zeros | ones).all()) and not bool(zeros.all() | ones.all())
    other = value == value.abs().max() if bool(zeros.any()) else value.isinf()
    return bool((zeros | ones).all() or (zeros | other).all() or (other | ones).all())


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        yield from _flat(value) if isinstance(value, (tuple, list)) else [value]


def _never(_: Arguments, __: Steps) -> None:
    return None


_ALIASES = {"self": "input", "min_val": "min", "max_val": "max", "indices": "mask", "values": "value"}
_PAIR = ("input", "other")
_BY_NAME = {
    "relu": Spelling(_relu, ("input", "inplace")),
    "relu6": Spelling(_relu6, ("input", "inplace")),
    "hardtanh": Spelling(_bounded, ("input", "min", "max", "inplace"), (-1.0, 1.0)),
    **dict.fromkeys(("clamp", "clip"), Spelling(_bounded, ("input", "min", "max"))),
    "clamp_min": Spelling(_bounded, ("input", "min", "max")),
    "clamp_max": Spelling(_bounded, ("input", "max", "min")),
    **dict.fromkeys(
        ("threshold", "_threshold"), Spelling(_zero("threshold", "value"), ("input", "threshold", "value", "inplace"))
    ),
    **dict.fromkeys(("maximum", "max", "fmax"), Spelling(_larger, _PAIR)),
    **dict.fromkeys(("minimum", "min", "fmin"), Spelling(_smaller, _PAIR)),
    "where": Spelling(_chosen, ("input", "condition", "other")),
    "masked_fill": Spelling(_filled, ("input", "mask", "value")),
    **dict.fromkeys(("__setitem__", "index_put"), Spelling(_filled, ("input", "mask", "value", "accumulate"))),
    **dict.fromkeys(("mul", "multiply"), Spelling(_product, _PAIR, masks=True)),
    **dict.fromkeys(
        ("div", "divide", "true_divide", "lerp", "addcmul", "addcdiv", "einsum"), Spelling(_never, masks=True)
    ),
    "leaky_relu": Spelling(
        _zero("negative_slope"), ("input", "negative_slope", "inplace"), (0.01,), smooth="LeakyReLU"
    ),
    "prelu": Spelling(_zero("weight"), ("input", "weight"), smooth="PReLU"),
    "rrelu": Spelling(
        _zero("lower", "upper"), ("input", "lower", "upper", "training", "inplace"), (1 / 8, 1 / 3), smooth="RReLU"
    ),
    "elu": Spelling(_zero("alpha"), ("input", "alpha", "inplace"), (1.0,), smooth="ELU"),
    "selu": Spelling(_never, ("input", "inplace"), smooth="SELU"),
    "celu": Spelling(_never, ("input", "alpha", "inplace"), smooth="CELU"),
    "softplus": Spelling(_never, smooth="Softplus"),
    "silu": Spelling(_never, ("input", "inplace"), smooth="SiLU"),
    "gelu": Spelling(_never, smooth="GELU"),
    "hardswish": Spelling(_never, ("input", "inplace"), smooth="Hardswish"),
    "mish": Spelling(_never, ("input", "inplace"), smooth="Mish"),
}
SPELLINGS = _BY_NAME | {f"{name}_": spelling for name, spelling in _BY_NAME.items()}
OPT_IN = {spelling.smooth for spelling in _BY_NAME.values()} - {""}  # by the names that evidence has for them
