"""Turns: interactive requests before jobs, and every turn inside the pause of another is over before that goes on."""

import threading
import time

from torch import nn

from convscope.explorer.workspace import network_lock as module
from convscope.explorer.workspace.network_lock import NetworkLock
from convscope.network.isolation.alone import lock_of

MODULE = nn.Identity()
_PATIENCE = 60  # seconds, however busy the machine is


def started(target):
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def until(condition):
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.001)


def look(turns, heard, name):
    with turns.now():
        heard.append(f"{name} begins")
        heard.append(f"{name} ends")


def test_whoever_waits_goes_first_and_is_done_before_the_next_step():
    turns, heard = NetworkLock(), []
    waiting = []
    with turns.work(MODULE):
        heard.append("step 1")
        waiting += [started(lambda name=name: look(turns, heard, name)) for name in "abc"]
        until(lambda: turns._waiting == 3)
        assert heard == ["step 1"]  # a step is never interrupted
        turns.give_way()
        heard.append("step 2")
    for thread in waiting:
        thread.join(_PATIENCE)
    assert heard[0] == "step 1" and heard[-1] == "step 2" and len(heard) == 8
    for name in "abc":
        at = heard.index(f"{name} begins")
        assert heard[at + 1] == f"{name} ends"


def test_a_second_job_waits_for_the_end_of_the_first():
    turns, heard = NetworkLock(), []

    def job():
        with turns.work(MODULE):
            heard.append("second")

    def linger():
        with turns.now():
            time.sleep(0.005)

    with turns.work(MODULE):
        threads = [started(job)]
        for step in range(10):  # in each pause someone looks, so that both jobs wait for the same turn
            threads.append(started(linger))
            until(lambda: turns._waiting == 1)
            turns.give_way()
            heard.append(step)
    for thread in threads:
        thread.join(_PATIENCE)
    assert heard == [*range(10), "second"]


def test_a_job_that_waits_does_not_hold_up_those_who_look():
    turns, heard = NetworkLock(), []

    def job():
        with turns.work(MODULE):
            heard.append("job")

    with turns.now():
        working = started(job)
        looking = started(lambda: look(turns, heard, "a"))
        until(lambda: turns._waiting == 1)
        time.sleep(0.02)
    looking.join(_PATIENCE)
    working.join(_PATIENCE)
    assert heard == ["a begins", "a ends", "job"]


def test_a_job_makes_its_steps_however_many_look(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    turns, stop, looked = NetworkLock(), threading.Event(), []

    def keep_looking():
        while not stop.is_set():
            with turns.now():
                looked.append(1)
                time.sleep(0.005)

    def job():
        with turns.work(MODULE):
            for _ in range(3):
                turns.give_way()

    lookers = [started(keep_looking) for _ in range(4)]
    until(lambda: looked)
    working = started(job)
    working.join(_PATIENCE)
    stop.set()
    assert not working.is_alive()
    for each in lookers:
        each.join(_PATIENCE)


def test_whoever_has_the_turn_keeps_it():
    turns = NetworkLock()
    with turns.now(), turns.now():
        pass
    with turns.work(MODULE):
        with turns.now():
            pass
        other = started(lambda: look(turns, [], "a"))
        until(lambda: turns._waiting == 1)
        turns.give_way()
    other.join(_PATIENCE)
    assert not other.is_alive()


def test_an_error_gives_the_turn_back():
    turns = NetworkLock()
    for turn in (turns.now, lambda: turns.work(MODULE)):
        try:
            with turn():
                raise RuntimeError
        except RuntimeError:
            pass
    thread = started(lambda: look(turns, [], "a"))
    thread.join(_PATIENCE)
    assert not thread.is_alive()


def test_a_job_about_two_networks_lends_both():
    turns, other, heard = NetworkLock(), nn.Linear(1, 1), []

    def look_at(each):
        with turns.now(), lock_of(each):
            heard.append(each)

    def job():
        with turns.work(MODULE, other), lock_of(MODULE), lock_of(other):
            threads = [started(lambda each=each: look_at(each)) for each in (MODULE, other)]
            until(lambda: turns._waiting == 2)
            turns.give_way()
            heard.append("job")
        for thread in threads:
            thread.join(_PATIENCE)

    started(job).join(_PATIENCE)
    assert len(heard) == 3 and heard[-1] == "job"
