"""Looks are paid out of a share of the time, and lie further and further apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convscope.training.watching.budget import Budget, is_snapshot, least_gap


def clocks(now, busy=1.0):
    """A clock on the wall, and that of a processor that is ours for a share of the time."""
    return lambda: (now[0], busy * now[0])


@given(st.floats(0.01, 0.5), st.floats(0.01, 3.0))
def test_no_more_is_spent_than_the_share(share, cost):
    now = [0.0]
    budget, looks = Budget(share, clocks(now)), 0
    for _ in range(2000):
        now[0] += 1
        if budget.allows():
            now[0] += cost
            budget.pay((cost, cost))
            looks += 1
    assert budget.spent[0] <= share * now[0] + cost
    assert looks >= min(2000, share * now[0] / cost) / 2 - 1


@given(st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_the_clock_that_says_it_costs_more_counts(busy, own):
    """A training that waits pays for no more than its work does, and a look that waits counts as long as it takes."""
    now, share = [0.0], 0.1
    budget = Budget(share, clocks(now, busy))
    for _ in range(500):
        now[0] += 1
        if budget.allows():
            now[0] += 0.1
            budget.pay((0.1, 0.1 * own))
    assert budget.spent[0] <= share * now[0] + 0.1
    assert budget.spent[1] <= share * busy * now[0] + 0.1


def test_what_is_paid_aside_counts():
    now = [0.0]
    budget = Budget(0.1, clocks(now))
    budget.pay((1.0, 1.0))
    now[0] = 25.0
    assert budget.allows()
    budget.pay_aside((5.0, 0.0))
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
