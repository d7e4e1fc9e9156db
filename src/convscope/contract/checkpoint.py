"""Ambient checkpoints: long work keeps its state in a folder, so that the same request goes on where it stopped.

Work asks `kept()` for the place, saves named parts in it, and takes up those it finds. Nobody has to pass it along.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BadCheckpoint, first_line
from ..base.files import sweep, write
from ..base.paths import is_file, make_folder
from ..base.tensors import packed, unpacked
from .request import Request

EVERY = 16  # steps between two states that are kept
Parts = Mapping[str, NDArray[np.generic]]

_folder: ContextVar[Path | None] = ContextVar("convscope_checkpoint", default=None)
_request: ContextVar[Request | None] = ContextVar("convscope_request", default=None)
_TOLD = "request.json"


@contextmanager
def checkpoint(folder: str | Path) -> Iterator[None]:
    """Keep the state of what is made inside the block in a folder, and go on from what is there.

    For `maximize`, `sheet`, `dream`, `invert` and `style`: the finished result has the same bytes as without a stop.
    The folder is for one request; another one raises BadCheckpoint. It may be deleted at any time.
    """
    token = _folder.set(Path(folder))
    try:
        yield
    finally:
        _folder.reset(token)


@contextmanager
def asking(request: Request) -> Iterator[None]:
    """Say whose state is kept inside the block."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


class Kept:
    """The parts of a state that are kept, each a file; nothing at all where there is no folder."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def load(self, name: str) -> dict[str, NDArray[np.generic]] | None:
        """A part, or None where it was not saved; raises BadCheckpoint for a broken file."""
        path = self._path(name)
        if path is None:
            return None
        sweep(path)
        if not is_file(path):
            return None
        try:
            return unpacked(path)[0]
        except ValueError as error:
            raise BadCheckpoint(
                f"{path} is no part of a checkpoint (it {error}). Delete the folder to begin anew."
            ) from error

    def save(self, name: str, parts: Parts) -> None:
        """Save a part, whole or not at all."""
        path = self._path(name)
        if path is not None:
            write(path, packed(parts, {}))

    def drop(self, name: str) -> None:
        """Forget a part."""
        path = self._path(name)
        if path is not None:
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{name}.safetensors"


def kept() -> Kept:
    """Where the state of the present request is kept; raises BadCheckpoint where the folder holds another one's."""
    folder, request = _folder.get(), _request.get()
    if folder is None or request is None:
        return Kept(None)
    told = folder / _TOLD
    if not is_file(told):
        make_folder(folder)
        sweep(told)
        if any(folder.iterdir()):
            raise BadCheckpoint(f"A checkpoint must be a new folder or one that was begun, not {folder}. Name another.")
        write(told, request.to_json().encode())
    if _asked(told).digest != request.digest:
        raise BadCheckpoint(
            f"{folder} holds the state of another request, {_technique(told)}. Ask for the same again, or name another "
            "folder."
        )
    return Kept(folder)


def _asked(told: Path) -> Request:
    try:
        return Request.from_json(told.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadCheckpoint(f"{told} cannot be read: {first_line(error)}. Delete the folder to begin anew.") from error


def _technique(told: Path) -> str:
    asked = _asked(told)
    subjects = ", ".join(subject["reference"] for subject in asked.subjects.values())
    return f"{asked.technique} of {subjects}"
