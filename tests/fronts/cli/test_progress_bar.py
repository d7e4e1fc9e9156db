"""Progress on the command line: the first Ctrl-C keeps what is done, the second does not."""

import signal

import pytest

from convscope.base.progress import Cancelled, report_progress
from convscope.fronts.cli.progress_bar import progress


def test_ctrl_c_after_a_step_cancels_at_the_next_one_and_the_handler_is_put_back():
    with progress("x", keeps=True):
        report_progress(1, 3)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Cancelled):
            report_progress(2, 3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_before_anything_is_done_and_a_second_one_stop_at_once():
    with progress("x", keeps=True), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with progress("x", keeps=True):
        report_progress(1, 3)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_verbs_that_keep_nothing_stop_as_ever():
    with progress("x"), pytest.raises(KeyboardInterrupt):
        report_progress(1, 3)
        signal.raise_signal(signal.SIGINT)


def test_cancelled_work_is_written_and_marked(convscope, monkeypatch, tmp_path):
    import convscope.techniques.attribution.occlusion_values as measured

    found = measured.OcclusionValues.map

    def interrupted(self):
        signal.raise_signal(signal.SIGINT)
        return found(self)

    calls = iter([found, interrupted])
    monkeypatch.setattr(measured.OcclusionValues, "map", lambda self: next(calls, found)(self))
    path = tmp_path / "x.png"
    words = ["--size", "40", "--stride", "20", "--batch-size", "2", "-o", path]
    ran = convscope("occlusion", "lite0", "sample:cat", "logits:285", *words)
    assert ran.code == 0 and "partial: cancelled after" in ran.out and path.stat().st_size > 1000
