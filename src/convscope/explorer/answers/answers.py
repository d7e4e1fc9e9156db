"""Answers at once: a technique that is quick, in a turn of its own, and results that are kept already."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import numpy as np

from ...base.errors import BadKnob, ConvscopeError, first_line
from ...base.image import Image
from ...base.plain import from_json
from ...base.progress import Listener, listening
from ...catalog import catalog
from ...contract.result import Result
from ...results.adversarial import Adversarial
from ..workspace.artifacts import artifact_parts, frame_of, kept_under
from ..workspace.messages import Ask, ImageInfo, OfResult, ResultSummary
from ..workspace.resolve import Asked, resolve

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

_LONGEST = 5.0  # seconds; what takes longer is a job


class UnknownResult(ConvscopeError, LookupError):
    """No result is kept under this digest."""


def ask(workspace: Workspace, ask: Ask) -> bytes:
    """An Answer frame: from memory, from the store, or computed now; raises BadKnob for what is to be a job.

    What takes up its state again, and what is not done within five seconds, is work for the queue.
    """
    asked = resolve(workspace, ask)
    digest = kept_under(asked.request, asked.entry.result, asked.view)
    frame = workspace.answers.get(digest) or workspace.store.get(digest, "frame")
    if frame is None:
        if asked.entry.resumes:
            raise BadKnob(f"{asked.entry.name} takes its time, so it must be submitted as a job.")
        frame = frame_of(_carried_out(workspace, asked), asked.view)
        workspace.store.put_all(digest, {"ask": ask.model_dump_json().encode(), "frame": frame})
    return workspace.answers.put(digest, frame)


def artifact(workspace: Workspace, ask: OfResult) -> bytes:
    """The Answer frame of a kept result; raises UnknownResult."""
    return artifact_part(workspace, ask.digest, "frame")


def artifact_part(workspace: Workspace, digest: str, name: str) -> bytes:
    """A part of a kept result, such as `png`. Of one that was answered at once the files are made when asked for.

    Raises UnknownResult where it is not kept, or has no such part.
    """
    found = workspace.store.get(digest, name)
    told = workspace.store.get(digest, "ask") if found is None else None
    if told is not None:
        asked = resolve(workspace, Ask.model_validate_json(told))
        if kept_under(asked.request, asked.entry.result, asked.view) == digest:
            parts = artifact_parts(_carried_out(workspace, asked), asked.view)
            workspace.store.put_all(digest, parts)
            found = parts.get(name)
    if found is None:
        raise UnknownResult(f"There is no {name} of a result {digest[:12]} here any more. Ask for it again.")
    return found


def summary(workspace: Workspace, ask: OfResult) -> ResultSummary:
    """What a kept result says, without its arrays; raises UnknownResult."""
    return ResultSummary(summary=from_json(artifact_part(workspace, ask.digest, "json")))


def made_picture(workspace: Workspace, ask: OfResult) -> ImageInfo:
    """Have the picture that a kept result made at hand, pixel by pixel, to be looked at beside the one it is of.

    Raises UnknownResult, and BadKnob for a result that made none.
    """
    told = from_json(artifact_part(workspace, ask.digest, "json"))
    if not issubclass(catalog.entry(told["technique"]).result, Adversarial):
        raise BadKnob(f"A result must be a changed picture to be looked at, not {told['technique']}. Save it instead.")
    with np.load(io.BytesIO(artifact_part(workspace, ask.digest, "npz")), allow_pickle=False) as arrays:
        picture = Image(arrays["image"], view=told["view"])
    return workspace.pictures.add(picture, f"{told['technique']}: {told['label']}")


def _carried_out(workspace: Workspace, asked: Asked) -> Result:
    with workspace.turns.now(), listening(at_once(asked.entry.name)):
        try:
            return asked.entry.function(*asked.subjects, **asked.knobs)
        except ConvscopeError:
            raise
        except (ArithmeticError, MemoryError, RuntimeError, TypeError, ValueError) as error:  # odd knobs, such as 1e300
            raise BadKnob(f"{asked.entry.name} cannot be computed with these knobs: {first_line(error)}") from error


def at_once(name: str) -> Listener:
    """A listener that ends what takes too long; it raises BadKnob."""
    end = time.monotonic() + _LONGEST

    def listen(_step: int, _total: int, _preview: object) -> None:
        if time.monotonic() > end:
            raise BadKnob(f"{name} takes more than {_LONGEST:g} seconds here, so it must be submitted as a job.")

    return listen
