"""Files: what there is at a path, and whole files or none: what is written gets its name only when it is complete."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from .errors import CannotWrite, first_line, reason


def is_file(path: str | Path) -> bool:
    """Whether there is a file at a path. As the next two it says no, where pathlib raises, of what can be no path."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder at a path."""
    return os.path.isdir(path)  # noqa: PTH112


def is_there(path: str | Path) -> bool:
    """Whether there is anything at a path."""
    return os.path.exists(path)  # noqa: PTH110


def make_folder(path: Path) -> None:
    """Make a folder, and those it lies in, where it is not there yet; raises CannotWrite where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise CannotWrite(f"The folder {path} cannot be made: {reason(error)}. Choose another one.") from error


def check_writable(path: Path) -> None:
    """Raise CannotWrite now if a file at `path` could not be written later."""
    folder = path.parent
    if is_folder(path):
        raise CannotWrite(
            f"{path} is a folder; the output must be a file. Add a file name, such as {path / 'out.png'}."
        )
    if not is_folder(folder):
        raise CannotWrite(f"The folder {folder} does not exist. Create it, or write somewhere else.")
    _check_name(path)
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
    begun: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        begun = Path(name)
        os.close(handle)
        writer(begun)
        with begun.open("rb") as file:
            os.fsync(file.fileno())
        os.chmod(begun, 0o666 & ~_umask())
        os.replace(begun, path)
    except OSError as error:
        why = error.strerror or first_line(error)
        raise CannotWrite(f"{path} could not be written: {why}. Nothing was left behind.") from error
    finally:
        if begun is not None:
            begun.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove what was being written to `path` when its process was killed; nobody may be writing it now."""
    for begun in path.parent.glob(f".{glob.escape(path.name)}.*"):
        begun.unlink(missing_ok=True)


def _check_name(path: Path) -> None:
    """Raise CannotWrite for a name that no file can have, or not with what `write_with` puts around it."""
    try:
        path.with_name(f".{path.name}.{'x' * 8}").lstat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise CannotWrite(
            f"Nothing can be written as {path.name[:80]!r}: {reason(error)}. Choose another name."
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
