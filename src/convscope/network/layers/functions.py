"""What functions put out inside modules, such as `F.relu(x)` or `x + y`: values with addresses, heard as layers are.

`layer1.0.relu@2` is what the second call of `relu` gives in one run of the module `layer1.0` itself; calls inside its
parts are theirs, and `relu@2` is one of the whole network's. However a call is spelled (function, method, operator, in
place), it has one name.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self, TypeAlias

from torch import Tensor, nn

from ..isolation.eager import EagerMode
from ..isolation.hooks import Hooks

Hook: TypeAlias = Callable[[nn.Module, Any, Any], Any]  # of a module or function: the module, what is given, its output
_ADDRESS = re.compile(r"[^:@]+@\d{1,6}")


def is_call(name: str) -> bool:
    """Whether an address is that of a function's value, not of a module's."""
    return _ADDRESS.fullmatch(name) is not None


def called(address: str) -> str:
    """The name of the function in the address of what it put out."""
    return address.rpartition("@")[0].rpartition(".")[2]


def computes(function: str) -> bool:
    """Whether a function, by its name, makes numbers of those it is given; others put them elsewhere, or make space."""
    return function not in _IDLE


class Functions(EagerMode):
    """Calls a hook with each value that a function puts out while `module` runs inside the block.

    `hook_at` gives the hook for an address, or None. As of forward hooks, what it returns takes the value's place; of a
    call in place, also in the tensor that was written to. What a function passes on as it is given is not heard.
    """

    def __init__(self, module: nn.Module, hook_at: Callable[[str], Hook | None]) -> None:
        super().__init__()
        self._module, self._hook_at = module, hook_at
        self._running: list[_Run] = []
        self._thread, self._hooks = threading.get_ident(), Hooks()

    def __enter__(self) -> Self:
        self._hooks.__enter__()
        for name, part in self._module.named_modules():
            self._hooks.before(part, partial(self._begin, name))
            self._hooks.after(part, self._end, always=True)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._hooks.undo()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self._running:
            return func(*args, **kwargs)
        run, name = self._running[-1], _name(func)
        hook = self._hook_at(run.next(name))
        before = _versions([*args, *kwargs.values()]) if hook else []
        result = func(*args, **kwargs)
        if not isinstance(result, Tensor):
            return result
        run.counts[name] += 1
        given = [version for tensor, version in before if tensor is result]
        written = bool(given) and (given[0] is None or given[0] != result._version)
        if hook is None or (given and not written):
            return result
        other = hook(run.module, args, result)
        if other is None:
            return result
        return result.copy_(other) if written else other

    def _begin(self, name: str, module: nn.Module, _given: Any) -> None:
        if threading.get_ident() == self._thread:
            self._running.append(_Run(name, module))

    def _end(self, module: nn.Module, _given: Any, _output: Any) -> None:
        if threading.get_ident() == self._thread and any(run.module is module for run in self._running):
            while self._running.pop().module is not module:
                pass


class _Run:
    """One run of a module, and how often it has called which function so far."""

    def __init__(self, name: str, module: nn.Module) -> None:
        self.name, self.module = name, module
        self.counts = Counter[str]()

    def next(self, function: str) -> str:
        """The address of what the next call of a function puts out."""
        return f"{self.name}.{function}@{self.counts[function] + 1}".removeprefix(".")


def _name(func: Any) -> str:
    """A function's name: `relu` for relu_ and aten's relu.default too, `add` for + and +=."""
    name = str(getattr(func, "__name__", "")).partition(".")[0].strip("_")
    return _OPERATORS.get(name, name)


def _versions(given: Iterable[Any]) -> list[tuple[Tensor, int | None]]:
    """How often each tensor was written to; None where that is not counted."""
    return [(t, None if t.is_inference() else t._version) for t in given if isinstance(t, Tensor)]


_PLAIN = {"truediv": "div", "floordiv": "floor_divide"}
_OPERATORS = _PLAIN | {
    f"{side}{name}": _PLAIN.get(name, name)
    for side in ("i", "r")
    for name in ("add", "sub", "mul", "div", "truediv", "floordiv", "matmul", "pow")
}
_IDLE = {
    "view", "view_as", "reshape", "reshape_as", "flatten", "unflatten", "ravel", "permute", "transpose", "swapaxes",
    "swapdims", "movedim", "moveaxis", "t", "adjoint", "squeeze", "unsqueeze", "expand", "expand_as",
    "broadcast_to", "contiguous", "clone", "detach", "alias", "copy", "lift_fresh_copy", "get", "unsafe_view", "to",
    "to_copy", "type", "type_as", "float", "double", "half", "bfloat16", "cpu", "cuda", "getitem", "narrow",
    "select", "slice", "index", "index_select", "gather", "take", "take_along_dim", "diagonal", "as_strided",
    "flip", "fliplr", "flipud", "roll", "rot90", "repeat", "repeat_interleave", "tile", "dequantize", "empty_like",
    "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "new_empty", "new_zeros", "new_ones",
    "new_full", "new_tensor",
}  # fmt: skip
