"""What all rows share: trials that count, commands as processes of their own, pictures, and what lies in a folder."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from convscope.base.errors import ConvscopeError

FORK = multiprocessing.get_context("fork")  # everything is imported once, before; nothing of it has been used
SMALL = f"{Path(__file__).with_name('small.py')}:build"
AGO = 120.0  # seconds in which whatever is awaited must come, on a machine that may be busy
Hook = Callable[[str, tuple[Any, ...]], None]


@dataclass
class Count:
    """What became of a row so far: `notes` say what failed, and `told` what is worth knowing in any case."""

    tried: int = 0
    survived: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    told: str = ""

    @property
    def line(self) -> str:
        """One line of all that failed, the most frequent first."""
        most = [note if n == 1 else f"{n} × {note}" for note, n in self.notes.most_common(4)]
        more = [f"{len(self.notes) - 4} other failures"] if len(self.notes) > 4 else []
        return "; ".join([*([self.told] if self.told else []), *most, *more]) or "–"


@dataclass(frozen=True)
class Row:
    """A row of the table: `work` does it, within about `seconds`; `loaded` ones take `--minutes` more."""

    name: str
    what: str
    seconds: float
    work: Callable[[Trial], Count]
    loaded: bool = False


class Trial:
    """A row being tried, in a process and a folder of its own; each check is told at once, so that none is lost."""

    def __init__(self, folder: Path, seed: int, seconds: float, minutes: float, told: Connection) -> None:
        self.folder, self.rng, self.minutes = folder, random.Random(seed), minutes
        self.count, self._told, self._end = Count(), told, time.monotonic() + seconds
        self._commands = 0

    def check(self, survived: bool, note: str) -> bool:
        """Count one try; `note` says what is wrong where it did not survive."""
        self.count.tried += 1
        self.count.survived += survived
        if not survived:
            self.count.notes[" ".join(note.replace("|", "¦").split())[:160]] += 1
        self.tell()
        return survived

    def tell(self, done: bool = False) -> None:
        """Let the one who waits for this trial know how it stands."""
        self._told.send((self.count, done))

    def say(self, told: str) -> None:
        """What is worth knowing also where all survive."""
        self.count.told = told

    def going(self) -> bool:
        """Whether there is time left for one more try."""
        return time.monotonic() < self._end

    def command(self, *words: object, hook: Hook | None = None, real: bool = False, out: str = "") -> Command:
        """Begin `convscope …` in this trial's folder."""
        self._commands += 1
        said = [self.folder / f".said{self._commands}{name}" for name in ("out", "err")]
        return Command([str(word) for word in words], self.folder, Path(out) if out else said[0], said[1], hook, real)

    def photos(self, count: int = 200) -> Path:
        """A folder of small random JPEGs in three classes."""
        folder = self.folder / f"photos{count}"
        for i in range(0 if folder.is_dir() else count):
            file = folder / f"class {i % 3}" / f"{i:03}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(jpeg(i))
        return folder


@dataclass(frozen=True)
class Done:
    """How a command ended; `code` is None where it had to be killed because it hung."""

    code: int | None
    out: str
    err: str

    @property
    def said(self) -> str:
        """What it said on stderr, but for notes."""
        return "\n".join(line for line in self.err.splitlines() if line.strip() and not line.startswith("Note: "))

    @property
    def refused(self) -> bool:
        """Whether it ended as a refusal should: in one sentence, exit code 2, no traceback."""
        one = self.said.count("\n") == 0 if self.said.startswith("Error: ") else self.said.startswith("Usage: ")
        return self.code == 2 and one and "Traceback" not in self.err

    def __str__(self) -> str:
        return f"exit {'never' if self.code is None else self.code}: {(self.said or 'no word').splitlines()[-1]}"


class Command:
    """A run of the command line: forked from this process, which has imported everything, or a `real` new one."""

    def __init__(
        self, words: list[str], cwd: Path, out: Path, err: Path, hook: Hook | None = None, real: bool = False
    ) -> None:
        self._out, self._err = out, err
        self._new: subprocess.Popen[bytes] | None = None
        if real:
            whole = [sys.executable, "-m", "convscope", *words]
            with out.open("wb") as said, err.open("wb") as wrong:
                self._new = subprocess.Popen(whole, cwd=cwd, stdout=said, stderr=wrong, env=environment())
            self.pid = self._new.pid
            return
        self._forked = FORK.Process(target=_main, args=(words, cwd, out, err, hook))
        self._forked.start()
        self.pid = self._forked.pid or 0

    def kill(self, number: int = 9) -> None:
        """Send it a signal, if it lives, and for -9 wait until it is gone."""
        if self.running():
            os.kill(self.pid, number)
        if number == 9:
            self.end()

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._new.poll() is None if self._new else self._forked.is_alive()

    def end(self, seconds: float = AGO) -> Done:
        """Wait for its end; kills it where that does not come."""
        if not until(lambda: not self.running(), seconds):
            os.kill(self.pid, 9)
            until(lambda: not self.running())
            return Done(None, *self._said())
        code = self._new.returncode if self._new else self._forked.exitcode
        return Done(code, *self._said())

    def _said(self) -> tuple[str, str]:
        return self._out.read_text(errors="replace") if self._out.is_file() else "", self._err.read_text()


def _main(words: list[str], cwd: Path, out: Path, err: Path, hook: Hook | None) -> None:
    """The command line in a forked process."""
    from convscope.fronts import cli

    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(cwd)
    sys.argv = ["convscope", *words]
    if hook is not None:
        sys.addaudithook(hook)
    cli.main()


@dataclass(frozen=True)
class Outcome:
    """What became of a function in a process of its own: its value, or a sentence; `refused`: a ConvscopeError."""

    value: Any = None
    wrong: str = ""
    refused: bool = False


def apart(work: Callable[[], Any], seconds: float = AGO) -> Outcome:
    """Carry out a function in a forked process, which may crash or hang."""
    mine, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_answer, args=(work, theirs))
    process.start()
    theirs.close()
    try:
        if mine.poll(seconds):
            found: Outcome = mine.recv()
            return found
        return Outcome(wrong=f"no answer within {seconds:.0f} s")
    except EOFError:
        process.join()
        return Outcome(wrong=f"the process ended with {process.exitcode}")
    finally:
        process.kill()
        process.join()


def _answer(work: Callable[[], Any], told: Connection) -> None:
    try:
        found = Outcome(work())
    except BaseException as error:
        found = Outcome(wrong=f"{type(error).__name__}: {error}"[:160], refused=isinstance(error, ConvscopeError))
    told.send(found)


def until(met: Callable[[], object], seconds: float = AGO) -> bool:
    """Wait for a condition; whether it was met."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def environment() -> dict[str, str]:
    """As a user's: without this program's own limit of threads."""
    own = {"OMP_NUM_THREADS": os.environ.get("ENDURING_THREADS", "")}
    return {name: value for name, value in {**os.environ, **own}.items() if name != "OMP_NUM_THREADS" or value}


def jpeg(seed: int) -> bytes:
    """A small picture of random blocks."""
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(blocks.repeat(8, 0).repeat(8, 1)).save(buffer, "JPEG")
    return buffer.getvalue()


def listing(folder: Path) -> list[str]:
    """All files below a folder."""
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if not file.name.startswith(".said"))


def hashes(folder: Path) -> dict[str, str]:
    """Of each table in a folder the hash of its bytes."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.parquet")}


def digest(value: object) -> str:
    """A hash of what a value looks like."""
    return hashlib.sha256(value if isinstance(value, bytes) else repr(value).encode()).hexdigest()


def others() -> list[int]:
    """Processes of this group, but for this one and those that ended."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, _, group = (place / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it has ended
            continue
        if int(group) == os.getpgrp() and state != "Z" and int(place.name) != os.getpid():
            found.append(int(place.name))
    return found


@contextmanager
def disk(trial: Trial, size: str) -> Iterator[Path | None]:
    """A small disk of its own, in memory; None where this user may not have one."""
    place = trial.folder / "disk"
    place.mkdir(exist_ok=True)
    if not _mounted(["-t", "tmpfs", "-o", f"size={size}", "enduring", str(place)]):
        trial.say("not tried: no tmpfs may be mounted here")
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def remount(place: Path, how: str) -> None:
    """Change a disk: `size=…`, `ro`."""
    assert _mounted(["-o", f"remount,{how}", str(place)]), how


def _mounted(words: Sequence[str]) -> bool:
    return subprocess.run(["mount", *words], capture_output=True).returncode == 0


def unmount(folder: Path) -> None:
    """Let go of every disk below a folder, whoever made it."""
    for line in Path("/proc/mounts").read_text().splitlines():
        if line.split()[1].startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", line.split()[1]], check=False)
