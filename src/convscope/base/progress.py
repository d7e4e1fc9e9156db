"""Ambient progress: long work calls `report`, whoever started it may listen, and raising from the listener cancels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Listener: TypeAlias = Callable[[int, int, object], None]

_listener: ContextVar[Listener | None] = ContextVar("convscope_progress", default=None)


def report(step: int, total: int, preview: object = None) -> None:
    """Say that `step` of `total` steps are done; `preview` is whatever can be shown of the result so far."""
    listener = _listener.get()
    if listener is not None:
        listener(step, total, preview)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send what is reported inside the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
