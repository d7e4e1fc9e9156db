"""Whole files or none: what is written appears under its name only when it is complete."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from .errors import CannotWrite, first_line
from .paths import check_name, is_file, is_folder, is_there, make_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Writer: TypeAlias = Callable[[Path], object]
_BEGUN = ".begun"  # how the name of what is being written ends


def check_writable(path: Path) -> None:
    """Raise CannotWrite now if a file at `path` could not be written later."""
    folder = path.parent
    if is_folder(path):
        raise CannotWrite(
            f"{path} is a folder; the output must be a file. Add a file name, such as {path / 'out.png'}."
        )
    if is_there(path) and not is_file(path):
        raise CannotWrite(f"{path} is a device or a pipe; the output must be a file. Write a file, then send it there.")
    if not is_folder(folder):
        raise CannotWrite(f"The folder {folder} does not exist. Create it, or write somewhere else.")
    check_name(path.with_name(f".{path.name}.{'x' * 8}{_BEGUN}"))  # as it is called while it is written
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotWrite(f"Nothing can be written in {folder}: {error.strerror}. Choose another folder.") from error


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder, and those above it; what was made goes again if the block leaves it empty.

    Raises CannotWrite where that is impossible.
    """
    new = [place for place in (folder, *folder.parents) if not is_there(place)]
    make_folder(folder)
    try:
        yield
    finally:
        for place in new:
            try:
                place.rmdir()
            except OSError:  # something is in there, and so in those above
                break


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path`: first beside it, then renamed, so that a reader never sees half a file."""
    write_with(path, lambda place: place.write_bytes(data))


def write_with(path: Path, writer: Writer) -> None:
    """Let `writer` write a file beside `path`, then rename it, so that a reader never sees half a file.

    It is on the disk before it gets its name. Raises CannotWrite, with what was at `path` untouched.
    """
    write_all({path: writer})


def write_all(writers: Mapping[Path, Writer]) -> None:
    """Let each writer write a file beside its path, one after the other, then rename them, in the same order.

    All are on the disk before the first gets its name. What is a link stays one: the file it leads to is written.
    Raises CannotWrite, with what was at the paths untouched.
    """
    for path in writers:
        check_writable(path)
    writers = {Path(os.path.realpath(path)): writer for path, writer in writers.items()}
    left = "Nothing was left behind."
    with ExitStack() as stack:
        places = {path: stack.enter_context(_beside(path)) for path in writers}
        for path, writer in writers.items():
            with _explained(path, left):
                writer(places[path])
                _settle(places[path])
        for path, place in places.items():
            with _explained(path, left):
                os.replace(place, path)
            left = "Those before it are new already, those after it old: write them again."


def sweep(path: Path, endings: str = "*") -> None:
    """Remove what was being written to `path` when its process was killed; not what is being written now."""
    for begun in path.parent.glob(f".{glob.escape(path.name)}.{endings}"):
        with suppress(OSError), begun.open("rb") as file:  # somebody is writing it, or has just removed it
            _lock(file.fileno())
            begun.unlink()


class Sole:
    """Has a file, which is made, to this process alone until it is closed or the process ends, however it does.

    Raises CannotWrite, with `refusal`, where another one has it; on disks without locks everybody has it.
    """

    def __init__(self, path: Path, refusal: str) -> None:
        with _explained(path, "Nothing was left behind."):
            self._file = path.open("ab")
        try:
            _lock(self._file.fileno())
        except BlockingIOError as error:
            self._file.close()
            raise CannotWrite(refusal) from error
        except OSError:
            pass

    def close(self) -> None:
        """Let others have it."""
        self._file.close()


def is_held(path: Path) -> bool:
    """Whether another process, or another place of this one, has a file to itself; False where disks have no locks."""
    if fcntl is None:
        return False
    try:
        with path.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A new file beside `path`, which `sweep` leaves alone while the block lasts; then it is renamed, or goes."""
    check_writable(path)
    sweep(path, f"*{_BEGUN}")
    with _explained(path, "Nothing was left behind."):
        handle, name = tempfile.mkstemp(_BEGUN, f".{path.name}.", path.parent)
    try:
        with _held(handle):
            yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def _held(handle: int) -> Iterator[None]:
    """Have an open file alone; when this process ends, however it does, nobody has it any more."""
    if fcntl is None:  # where an open file cannot be renamed
        os.close(handle)
        yield
        return
    with os.fdopen(handle):
        with suppress(OSError):  # a disk without locks, on which `sweep` removes nothing
            _lock(handle)
        yield


def _lock(handle: int) -> None:
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def _explained(path: Path, left: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else first_line(error)
        raise CannotWrite(f"{path} could not be written: {reason}. {left}") from error


def _settle(place: Path) -> None:
    with place.open("rb") as file:
        os.fsync(file.fileno())
    os.chmod(place, 0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
