"""What a recorder writes down, and what happens where it cannot: the training never hears of an error of ours."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..base.errors import ConvscopeWarning, first_line
from .storage.writer import Writer
from .watching.budget import Times, added, now

_ERRORS = 3  # of our own, after which nothing more is looked at


class Notes(threading.local):
    """Rows and events of a session, at `step`; `cost` is the time that all this has taken, by both clocks."""

    def __init__(self, writer: Writer, shared: _Shared) -> None:
        self._writer, self.shared, self._inside = writer, shared, False
        self.add = writer.add

    @contextmanager
    def unharmed(self, doing: str) -> Iterator[None]:
        """No error of ours reaches the training; the time it takes is counted."""
        if self._inside:
            yield  # part of what is counted and caught already
            return
        began, self._inside = now(), True
        try:
            yield
        except Exception as error:
            self.shared.errors += 1
            self.once("failed", None, f"In {doing}: {first_line(error)}. The training is as it was.")
        finally:
            self._inside = False
            self.shared.cost = added(self.shared.cost, added(now(), began, -1))

    @property
    def broken(self) -> bool:
        """Whether too much went wrong to go on looking."""
        return self.shared.errors >= _ERRORS

    def spent(self) -> Times:
        """The time taken since this was last asked."""
        cost, self.shared.cost = self.shared.cost, (0.0, 0.0)
        return cost

    def event(self, what: str, layer: str | None, why: str, step: int | None = None) -> None:
        """Note an event, of this step or an earlier one."""
        now = self.shared.step
        self.noted({"step": now if step is None else step, "layer": layer, "what": what, "why": why, "noticed": now})

    def once(self, what: str, layer: str | None, why: str) -> None:
        """Note an event that was not noted yet."""
        if (what, layer) not in self.shared.said:
            self.shared.said.add((what, layer))
            self.event(what, layer, why)

    def noted(self, event: dict[str, Any]) -> None:
        """Write an event down, and warn of it."""
        self._writer.add("events", [event])
        text = f"Step {event['step']}, {event['layer'] or 'the training'}: {event['what']}. {event['why']}"
        with suppress(ConvscopeWarning):  # where warnings are errors
            warnings.warn(text, ConvscopeWarning, stacklevel=2)

    def write(self, last: bool = False) -> None:
        """Write what is kept as a chunk, and note where that cannot be."""
        before = self._writer.failing
        problem = self._writer.write()
        if problem and problem != before:
            then = "What was not written is lost." if last else "It is kept, and tried again."
            self.event("not written", None, f"{problem} {then}")
        elif before and not problem:
            lost = f"; {self._writer.dropped} rows were too many to keep" if self._writer.dropped else ""
            self.event("written again", None, f"What was kept is written now{lost}.")


class _Shared:
    """What the threads of a training have in common."""

    def __init__(self, step: int) -> None:
        self.step, self.cost, self.errors = step, (0.0, 0.0), 0
        self.said = set[tuple[str, str | None]]()


def notes_of(writer: Writer, step: int) -> Notes:
    """The notes of a session that begins at a step."""
    return Notes(writer, _Shared(step))
