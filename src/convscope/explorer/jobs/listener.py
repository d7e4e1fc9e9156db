"""What a job says while it runs: between its steps others get their turn, it may be stopped, and it tells how it is."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from ...base.progress import Cancelled
from ..workspace.network_lock import NetworkLock

EVERY = 0.25  # seconds between two tellings
LONGEST = 6 * 3600.0  # seconds a job may run
_LOOKED_AT = 20  # tellings, over which the pace is measured

Tell = Callable[[int, int, float | None, object], None]  # step, total, seconds to go, preview


class JobListener:
    """A listener for one job. `stop` asks it to end; `stopped` says that it was told to, and why in `reason`."""

    def __init__(self, turns: NetworkLock, tell: Tell, longest: float) -> None:
        self.stop, self.stopped, self.reason = threading.Event(), False, ""
        self.step = self.total = 0
        self._turns, self._tell = turns, tell
        self._end, self._longest = time.monotonic() + longest, longest
        self._told = float("-inf")
        self._pace: deque[tuple[float, int]] = deque(maxlen=_LOOKED_AT)

    def __call__(self, step: int, total: int, preview: object) -> None:
        """A step is done: others get their turn, and `look`."""
        self._turns.give_way()
        self.look(step, total, preview)

    def look(self, step: int, total: int, preview: object) -> None:
        """Tell how it is; raises Cancelled where the job is to end."""
        self.step, self.total = step, total
        if time.monotonic() > self._end:
            self.reason = f"Stopped after {self._longest / 60:.0f} minutes. Resume it to go on, or ask for less."
            self.stop.set()
        if self.stop.is_set():
            self.stopped = True
            raise Cancelled
        now = time.monotonic()
        if now - self._told >= EVERY:
            self._told = now
            self._pace.append((now, step))
            self._tell(step, total, self._to_go(), preview)

    def _to_go(self) -> float | None:
        """Seconds to the end at the pace of the last few seconds; None while there is none."""
        (before, first), (now, last) = self._pace[0], self._pace[-1]
        return (now - before) / (last - first) * (self.total - last) if last > first else None
