"""Paths from outside: whatever a text holds, asking for it ends in an answer or in one sentence."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.base.errors import CannotWrite
from convscope.base.files import check_writable, write
from convscope.base.paths import is_file, is_folder, is_there, make_folder
from convscope.contract.images import are_several, open_pictures
from convscope.data.open import open_source
from convscope.scan.result import open_scan
from convscope.zoo import weights_file, zoo

LONG = "a" * 300
IMPOSSIBLE = {
    "long": LONG,
    "long for Linux alone": "é" * 200,
    "long in all": "/".join(["b" * 200] * 30),
    "NUL": "a\0b",
    "no UTF-8": "\ud800",
    "below a long name": f"{LONG}/x",
}


@pytest.mark.parametrize("ask", [is_file, is_folder, is_there])
@pytest.mark.parametrize("text", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_there_is_nothing_at_what_can_be_no_path(ask, text):
    assert not ask(text) and not ask(Path(text))


@given(st.text(max_size=300))
def test_any_text_gets_an_answer(text):
    assert is_there(text) >= (is_file(text) or is_folder(text))


def test_files_folders_and_links_are_told_apart(tmp_path):
    file, loop, dead = tmp_path / "file", tmp_path / "loop", tmp_path / "dead"
    file.write_bytes(b"")
    loop.symlink_to(loop)
    dead.symlink_to(tmp_path / "nowhere")
    told = [(is_file(p), is_folder(p), is_there(p)) for p in (file, tmp_path, loop, dead, file / "below", loop / "x")]
    assert told == [(True, False, True), (False, True, True), *[(False, False, False)] * 4]


@pytest.mark.parametrize("act", [check_writable, lambda path: write(path, b"new")])
@pytest.mark.parametrize("name", ["long", "long for Linux alone", "NUL", "no UTF-8"])
def test_a_name_that_no_file_can_have_is_refused_as_an_output(tmp_path, act, name):
    with pytest.raises(CannotWrite, match=r"Nothing can be written as .*: .*\. Choose another name\."):
        act(tmp_path / f"{IMPOSSIBLE[name]}.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
@pytest.mark.parametrize("act", [check_writable, lambda path: write(path, b"new")])
def test_a_device_or_a_pipe_is_no_output_and_stays(tmp_path, act):
    """Else a picture would take the place of /dev/null, where one may write there."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(CannotWrite, match="is a device or a pipe; the output must be a file"):
            act(path)
    assert pipe.is_fifo() and link.is_symlink() and len(list(tmp_path.iterdir())) == 2


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for name, there in (("old", True), ("new", False)):
        target, link = tmp_path / "elsewhere" / name, tmp_path / name
        link.symlink_to(target)
        if there:
            target.write_bytes(b"before")
        write(link, b"after")
        assert link.is_symlink() and target.read_bytes() == b"after"


def test_what_check_lets_through_can_be_written(tmp_path):
    written = 0
    for letters in range(225, 256):  # the temporary name is longer than the last
        path = tmp_path / ("a" * letters)
        try:
            check_writable(path)
        except CannotWrite:
            assert written  # from here on all are too long
        else:
            write(path, b"whole")
            written += 1
    assert 0 < written < 31 and len(list(tmp_path.iterdir())) == written


@pytest.mark.parametrize("text", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_folder_that_cannot_be_is_refused(tmp_path, text):
    with pytest.raises(CannotWrite, match="cannot be made"):
        make_folder(tmp_path / text)


OPENERS = {
    "image": open_pictures,
    "pictures": lambda text: open_pictures(f"{text}; {text}"),
    "source": open_source,
    "tars": lambda text: open_source(f"{text}*.tar"),
    "braces": lambda text: open_source(f"{{{text},x}}.tar"),
    "scan": open_scan,
    "weights": weights_file.read,
    "network": lambda text: zoo.load(f"{text}.py:f"),
}


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("text", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_every_opener_refuses_it_in_a_sentence_of_ours(text, opener, tmp_path, monkeypatch):
    from convscope import ConvscopeError

    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConvscopeError, match=r"[A-Z\w].*\."):
        OPENERS[opener](text)
    assert not are_several(text) or ";" in text
