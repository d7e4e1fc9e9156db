"""Progress on the command line: a bar where someone is there to see it, and Ctrl-C that keeps what is done."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any

from ...base.progress import Cancelled, listening


@contextmanager
def progress(name: str, keeps: bool = False) -> Iterator[None]:
    """A progress bar on stderr for what reports its steps.

    Where the work `keeps` what is done, the first Ctrl-C after it has reported ends it at the next step, so that the
    finished part is written and marked as partial; the second one throws all away. What a user's module prints
    meanwhile goes to stderr: stdout is for the result.
    """
    stop = _Stop()
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(sys.stderr))
        if keeps and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, stop.ask)
            stack.callback(signal.signal, signal.SIGINT, signal.default_int_handler)
        update = stack.enter_context(_bar(name)) if sys.stderr.isatty() else None

        def listen(step: int, total: int, _preview: Any) -> None:
            stop.reported = True
            if update is not None:
                update(step, total)
            if stop.asked:
                raise Cancelled

        stack.enter_context(listening(listen))
        yield


class _Stop:
    """What Ctrl-C has asked for so far."""

    def __init__(self) -> None:
        self.reported = self.asked = False

    def ask(self, *_: object) -> None:
        """Handle one Ctrl-C."""
        if self.asked or not self.reported:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def _bar(name: str) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda step, total: bar.update(task, completed=step, total=total)
