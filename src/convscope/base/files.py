"""Whole files or none: what is written appears under its name only when it is complete."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from .errors import CannotWrite, first_line


def check_writable(path: Path) -> None:
    """Raise CannotWrite now if a file at `path` could not be written later."""
    folder = path.parent
    if path.is_dir():
        raise CannotWrite(
            f"{path} is a folder; the output must be a file. Add a file name, such as {path / 'out.png'}."
        )
    if not folder.is_dir():
        raise CannotWrite(f"The folder {folder} does not exist. Create it, or write somewhere else.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotWrite(f"Nothing can be written in {folder}: {error.strerror}. Choose another folder.") from error


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path`: first beside it, then renamed, so that a reader never sees half a file."""
    write_with(path, lambda place: place.write_bytes(data))


def write_with(path: Path, writer: Callable[[Path], object]) -> None:
    """Let `writer` write a file beside `path`, then rename it, so that a reader never sees half a file.

    It is on the disk before it gets its name. Raises CannotWrite, with what was at `path` untouched.
    """
    check_writable(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        writer(Path(name))
        with Path(name).open("rb") as file:
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise CannotWrite(f"{path} could not be written: {reason}. Nothing was left behind.") from error
    finally:
        Path(name).unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove what was being written to `path` when its process was killed; nobody may be writing it now."""
    for begun in path.parent.glob(f".{glob.escape(path.name)}.*"):
        begun.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
