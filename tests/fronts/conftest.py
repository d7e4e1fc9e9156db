"""Runs the command line inside the test process, as `main` does it: exit code, stdout, stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from convscope.fronts.cli.main import command_line


class Ran(NamedTuple):
    """What one run of the command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def convscope(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`convscope("layers", "lite0")` runs the command."""

    def run(*args: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["convscope", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            command_line()
        captured = capsys.readouterr()
        return Ran(int(stop.value.code or 0), captured.out, captured.err)

    return run
