"""Quiet for one thread: what others print, log and warn of is heard."""

import logging
import sys
import threading
import warnings

import pytest

from convscope.network.isolation.quiet import quiet


def say(text):
    print(text)
    print(text, file=sys.stderr)
    logging.getLogger("torch.export").critical(text)


def test_this_thread_is_not_heard_and_others_are(capsys, caplog):
    with quiet():
        say("mine")
        warnings.warn("mine", stacklevel=1)
        other = threading.Thread(target=say, args=("theirs",))
        other.start()
        other.join()
    say("after")
    heard = capsys.readouterr()
    assert heard.out == "theirs\nafter\n"
    assert "mine" not in heard.err and "theirs" in heard.err
    assert [record.message for record in caplog.records] == ["theirs", "after"]


def test_streams_and_filters_are_as_before_after_an_interrupt():
    before = sys.stdout, sys.stderr, list(warnings.filters), [list(h.filters) for h in logging.root.handlers]
    with pytest.raises(KeyboardInterrupt), quiet():
        raise KeyboardInterrupt
    assert before == (
        sys.stdout,
        sys.stderr,
        list(warnings.filters),
        [list(h.filters) for h in logging.root.handlers],
    )
