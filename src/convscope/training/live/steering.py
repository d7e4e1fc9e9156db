"""What a page asks of a loop: whether it may, what is set, and what the loop made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

from ...base.errors import BadKnob
from .commands import Command, Setting
from .control import Control
from .settings import groups_of, put_setting, setting

Event = Callable[[str, str | None, str], None]


class Steering:
    """Does the commands of pages, where the loop is `steered`, and notes an event of each that changes something."""

    def __init__(self, optimizers: Callable[[], list[Optimizer]], event: Event, steered: bool) -> None:
        self.control = Control(self._put)
        self._optimizers, self._event, self._steered = optimizers, event, steered
        self._edits: list[tuple[dict[str, Any], Setting, float]] = []

    @property
    def refusal(self) -> str:
        """Why the loop takes no commands; empty where it does."""
        if not self._steered:
            return "This loop takes no commands from pages. Give its recorder show=True, or steered=True."
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
            return "This loop runs in several processes, which have to stay in step, so one alone takes no commands."
        return ""

    def ask(self, command: Command) -> str:
        """Have the loop do what a page of this process asks; raises BadKnob where it cannot be, and says why."""
        return str(self.control.ask(lambda: self.do(command)))

    def do(self, command: Command) -> str:
        """Do it now; the loop's thread alone may call this."""
        if self.refusal:
            raise BadKnob(self.refusal)
        return self.control.do(command)

    def check(self) -> None:
        """Say where the loop itself has set anew what a page had set."""
        edits, self._edits = self._edits, []
        for group, name, value in edits:
            now = setting(group, name)
            if now is not None and abs(now - value) > 1e-6 * abs(value):
                why = f"The {_words(name)} is {now:g} now: the loop sets it itself, as by a scheduler."
                self._event("edit undone", None, why)

    def _put(self, command: Command) -> str:
        assert command.name is not None
        assert command.value is not None
        groups = [*groups_of(self._optimizers())]
        if command.group is not None and command.group >= len(groups):
            raise BadKnob(f"group must be one of {len(groups)}, counted from 0, not {command.group}.")
        chosen = groups if command.group is None else [groups[command.group]]
        having = [pair for pair in chosen if setting(pair[1], command.name) is not None] or chosen
        before = [setting(group, command.name) for _, group in having]
        for optimizer, group in having:
            put_setting(group, command.name, command.value, type(optimizer).__name__)
            self._edits.append((group, command.name, command.value))
        which = "all groups" if command.group is None else f"group {command.group}"
        was = ", ".join(f"{value:g}" for value in dict.fromkeys(before) if value is not None)
        told = f"{_words(command.name)} of {which}: {was} → {command.value:g}, asked for by a page."
        self._event("edited", None, f"{told[0].upper()}{told[1:]}")
        return f"{told[0].upper()}{told[1:]}"


def _words(name: Setting) -> str:
    return name.replace("_", " ")
