"""Paths from outside: what there is at one, also where it is too long, holds a NUL, or is no path for other reasons."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import CannotWrite, reason


def is_file(path: str | Path) -> bool:
    """Whether there is a file at a path. As the next two it says no, where pathlib raises, of what can be no path."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder at a path."""
    return os.path.isdir(path)  # noqa: PTH112


def is_there(path: str | Path) -> bool:
    """Whether there is anything at a path."""
    return os.path.exists(path)  # noqa: PTH110


def check_name(path: Path) -> None:
    """Raise CannotWrite for a path whose name no file can have."""
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise CannotWrite(
            f"Nothing can be written as {path.name[:80]!r}: {reason(error)}. Choose another name."
        ) from error


def make_folder(path: Path) -> None:
    """Make a folder, and those it lies in, where it is not there yet; raises CannotWrite where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise CannotWrite(f"The folder {path} cannot be made: {reason(error)}. Choose another one.") from error
