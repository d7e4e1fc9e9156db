"""Looks are paid out of a share of the time, and lie further and further apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convscope.training.watching.budget import Budget, is_snapshot, least_gap


def made(share, now, busy=1.0):
    """A budget by a clock on the wall, of a process that has the processor for a share of the time."""
    return Budget(share, lambda: now[0], lambda: busy * now[0])


@given(st.floats(0.01, 0.5), st.floats(0.01, 3.0))
def test_no_more_is_spent_than_the_share(share, cost):
    now = [0.0]
    budget, looks = made(share, now), 0
    for _ in range(2000):
        now[0] += 1
        if budget.allows():
            now[0] += cost
            budget.pay(cost)
            looks += 1
    assert budget.spent <= share * now[0] + cost
    assert looks >= min(2000, share * now[0] / cost) / 2 - 1


@given(st.floats(0.05, 3.0))
def test_a_training_that_waits_pays_for_no_more_than_its_work_does(busy):
    now, share = [0.0], 0.1
    budget = made(share, now, busy)
    for _ in range(500):
        now[0] += 1
        if budget.allows():
            now[0] += 0.1
            budget.pay(0.1)
    assert budget.spent <= share * min(1.0, busy) * now[0] + 0.1


def test_what_is_paid_aside_counts():
    now = [0.0]
    budget = made(0.1, now)
    budget.pay(1.0)
    now[0] = 25.0
    assert budget.allows()
    budget.pay_aside(5.0)
    assert not budget.allows()


def test_the_number_of_looks_grows_with_the_logarithm_of_the_steps():
    looks, step = 0, 0
    while step < 1_000_000:
        looks, step = looks + 1, step + least_gap(step)
    assert looks < 2200


def test_snapshots_lie_two_an_octave():
    found, last = [], -1
    for step in range(40):
        if is_snapshot(step, last):
            found.append(step)
            last = step
    assert found == [0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 33]
