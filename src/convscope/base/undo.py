"""Changes that are undone whatever happens: also where Ctrl-C falls into the very end of a block that undoes them.

Every change is noted before it is made. What a block does not undo, because it was interrupted there, the block around
it does; `everything_undone` is the outermost one, of a technique or of a method of a network.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from traceback import clear_frames


class _Noted(threading.local):
    """The changes of a thread that are not undone yet, the first one first."""

    def __init__(self) -> None:
        self.changes: list[undoing] = []


_noted = _Noted()


class undoing:
    """Runs `undo` at the end of the block, once; it must do no harm to be run again where it was interrupted."""

    def __init__(self, undo: Callable[[], object]) -> None:
        self._undo: Callable[[], object] | None = undo

    def __enter__(self) -> None:
        _noted.changes.append(self)

    def __exit__(self, *error: object) -> None:
        self.undo()

    def undo(self) -> None:
        """Undo it now, unless it is done, and before it what was changed on top of it and is left."""
        changes = _noted.changes
        while self in changes and changes[-1] is not self:
            changes[-1].undo()
        if self._undo is not None:
            self._undo()
            self._undo = None
        if self in changes:
            changes.remove(self)


class everything_undone:
    """At the end of the block all that was changed inside it has been undone, `last` of all."""

    def __init__(self, last: Callable[[], object]) -> None:
        self._last = undoing(last)

    def __enter__(self) -> None:
        self._before = len(_noted.changes)
        self._last.__enter__()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        while len(_noted.changes) > self._before + 1:
            _noted.changes[-1].undo()
        if error is not None and not isinstance(error, Exception):
            _let_go(error)
        self._last.undo()


def _let_go(error: BaseException | None) -> None:
    """Free what the frames of an interrupt hold: blocks cut off at their very end end now, and not some time later."""
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__context__
