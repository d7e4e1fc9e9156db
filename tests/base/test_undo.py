"""Changes are undone wherever an interrupt falls: also into what undoes them."""

import pytest

from convscope.base.undo import everything_undone, undoing


def test_a_block_is_undone_once_at_its_end():
    done = []
    block = undoing(lambda: done.append(1))
    with block:
        assert done == []
    block.undo()
    assert done == [1]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_was_interrupted_while_it_was_undone_is_undone_by_the_block_around(error):
    done, calls = [], iter([error, None])

    def undo():
        stop = next(calls)
        if stop is not None:
            raise stop
        done.append("inner")

    with pytest.raises(error), everything_undone(lambda: done.append("last")):
        with undoing(undo):
            pass
        raise AssertionError("not reached")
    assert done == ["inner", "last"]


def test_what_was_left_is_undone_before_what_it_was_done_on_top_of():
    done = []

    class Begun(undoing):
        """Is interrupted when its change is made, so that its block never begins."""

        def __enter__(self):
            super().__enter__()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), undoing(lambda: done.append("outer")), Begun(lambda: done.append("inner")):
        pass
    assert done == ["inner", "outer"]


def test_what_lies_further_out_is_left_for_its_own_end():
    done = []
    with undoing(lambda: done.append("outer")):
        with everything_undone(lambda: done.append("last")), undoing(lambda: done.append("inner")):
            pass
        assert done == ["inner", "last"]
    assert done == ["inner", "last", "outer"]


def test_a_block_that_was_left_open_by_an_interrupt_ends_with_it_and_not_later():
    done = []

    class Cut:
        """A block that is interrupted before its end has begun: a generator in it is left as it is."""

        def __enter__(self):
            self.generator = suspended()
            next(self.generator)

        def __exit__(self, *error):
            raise KeyboardInterrupt

    def suspended():
        try:
            yield
        finally:
            done.append("left")

    def work():
        with Cut():
            pass

    try:
        with everything_undone(lambda: done.append("last")):
            work()
    except KeyboardInterrupt as error:
        kept = error  # and with it the frames of its traceback
    assert done == ["left", "last"]
    del kept
