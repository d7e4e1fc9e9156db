"""Whole files or none."""

import os
import stat
import subprocess
import sys

import pytest

from convscope.base.errors import CannotWrite
from convscope.base.files import check_writable, sweep, write


def fail(*_args, **_kwargs):
    raise OSError(28, "No space left on device")


def test_a_file_is_written_and_replaced_with_nothing_beside_it(tmp_path):
    path = tmp_path / "a.bin"
    write(path, b"old")
    write(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_was_writing_is_swept_away_and_nothing_else(tmp_path):
    path, other = tmp_path / "a[1].bin", tmp_path / "b.bin"
    for each in (path, other):
        write(each, b"whole")
        code = f"write_with(Path({str(each)!r}), lambda place: (place.write_bytes(b'half'), os._exit(9)))"
        code = f"import os; from pathlib import Path; from convscope.base.files import write_with; {code}"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    before = set(tmp_path.iterdir())
    assert len(before) == 4
    sweep(path)
    (swept,) = before - set(tmp_path.iterdir())
    assert swept.name.startswith(".a[1].bin.") and path.read_bytes() == other.read_bytes() == b"whole"


@pytest.mark.parametrize("step", ["replace", "chmod"])
def test_a_failing_write_leaves_the_old_content_and_no_temporary_file(tmp_path, monkeypatch, step):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(CannotWrite, match=r"a.bin could not be written: No space left on device. Nothing was left"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_no_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.bin", b"new")
    assert list(tmp_path.iterdir()) == []


def test_the_old_content_stands_until_the_new_is_complete(tmp_path, monkeypatch):
    path, replace, seen = tmp_path / "a.bin", os.replace, []
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", lambda *names: (seen.append(path.read_bytes()), replace(*names)))
    write(path, b"new")
    assert (seen, path.read_bytes()) == ([b"old"], b"new")


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_file_is_as_readable_as_any_other_the_user_makes(tmp_path, umask):
    before = os.umask(umask)
    try:
        write(tmp_path / "a.bin", b"new")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("check", [check_writable, lambda path: write(path, b"new")])
class TestRefusals:
    def test_a_missing_folder_is_named(self, tmp_path, check):
        with pytest.raises(CannotWrite, match=r"The folder .*nowhere does not exist. Create it"):
            check(tmp_path / "nowhere" / "a.png")

    def test_a_folder_is_no_output(self, tmp_path, check):
        with pytest.raises(CannotWrite, match=r"is a folder; the output must be a file.*out.png"):
            check(tmp_path)

    def test_a_path_below_a_file_cannot_be_written(self, tmp_path, check):
        (tmp_path / "a.txt").write_text("a file")
        with pytest.raises(CannotWrite, match=r"The folder .*a\.txt does not exist"):
            check(tmp_path / "a.txt" / "a.png")

    def test_a_folder_that_takes_no_files_says_why(self, tmp_path, check, monkeypatch):
        monkeypatch.setattr("tempfile.TemporaryFile", fail)
        with pytest.raises(CannotWrite, match=r"Nothing can be written in .*: No space left.*Choose another folder"):
            check(tmp_path / "a.png")


def test_checking_writes_nothing_and_keeps_what_is_there(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    check_writable(path)
    check_writable(tmp_path / "b.png")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
