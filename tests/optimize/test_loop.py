"""The loop: stages in order, steps that were taken before, and what ends it early."""

import numpy as np
import pytest

import convscope as cs
from convscope.optimize.ascent import NotFinite
from convscope.optimize.loop import AscentLoop


class Noting(AscentLoop):
    """A loop that writes down what it is told to do; `taken` steps of each stage were taken before."""

    def __init__(self, stages, taken=None, breaks=None):
        self.notes, self.taken, self.breaks = [], taken or {}, breaks
        super().__init__(stages)

    def _begin(self, stage):
        self.notes.append(f"begin {stage}")
        return self.taken.get(stage, 0)

    def _ascend(self, stage, step):
        if (stage, step) == self.breaks:
            raise NotFinite("no number")
        self.notes.append((stage, step))

    def _end(self, stage):
        self.notes.append(f"end {stage}")

    def _keep(self, stage):
        self.notes.append(f"keep {stage} at {self.number}")

    def _preview(self):
        return np.zeros(1, np.float32)


def carried_out(loop):
    """The notes of a loop, and the steps that were reported."""
    heard = []
    with cs.listening(lambda done, total, preview: heard.append((done, total))):
        loop.carry_out()
    return loop.notes, heard


def test_stages_are_gone_through_in_order_and_kept_every_sixteen_steps():
    notes, heard = carried_out(Noting([2, 17]))
    second = [(1, step) for step in range(17)]
    assert notes == ["begin 0", (0, 0), (0, 1), "end 0", "begin 1", *second[:16], "keep 1 at 18", second[16], "end 1"]
    assert heard == [(done, 19) for done in range(1, 20)]


def test_steps_that_were_taken_are_reported_and_not_taken_again():
    notes, heard = carried_out(Noting([3, 3, 3], taken={0: 3, 1: 2}))
    assert notes == ["begin 0", "end 0", "begin 1", (1, 2), "end 1", "begin 2", (2, 0), (2, 1), (2, 2), "end 2"]
    assert heard == [(done, 9) for done in range(1, 10)]


@pytest.mark.parametrize(("stop", "last"), [(4, "keep 1 at 4"), (3, "end 0")])
def test_cancelled_it_keeps_the_stage_that_is_under_way(stop, last):
    def listen(done, total, preview):
        if done == stop:
            raise cs.Cancelled

    loop = Noting([3, 3])
    with cs.listening(listen):
        loop.carry_out()
    assert loop.notes[-1] == last and loop.number == stop and loop.at == divmod(stop, 3)
    assert loop.work.evidence == {"partial": f"cancelled after {stop} of 6 steps"}


def test_numbers_that_are_not_finite_are_raised_or_end_the_work():
    class Telling(Noting):
        def _fail(self, error):
            self.broken = f"{self.at}: {error}"

    with pytest.raises(NotFinite, match="no number"):
        Noting([2, 2], breaks=(1, 0)).carry_out()
    loop = Telling([2, 2], breaks=(1, 1))
    loop.carry_out()
    assert loop.broken == "(1, 1): no number" and loop.number == 3 and loop.notes[-1] == (1, 0)
