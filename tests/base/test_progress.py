"""Ambient progress."""

import pytest

from convscope.base.progress import listening, report_progress, stage


def test_a_listener_hears_every_step_in_order():
    heard = []
    with listening(lambda *step: heard.append(step)):
        report_progress(1, 3)
        report_progress(2, 3, "preview")
    assert heard == [(1, 3, None), (2, 3, "preview")]


def test_without_a_listener_reporting_does_nothing():
    report_progress(1, 3, "unheard")


def test_the_inner_listener_hears_and_the_outer_one_returns():
    outer, inner = [], []
    with listening(lambda step, *_: outer.append(step)):
        report_progress(1, 3)
        with listening(lambda step, *_: inner.append(step)):
            report_progress(2, 3)
        report_progress(3, 3)
    report_progress(4, 3)
    assert (outer, inner) == ([1, 3], [2])


def test_stages_follow_one_another_and_take_equal_parts():
    heard = []
    with listening(lambda step, total, preview: heard.append((step, total, preview))):
        with stage(0, 2):
            report_progress(1, 2)
            report_progress(2, 2, "half")
        with stage(1, 2):
            report_progress(1, 4)
        report_progress(5, 5)
    with stage(0, 2):
        report_progress(1, 2)
    assert heard == [(1, 4, None), (2, 4, "half"), (5, 8, None), (5, 5, None)]


def test_raising_from_a_listener_cancels_the_work_and_stops_the_listening():
    done, heard = [], []

    def listener(step, _total, _preview):
        heard.append(step)
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), listening(listener):
        for step in range(1, 5):
            report_progress(step, 4)
            done.append(step)
    report_progress(9, 9)
    assert (done, heard) == ([1], [1, 2])
