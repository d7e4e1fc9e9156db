"""Who may use the networks now: one at a time, and whoever looks at the page before any job."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from ...network.isolation.alone import lent

_PATIENCE = 2.0  # seconds a job waits between two steps, however many others come; then it makes one step


class NetworkLock:
    """Turns at the networks. A job holds one for as long as it runs, and gives way between its steps.

    A turn freezes the network it uses and restores it, so turns must nest: what goes first while a job gives way is
    over before the job goes on, and a second job waits for the end of the first. The locks of a job's networks are lent
    meanwhile, also to whoever uses it without a turn, such as the notebook that opened the explorer.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs = threading.Lock()  # held for the whole of a job
        self._owner: int | None = None  # the thread whose turn it is
        self._waiting = 0  # interactive requests
        self._owed = False  # the next turn, to a job

    @contextmanager
    def now(self) -> Iterator[None]:
        """A turn for an interactive request: after the present step of a job, and before its next one.

        Whoever has a turn already, also that of a job, keeps it.
        """
        if self._owner == threading.get_ident():
            yield
            return
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._owner is None and not self._owed)
            finally:
                self._waiting -= 1
            self._owner = threading.get_ident()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def work(self, *modules: nn.Module) -> Iterator[None]:
        """A turn for a job about some modules."""
        with self._jobs:
            self._enter()
            self._modules = modules
            try:
                yield
            finally:
                self._leave()

    def give_way(self) -> None:
        """Inside `work`, between two steps: whoever waits goes first."""
        with lent(*self._modules):
            self._leave()
            self._enter()

    def _enter(self) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._owner is None and not self._waiting, _PATIENCE):
                self._owed = True
                self._changed.wait_for(lambda: self._owner is None)
            self._owner, self._owed = threading.get_ident(), False

    def _leave(self) -> None:
        with self._changed:
            self._owner = None
            self._changed.notify_all()
