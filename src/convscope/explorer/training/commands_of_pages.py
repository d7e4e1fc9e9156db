"""What a page asks of a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.errors import BadKnob
from ...training.live.commands import Command
from ..workspace.training_messages import AskCommand, AskGuess, CommandTold, Guessed
from .curves import run_of
from .looks import guessed

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace


def command_loop(workspace: Workspace, ask: AskCommand) -> CommandTold:
    """Have a loop do something; raises BadKnob where it cannot be, and says why."""
    if ask.does == "set" and (ask.name is None or ask.value is None):
        raise BadKnob("What is set must have a name and a value.")
    return CommandTold(told=run_of(workspace, ask).loop.ask(Command(**ask.model_dump(exclude={"run"}))))


def guess_picture(workspace: Workspace, ask: AskGuess) -> Guessed:
    """What the network takes a picture for as it is now; raises BadKnob where it is not shown any, and says why."""
    loop = run_of(workspace, ask).loop
    if loop.untested():
        raise BadKnob(loop.untested())
    scores = loop.test(workspace.image(ask.image)).numpy()
    if scores.ndim != 2:
        raise BadKnob("The network must put out a score a class to take pictures for something, and it does not.")
    return guessed(scores[0], run_of(workspace, ask).now().record.about.get("labels", []))
