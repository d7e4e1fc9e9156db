"""Runs the command line inside the test process, as `main` does it: exit code, stdout, stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from safetensors.torch import save_file

import convscope as cs
from convscope.fronts.cli.main import command_line


class Ran(NamedTuple):
    """What one run of the command line did."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def headless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights for torchvision:squeezenet1_1 that lacks those of its classifier."""
    weights = cs.load("torchvision:squeezenet1_1", weights=None).module.features.state_dict(prefix="features.")
    file = tmp_path_factory.mktemp("weights") / "squeezenet-features.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, file)
    return file


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
