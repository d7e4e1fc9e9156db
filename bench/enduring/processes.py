"""Commands and functions in processes of their own, which may crash or hang."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from convscope.base.errors import ConvscopeError

FORK = multiprocessing.get_context("fork")  # everything is imported once, before; nothing of it has been used
AGO = 120.0  # seconds in which whatever is awaited must come, on a machine that may be busy
Hook = Callable[[str, tuple[Any, ...]], None]


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
    def plain(self) -> bool:
        """Whether it ended as a refusal: exit code 2, its reason, no traceback."""
        return self.code == 2 and self.said.startswith(("Error: ", "Usage: ")) and "Traceback" not in self.err

    @property
    def refused(self) -> bool:
        """Whether it did so in one sentence, or as click does."""
        return self.plain and (self.said.startswith("Usage: ") or "\n" not in self.said)

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
    from convscope.fronts.cli import main

    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(cwd)
    sys.argv = ["convscope", *words]
    if hook is not None:
        sys.addaudithook(hook)
    main.command_line()


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
