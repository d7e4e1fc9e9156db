"""A loop that is watched: how it stands, for a page, and what a page asks of it, done between two steps."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...base.errors import ConvscopeError, first_line
from ...base.progress import Cancelled, report_again
from ...network.isolation.frozen import frozen
from ...network.isolation.running import output_tensor, plainly
from ..watching.budget import Budget, Times, added, share_of
from ..watching.probe import Probe
from .live_look import LiveLook, few
from .mailbox import Mailbox
from .settings import group_settings
from .steering import Steering
from .timing import StepTimer

_SHARE, _MOST = 0.03, 0.045  # of the time, for looks of whoever watches, and with telling how it stands
_BETWEEN, _LOOKS = 0.4, 0.7  # seconds from one telling to the next, and from look to look
_POLL, _GONE = 0.1, 15.0  # seconds between looks at the mailbox, and until a page that asks nothing has gone
_UNSEEN = 5.0

Event = Callable[[str, str | None, str], None]


@dataclass(frozen=True)
class Watched:
    """What of a recorder is shown: `settle` makes the last step's row whole, `pending` gives the rows not written yet,
    and `rested` is told of time that is nobody's.
    """

    module: nn.Module
    inner: nn.Module
    folder: Path
    probe: Probe | None
    optimizers: Callable[[], list[Optimizer]]
    event: Event
    settle: Callable[[], None]
    pending: Callable[[], tuple[int, Mapping[str, list[Mapping[str, Any]]]]]
    failing: Callable[[], str]
    write: Callable[[], None]
    rested: Callable[[Times], None]


class Live:
    """Shows a loop to pages of this process, by `state`, `look` and `of.pending`, and to others by a mailbox.

    With `steered` it does what they ask; everything is done by the loop's own thread, in `attend`.
    """

    def __init__(self, of: Watched, steered: bool) -> None:
        self.of, self.budget = of, Budget(_SHARE)
        self.steering = Steering(of.optimizers, of.event, steered)
        self.control = self.steering.control
        self.step, self.seen = 0, -_GONE
        self.look: LiveLook | None = None
        self._probe, self._timer, self._mailbox = few(of.probe), StepTimer(of.module), Mailbox(of.folder)
        self._outside, self._polled, self._told, self._looked = -_GONE, 0.0, 0.0, -_GONE
        self._taking: LiveLook | None = None
        self._sent: LiveLook | None = None
        self._watched = self._resting = self._ended = False
        self._broken = 0

    def state(self) -> dict[str, Any]:
        """How the loop stands."""
        ended = "ended" if self._ended else "paused" if self._resting else "running"
        return {
            "state": ended,
            "step": self.step,
            "time": time.time(),
            "refusal": self.steering.refusal,
            "groups": group_settings(self.of.optimizers()),
            "forward": self._timer.forward,
            "backward": self._timer.backward,
            "batch": self._timer.images,
            "share": share_of(self.budget.spent, self.budget.passed),
            "failing": self.of.failing(),
            "pid": os.getpid(),
            "host": platform.node(),
        }

    def touch(self) -> None:
        """Say that a page of this process looks."""
        self.seen = time.monotonic()

    def test(self, x: Tensor) -> Tensor:
        """The module's output for a batch, by the loop's own thread, frozen."""

        def run() -> Tensor:
            with frozen(self.of.inner), torch.no_grad():
                return output_tensor(plainly(self.of.inner, x)).float().cpu()

        found: Tensor = self.control.ask(run)
        return found

    def begin(self, step: int, layers: dict[str, nn.Module], sampled: bool = False) -> None:
        """A step begins: look, or time it, if that is due; one that is `sampled` takes longer than others."""
        self.step = step
        now = time.monotonic()
        if self._broken or not self._is_watched(now):
            return
        if self._taking is None and now - self._looked > _LOOKS and self.budget.allows():
            self._paid(lambda: self._begin_look(step, layers))
        elif not sampled or self._timer.forward is None:
            self._timer.begin()

    def gradients(self, layers: dict[str, nn.Module]) -> None:
        """The gradients are there, and the update comes."""
        self._timer.end()
        if self._taking is not None:
            taking, self._taking = self._taking, None
            self._paid(lambda: taking.note_weights(layers))
            self.look = taking

    def attend(self) -> None:
        """Do what is asked, tell how it stands, and rest while the loop is paused."""
        self.steering.check()
        now = time.monotonic()
        if now - self._polled > _POLL or self.control.asked:
            self._guarded(self._poll)
        self.control.stepped()
        if self.control.paused:
            self._rest()
        elif self._is_watched(now) and now - self._told > _BETWEEN and self._affords() and not self._broken:
            self._paid(self._tell_or_settle, look=False)

    def close(self) -> None:
        """The loop has ended."""
        self._ended = True
        self._timer.remove()
        self.control.close()
        if self._outside > 0:
            self._guarded(self._tell)

    def _is_watched(self, now: float) -> bool:
        """Whether a page is open; when the first one opens, time begins to be shared with it."""
        before, self._watched = self._watched, now - max(self.seen, self._outside) < _UNSEEN
        if self._watched and not before:
            self.budget = Budget(_SHARE)
        return self._watched

    def _affords(self) -> bool:
        return share_of(self.budget.spent, self.budget.passed, least=1.0) <= _MOST

    def _begin_look(self, step: int, layers: dict[str, nn.Module]) -> None:
        self._looked = time.monotonic()
        taking = LiveLook(step)
        taking.show(self._probe, self.of.inner, layers)
        self._taking = taking

    def _poll(self) -> bool:
        """Whether somebody asked for something; it is done."""
        self._polled = time.monotonic()
        if self._mailbox.watched():
            self._outside = self._polled
        some = self.control.asked
        self.control.run()
        return self._mailbox.take(self.steering.do) or some

    def _tell(self) -> None:
        self._told = time.monotonic()
        self.of.settle()
        number, rows = self.of.pending()
        self._mailbox.tell(self.state(), number, rows)
        if self.look is not None and self.look is not self._sent:
            self._sent = self.look
            self._mailbox.look(self.look.packed())

    def _rest(self) -> None:
        """Rest until a page resumes, Ctrl-C, or the end."""
        began, said, told, times = time.monotonic(), False, self._resting, self.budget.clock()
        self._resting = True
        if not told:
            self.of.event("paused", None, f"A page asked for it. Press Resume there ({self._how()}); Ctrl-C ends it.")
            self.of.write()
        self._guarded(self._tell_or_settle)
        while self.control.paused:
            if _cancelled():
                self.control.close()
                break
            changed = self._guarded(self._poll)
            now = time.monotonic()
            if changed or now - self._told > 1.0:
                self._guarded(self._tell_or_settle)
            if not said and now - max(self.seen, self._outside, began) > _GONE:
                said = True
                why = f"No page is open on it any more. To go on: {self._how()}, and press Resume; Ctrl-C ends it."
                self.of.event("still paused", None, why)
            self.control.wait(0.05)
        rested = added(self.budget.clock(), times, -1)
        if not self.control.stepping:
            self._resting = False
            self.of.event("resumed", None, f"After {rested[0]:.0f} s.")
        self.budget.rest(rested)
        self.of.rested(rested)

    def _tell_or_settle(self) -> None:
        self._told = time.monotonic()
        self.of.settle()
        if self._told - self._outside < _UNSEEN:
            self._tell()

    def _how(self) -> str:
        return f"convscope watch {self.of.folder}"

    def _paid(self, work: Callable[[], None], look: bool = True) -> None:
        began = self.budget.clock()
        self._guarded(work)
        (self.budget.pay if look else self.budget.pay_aside)(added(self.budget.clock(), began, -1))

    def _guarded(self, work: Callable[[], Any]) -> Any:
        """No error of ours reaches the training; a full disk is told by the recorder itself."""
        try:
            return work()
        except OSError:
            return None
        except Exception as error:
            self._broken += 1
            if self._broken == 1:
                kind = "" if isinstance(error, ConvscopeError) else f"{type(error).__name__}: "
                self.of.event("not shown", None, f"{kind}{first_line(error)} Pages see less of it.")
            return None


def _cancelled() -> bool:
    """Whether whoever hears of the progress wants an end; its next report will say so again."""
    try:
        report_again()
    except Cancelled:
        return True
    return False
