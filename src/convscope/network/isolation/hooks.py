"""Hooks of ours on a user's module: each is gone at the end of a block, whatever ended it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from torch import nn

from ...base.undo import undoing


class Hooks:
    """Puts hooks on modules inside the block."""

    def __init__(self) -> None:
        self._put: list[tuple[nn.Module, Callable[..., Any]]] = []
        self._undo = undoing(self._remove)
        self.undo = self._undo.undo

    def __enter__(self) -> Self:
        self._undo.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.undo()

    def before(self, module: nn.Module, hook: Callable[..., Any]) -> None:
        """Call a hook with what a module is given."""
        self._put.append((module, hook))
        module.register_forward_pre_hook(hook)

    def after(self, module: nn.Module, hook: Callable[..., Any], always: bool = False) -> None:
        """Call a hook with what a module puts out, or `always`, also where it fails."""
        self._put.append((module, hook))
        module.register_forward_hook(hook, always_call=always)

    def _remove(self) -> None:
        """Take them off; found by what they are, since a handle may be lost to an interrupt."""
        for module, hook in self._put:
            for store in (module._forward_pre_hooks, module._forward_hooks):
                for number in [number for number, known in store.items() if known is hook]:
                    module._forward_hooks_always_called.pop(number, None)
                    del store[number]
