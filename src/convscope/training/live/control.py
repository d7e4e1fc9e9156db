"""What the loop is asked from other threads, and does itself between two steps: nothing else ever touches training."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ...base.errors import BadKnob
from .commands import Command

_PATIENCE = 10.0  # seconds to wait for the loop


class Errand:
    """Something for the loop to do; `done` is set when it has, with what it `found` or `refused`."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work, self.done, self.dropped = work, threading.Event(), False
        self.found: Any = None
        self.refused: Exception | None = None

    def run(self) -> None:
        """Do it; what goes wrong is for whoever asked."""
        try:
            if not self.dropped:
                self.found = self._work()
        except Exception as error:
            self.refused = error
        self.done.set()


class Control:
    """Errands of the loop, and whether it rests: `put` does what a command sets, and says so in a sentence.

    Any thread may `ask`; the loop's own calls the rest.
    """

    def __init__(self, put: Callable[[Command], str]) -> None:
        self._put, self._errands = put, deque[Errand]()
        self._left: int | None = None  # steps until it rests; None for all there are
        self._called = threading.Event()
        self.closed = False

    @property
    def paused(self) -> bool:
        """Whether the loop is to rest now."""
        return self._left == 0 and not self.closed

    @property
    def stepping(self) -> bool:
        """Whether it goes on for some steps alone."""
        return bool(self._left)

    @property
    def asked(self) -> bool:
        """Whether there is something to do."""
        return bool(self._errands)

    def ask(self, work: Callable[[], Any], patience: float = _PATIENCE) -> Any:
        """Have the loop do something, and wait for it; raises what it raises, and BadKnob where it takes too long."""
        errand = Errand(work)
        self._errands.append(errand)
        self._called.set()
        if not errand.done.wait(patience):
            errand.dropped = True
            raise BadKnob(f"The loop must come to the end of a step, and has not within {patience:g} s. Ask again.")
        if errand.refused is not None:
            raise errand.refused
        return errand.found

    def do(self, command: Command) -> str:
        """Do what a command says, in the loop's own thread; gives a sentence, or raises BadKnob."""
        if command.does == "set":
            return self._put(command)
        self._left = {"pause": 0, "resume": None, "step": command.steps}[command.does]
        return {"pause": "Paused.", "resume": "Resumed.", "step": f"{command.steps} more, then it rests."}[command.does]

    def run(self) -> None:
        """Run all errands there are."""
        self._called.clear()
        while self._errands:
            self._errands.popleft().run()

    def stepped(self) -> None:
        """Count a step."""
        if self._left:
            self._left -= 1

    def wait(self, seconds: float) -> None:
        """Rest so long, or until something is asked."""
        self._called.wait(seconds)

    def close(self) -> None:
        """Rest no more, and refuse what is asked."""
        self.closed = True
        self._called.set()
        for errand in [*self._errands]:
            errand.dropped, errand.refused = True, BadKnob("The training has ended, so nothing can be asked of it.")
            errand.done.set()
        self._errands.clear()
