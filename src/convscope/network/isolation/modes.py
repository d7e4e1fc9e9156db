"""PyTorch's modes of a thread: as they were after a block, wherever an interrupt fell.

PyTorch takes a mode off while it serves it, and loses it where that is interrupted.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch._C import (
    _get_function_stack_at,
    _len_torch_function_stack,
    _pop_torch_function_stack,
    _push_on_torch_function_stack,
)
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack, _pop_mode, _push_mode


class Modes:
    """What a thread's modes are now: whether gradients are taken, and what watches its functions and operations."""

    def __init__(self) -> None:
        self._gradients = torch.is_grad_enabled()
        self._functions, self._operations = _functions(), _get_current_dispatch_mode_stack()

    def restore(self) -> None:
        """Put them back."""
        _watch_functions(self._functions)
        if _get_current_dispatch_mode_stack() != self._operations:
            while _get_current_dispatch_mode_stack():
                _pop_mode()
            for mode in self._operations:
                _push_mode(mode)
        torch.set_grad_enabled(self._gradients)


class FunctionMode(TorchFunctionMode):
    """A mode that watches functions inside its block."""

    def __init__(self) -> None:
        super().__init__()
        self._around: list[list[Any]] = []

    def __enter__(self) -> Self:
        self._around.append(_functions())
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        _watch_functions(self._around.pop())


def _functions() -> list[Any]:
    return [_get_function_stack_at(place) for place in range(_len_torch_function_stack())]


def _watch_functions(modes: list[Any]) -> None:
    if _len_torch_function_stack() == len(modes) and _functions() == modes:
        return
    while _len_torch_function_stack():
        _pop_torch_function_stack()
    for mode in modes:
        _push_on_torch_function_stack(mode)
