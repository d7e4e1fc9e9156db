"""Which steps are looked at: as many as a share of the time of training pays for, by the recorder's own clocks."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]


class Budget:
    """A share of the time since it was made, out of which looks are paid.

    Time is what passed by the clock on the wall, or by that of the processor where it was less: on a machine with too
    much to do a training waits for the processor, and the few milliseconds of a look seldom do, so that the waiting
    would pay for far more looks than the work does. `allows` says whether another one like the last can be: what was
    spent, and as much again, is within the share.
    """

    def __init__(self, share: float, clock: Clock = time.perf_counter, busy: Clock = time.process_time) -> None:
        self.share, self.clock = share, clock
        self.began, self.spent, self.last = clock(), 0.0, 0.0
        self._busy, self._busy_began = busy, busy()

    @property
    def passed(self) -> float:
        """The time since this was made."""
        return min(self.clock() - self.began, self._busy() - self._busy_began)

    def allows(self) -> bool:
        """Whether there is enough for another look; the first one is free to be taken."""
        return self.last == 0 or self.spent + self.last <= self.share * self.passed

    def pay(self, seconds: float) -> None:
        """Pay for a look."""
        self.spent, self.last = self.spent + seconds, seconds

    def pay_aside(self, seconds: float) -> None:
        """Pay for what is no look, such as writing."""
        self.spent += seconds


def least_gap(step: int) -> int:
    """How many steps lie between two looks at least: a two-hundredth of the steps so far.

    So a record grows with the logarithm of the steps: at most 200 (1 + ln(steps / 200)) looks.
    """
    return max(1, step // 200)


def is_snapshot(step: int, last: int) -> bool:
    """Whether another snapshot is due after that of step `last`: 0, 1, 2, 3, 4, 6, 8, 11, 16, …, two an octave."""
    return last < 0 or step >= max(last + 1, round(last * 2**0.5))
