"""The two ends of the command line, stdout and stderr: what is said there, and what becomes of it when they fail."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO, TypeVar, cast

import click
from click.exceptions import Exit

from ...base.errors import CannotWrite, first_line

_UNREAD = 141  # the exit code of `convscope layers lite0 | head`, as of any command that SIGPIPE ends
_T = TypeVar("_T")


@contextmanager
def printing() -> Iterator[None]:
    """Print to a stdout that raises CannotWrite for what is lost, at the latest at the end of the block.

    What it has no letters for, as names of files that are no UTF-8, is printed by its escapes, which are JSON's too.
    """
    stdout = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(errors="backslashreplace")
    with redirect_stdout(stdout and cast(TextIO, _Stdout(stdout))):  # none where it was closed: `>&-`
        yield
        if stdout is not None:
            sys.stdout.flush()


class _Stdout:
    """A stream that says in a sentence what it could not write; where nobody reads any more, it ends in silence."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write some text."""
        return self._told(lambda: self._stream.write(text))

    def flush(self) -> None:
        """Write all that is still to be written."""
        self._told(self._stream.flush)

    def _told(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except BrokenPipeError:
            raise Exit(_UNREAD) from None
        except OSError as error:
            raise CannotWrite(
                f"The output could not be printed: {error.strerror}. Free some space, or send it elsewhere."
            ) from error


def say(sentence: str | Callable[[], None]) -> None:
    """Say something on stderr; where nobody can hear it, the exit code alone tells."""
    with suppress(OSError):
        sentence() if callable(sentence) else click.echo(sentence, err=True)


def refusal(error: OSError) -> str:
    """What the system refused, as a sentence."""
    about = f"{str(error.filename)[:200]} cannot be used" if error.filename else "The system refused"
    return f"{about}: {error.strerror or first_line(error)}."


def settle() -> None:
    """Let what cannot be written go nowhere: else it would fail once more when Python ends, in other words."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
