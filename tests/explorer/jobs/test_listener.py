"""What a job tells: at most so often, and how long it will take."""

from types import SimpleNamespace

from torch import nn

from convscope.explorer.jobs import listener
from convscope.explorer.workspace.network_lock import NetworkLock

MODULE = nn.Identity()


def test_it_tells_four_times_a_second_and_knows_its_pace(monkeypatch):
    clock, told = [0.0], []
    monkeypatch.setattr(listener, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    turns = NetworkLock()
    watching = listener.JobListener(turns, lambda step, total, eta, _: told.append((step, total, eta)), longest=1e9)
    with turns.work(MODULE):
        for step in range(1, 101):
            watching(step, 257, None)
            clock[0] += 1 / 128
    assert told == [(1, 257, None), (33, 257, 1.75), (65, 257, 1.5), (97, 257, 1.25)]
