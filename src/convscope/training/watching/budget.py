"""Which steps are looked at: as many as a share of the time of training pays for, by the recorder's own clocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

Times: TypeAlias = tuple[float, float]  # seconds, by the clock on the wall and of the processor


def now() -> Times:
    """What both clocks show."""
    return time.perf_counter(), time.process_time()


def added(times: Times, others: Times, sign: int = 1) -> Times:
    """The sum of times, clock by clock, or with a `sign` of -1 their difference."""
    return times[0] + sign * others[0], times[1] + sign * others[1]


def share_of(spent: Times, passed: Times, least: float = 1e-9) -> float:
    """The share that was spent of a time, taken for no less than `least` seconds: the larger one of both clocks."""
    return max(seconds / max(whole, least) for seconds, whole in zip(spent, passed, strict=True))


class Budget:
    """A share of the time since it was made, out of which looks are paid: by both clocks.

    On a machine with too much to do a training waits for the processor, and the few milliseconds of a look seldom do:
    by the clock on the wall alone it would pay for far more looks than its work does. `allows` says whether another one
    like the last can be: what was spent, and as much again, is within the share.
    """

    def __init__(self, share: float, clock: Callable[[], Times] = now) -> None:
        self.share, self.clock = share, clock
        self.began, self.spent = clock(), (0.0, 0.0)
        self._last: Times | None = None

    @property
    def passed(self) -> Times:
        """The time since this was made."""
        return added(self.clock(), self.began, -1)

    def rest(self, times: Times) -> None:
        """Leave out a time in which the training rested."""
        self.began = added(self.began, times)

    def allows(self) -> bool:
        """Whether there is enough for another look; the first one is free to be taken."""
        if self._last is None:
            return True
        wanted = added(self.spent, self._last)
        return all(seconds <= self.share * passed for seconds, passed in zip(wanted, self.passed, strict=True))

    def pay(self, seconds: Times) -> None:
        """Pay for a look."""
        self.spent, self._last = added(self.spent, seconds), seconds

    def pay_aside(self, seconds: Times) -> None:
        """Pay for what is no look, such as writing."""
        self.spent = added(self.spent, seconds)


def least_gap(step: int) -> int:
    """How many steps lie between two looks at least: a two-hundredth of the steps so far.

    So a record grows with the logarithm of the steps: at most 200 (1 + ln(steps / 200)) looks.
    """
    return max(1, step // 200)


def is_snapshot(step: int, last: int) -> bool:
    """Whether another snapshot is due after that of step `last`: 0, 1, 2, 3, 4, 6, 8, 11, 16, …, two an octave."""
    return last < 0 or step >= max(last + 1, round(last * 2**0.5))
