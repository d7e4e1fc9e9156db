"""Hooks that stay behind when a module is copied or pickled in the middle of a step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any


class OwnHook:
    """Calls what hears a module; in a copy of the module, and in a pickled one, there is a hook that does nothing."""

    def __init__(self, hear: Callable[..., None]) -> None:
        self._hear = hear

    def __call__(self, *heard: Any) -> None:
        """Hear of a call of the module."""
        self._hear(*heard)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (nullcontext(), "__exit__")  # of the standard library: a file needs nothing of ours
