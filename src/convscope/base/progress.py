"""Ambient progress: long work calls `report`, whoever started it may listen, and raising from the listener cancels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeAlias, TypeVar

Listener: TypeAlias = Callable[[int, int, object], None]
T = TypeVar("T")

_listener: ContextVar[Listener | None] = ContextVar("convscope_progress", default=None)
_told: ContextVar[tuple[int, int, object] | None] = ContextVar("convscope_told", default=None)


class Cancelled(BaseException):
    """Raised by a listener to end work early but keep what is finished; any other exception throws it away."""


def report_progress(step: int, total: int, preview: object = None) -> None:
    """Say that `step` of `total` steps are done; `preview` is whatever can be shown of the result so far."""
    listener = _listener.get()
    if listener is not None:
        _told.set((step, total, preview))
        listener(step, total, preview)


def report_again() -> None:
    """Say once more what was reported last: for work that waits, and would not hear that it is cancelled."""
    told = _told.get()
    if told is not None:
        report_progress(*told)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send what is reported inside the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def stage(number: int, of: int) -> Iterator[None]:
    """Tell the steps inside the block as those of one of so many stages, counted from 0, which take equal parts."""
    told = _listener.get()
    if told is None:
        yield
        return
    with listening(lambda step, total, preview: told(number * total + step, of * total, preview)):
        yield


class Work(Generic[T]):
    """Goes through items, reports each as it is done, and ends early when the listener raises Cancelled.

    `done` counts the finished items, at least one; `evidence` says so where some are missing, and `cancelled` whether
    the listener wanted that. `preview` is called, only when someone listens, for what can be shown so far.
    """

    def __init__(self, items: Sequence[T], preview: Callable[[], object] | None = None) -> None:
        self.items, self.preview, self.done, self.cancelled = items, preview, 0, False

    def __iter__(self) -> Iterator[T]:
        for item in self.items:
            yield item
            self.done += 1
            shown = self.preview() if self.preview is not None and _listener.get() is not None else None
            try:
                report_progress(self.done, len(self.items), shown)
            except Cancelled:
                self.cancelled = True
                return

    @property
    def evidence(self) -> dict[str, Any]:
        """`partial`, where the work was cancelled before its end."""
        missing = self.done < len(self.items)
        return {"partial": f"cancelled after {self.done} of {len(self.items)} steps"} if missing else {}
