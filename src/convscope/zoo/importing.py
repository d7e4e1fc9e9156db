"""Running a user's Python: a file with what lies beside it, as `python FILE` would, or a module; errors say where."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from types import ModuleType

from ..base.errors import BadNetwork, first_line
from ..base.paths import is_file

FILE = ".py"
_running = threading.RLock()  # the places where Python looks for modules are those of the whole process
_beside: dict[str, ModuleType] = {}  # what the file that was run last imported from its folder


def importable(name: str) -> bool:
    """Whether there is a module, or a package for it, of this dotted name. Nothing is run."""
    first = name.partition(".")[0]
    with _looking_in(Path.cwd()), suppress(ValueError):  # of a module that came from nowhere, such as __main__
        return first.isidentifier() and importlib.util.find_spec(first) is not None
    return False


@contextmanager
def running(where: str) -> Iterator[ModuleType]:
    """The module of a file, run anew, or of a dotted name, imported as Python does; the block may run more of it.

    What it prints goes to stderr. Raises BadNetwork for whatever it raises, here and in the block.
    """
    folder = (Path(where).parent if where.endswith(FILE) else Path()).resolve()
    with _running, _looking_in(folder), _explained(where, folder), redirect_stdout(sys.stderr):
        importlib.invalidate_caches()
        yield _run(Path(where), folder) if where.endswith(FILE) else importlib.import_module(where)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # for what is imported only when the network runs


def _run(path: Path, folder: Path) -> ModuleType:
    """The module a file makes, and all it imports from its own folder, whatever was imported before."""
    if not is_file(path):
        raise BadNetwork(f"There is no file {path}. Check the path.")
    for name, module in _beside.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
    _beside.clear()
    known = set(sys.modules)
    made = ModuleType(path.stem)
    made.__file__ = str(path.resolve())
    sys.modules.setdefault(path.stem, made)
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), made.__dict__)
    finally:
        new = {name: sys.modules[name] for name in sys.modules.keys() - known}
        _beside.update({name: module for name, module in new.items() if _lies_in(_file(module), folder)})
    return made


def _file(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or ""


def _lies_in(file: str, folder: Path) -> bool:
    """Whether Python finds a file in a folder, and not in some other that lies in it, such as that of its packages."""
    if not is_file(file):
        return False
    places = [Path(place).resolve() for place in sys.path]
    inside = [place for place in places if Path(file).resolve().is_relative_to(place)]
    return max(inside, key=lambda place: len(place.parts), default=None) == folder


@contextmanager
def _looking_in(folder: Path) -> Iterator[None]:
    """Import from a folder first, as `python FILE` does, and afterwards no more."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _explained(where: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except BadNetwork:
        raise
    except (Exception, SystemExit) as error:
        what = f"SyntaxError: {error.msg}" if isinstance(error, SyntaxError) else first_line(error).removesuffix(".")
        raise BadNetwork(f"{where} must make a network, not raise {what}{_place(error, folder)}. Mend it.") from error


def _place(error: BaseException, folder: Path) -> str:
    """The file and line of an error: the innermost of the user's own, else the innermost that is not Python's own."""
    if isinstance(error, SyntaxError):
        return f" ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    files = [frame for frame in frames if is_file(frame.filename) and not _passing(Path(frame.filename))]
    own = [frame for frame in files if _lies_in(frame.filename, folder)]
    return "".join(f" ({frame.filename}, line {frame.lineno})" for frame in (own or files)[-1:])


def _passing(file: Path) -> bool:
    """Whether a file is convscope's or of Python's imports: an error only passes there."""
    return any(file.is_relative_to(Path(own).parent) for own in (Path(__file__).parent, importlib.__file__))
