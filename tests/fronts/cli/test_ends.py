"""What is printed and where it goes: full disks, closed pipes, names of files that no letters spell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import convscope as cs

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a device on which every write fails")
COMMAND = [sys.executable, "-m", "convscope"]
LOST = "Error: The output could not be printed: No space left on device. Free some space, or send it elsewhere.\n"


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": request.param}


@needs_full
def test_a_full_stdout_is_one_sentence_and_exit_code_2(environment: dict[str, str]) -> None:
    with FULL.open("w") as full:
        ran = subprocess.run([*COMMAND, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert (ran.returncode, ran.stderr) == (2, LOST)


@needs_full
def test_a_result_that_cannot_be_printed_is_one_sentence_too() -> None:
    with FULL.open("w") as full:
        ran = subprocess.run([*COMMAND, "samples", "--json"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ran.returncode, ran.stderr) == (2, LOST)


@needs_full
def test_a_full_stderr_leaves_the_exit_code(environment: dict[str, str]) -> None:
    with FULL.open("w") as full:
        ran = subprocess.run([*COMMAND, "tsne"], stdout=subprocess.PIPE, stderr=full, text=True, env=environment)
    assert (ran.returncode, ran.stdout) == (2, "")


def test_who_has_read_enough_hears_nothing(environment: dict[str, str]) -> None:
    """As `convscope --help | head -0`: nobody reads at the end of the pipe."""
    reads, writes = os.pipe()
    os.close(reads)
    ran = subprocess.run([*COMMAND, "--help"], stdout=writes, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(writes)
    assert (ran.returncode, ran.stderr) == (141, "")


@pytest.mark.skipif(sys.platform == "win32", reason="closes a stream as a shell of Unix does")
def test_a_closed_stdout_is_the_wish_of_who_closed_it() -> None:
    ran = subprocess.run(
        ["sh", "-c", '"$0" -m convscope --help >&-', sys.executable], stderr=subprocess.PIPE, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_error_of_the_system_is_a_sentence(convscope, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/some/file")

    monkeypatch.setattr("convscope.fronts.cli.samples_verb.all_samples", refused)
    ran = convscope("samples")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "Error: /some/file cannot be used: Permission denied. Check the path and the disk.\n"


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux")
def test_a_file_whose_name_is_no_utf8_is_read_told_and_asked_for_again(
    convscope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"caf\xe9.png")
    cs.Image(cs.open_image("sample:cat").pixels[:64, :64].copy()).save("plain.png")
    shutil.copy("plain.png", name)
    rows = json.loads(convscope("predict", "lite0", name, "plain.png", "--json").out)
    assert [row["image"] for row in rows] == [name, "plain.png"] and rows[0]["classes"] == rows[1]["classes"]
    assert convscope("predict", "lite0", name, "plain.png").out.startswith("caf\\udce9.png\n")
    for output in ("of.png", "of.json", "of.npz"):
        assert convscope("saliency", "lite0", name, "conv_stem:3", "-o", output).code == 0
    assert json.loads(Path("of.json").read_text())["request"]["subjects"]["image"]["reference"] == name
    assert convscope("rerun", "of.png").code == 0
