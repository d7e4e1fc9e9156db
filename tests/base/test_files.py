"""Whole files or none."""

import os
import stat
import subprocess
import sys

import pytest

from convscope.base.errors import CannotWrite
from convscope.base.files import check_writable, made, sweep, write, write_all, write_with


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


def test_what_is_being_written_is_not_swept_and_what_a_killed_write_left_goes_with_the_next(tmp_path):
    path, other = tmp_path / "a.bin", tmp_path / ".a.bin.swp"
    other.write_bytes(b"an editor's")

    def both(place):
        place.write_bytes(b"mine")
        write(path, b"of another")  # which sweeps before it writes
        sweep(path)
        assert place.read_bytes() == b"mine"

    write_with(path, both)
    assert path.read_bytes() == b"mine" and not other.exists()  # a sweep is for folders of one's own, a write for any
    other.write_bytes(b"an editor's")
    code = f"write_with(Path({str(path)!r}), lambda place: (place.write_bytes(b'half'), os._exit(9)))"
    code = f"import os; from pathlib import Path; from convscope.base.files import write_with; {code}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert len(list(tmp_path.iterdir())) == 3
    write(path, b"new")
    assert sorted(tmp_path.iterdir()) == [other, path] and path.read_bytes() == b"new"


def test_several_files_are_replaced_when_all_are_whole_or_none_is(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(b"old")

    def check(place):
        assert [path.read_bytes() for path in paths] == [b"old"] * 3
        place.write_bytes(b"new")

    with pytest.raises(CannotWrite, match=r"c could not be written: No space left on device\. Nothing was left"):
        write_all({paths[0]: check, paths[1]: check, paths[2]: fail})
    assert [path.read_bytes() for path in paths] == [b"old"] * 3 and sorted(tmp_path.iterdir()) == paths
    write_all(dict.fromkeys(paths, check))
    assert [path.read_bytes() for path in paths] == [b"new"] * 3 and sorted(tmp_path.iterdir()) == paths


def test_a_failure_among_renames_does_not_say_that_nothing_was_left(tmp_path, monkeypatch):
    replace, paths = os.replace, [tmp_path / name for name in "ab"]
    monkeypatch.setattr(os, "replace", lambda place, path: fail() if path.name == "b" else replace(place, path))
    with pytest.raises(CannotWrite, match=r"b could not .* Those before it are new already, those after it old"):
        write_all(dict.fromkeys(paths, lambda place: place.write_bytes(b"new")))
    assert list(tmp_path.iterdir()) == paths[:1]


def test_a_folder_that_was_made_goes_again_if_nothing_comes_into_it(tmp_path):
    (tmp_path / "there").mkdir()
    with made(tmp_path / "there"), made(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    with pytest.raises(ZeroDivisionError), made(tmp_path / "a" / "b"):
        (tmp_path / "a" / "kept").touch()
        raise ZeroDivisionError
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept"]
    with pytest.raises(CannotWrite, match=r"kept.* cannot be made: Not a directory"), made(tmp_path / "a/kept/c"):
        pass


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
