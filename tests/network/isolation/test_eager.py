"""What was compiled is not run inside a block, whatever blocks other threads open and end, and is run afterwards."""

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._dynamo import eval_frame

from convscope.network.isolation.eager import Eager, EagerMode


class Watch(EagerMode):
    """Sees functions and does nothing."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def in_a_thread(step):
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()


@given(st.lists(st.integers(0, 2), max_size=12), st.sampled_from(["default", "eager_on_recompile"]))
def test_blocks_of_threads_may_overlap_as_they_like(turns, stance):
    blocks = {}
    with torch.compiler.set_stance(stance):
        for turn in turns:
            if turn in blocks:
                in_a_thread(blocks.pop(turn).__exit__)
            else:
                blocks[turn] = Eager()
                in_a_thread(blocks[turn].__enter__)
            assert eval_frame._stance.stance == ("force_eager" if blocks else stance)
        while blocks:
            in_a_thread(blocks.popitem()[1].__exit__)
        assert eval_frame._stance.stance == stance


@pytest.mark.parametrize("ends", [1, 2])
def test_a_mode_is_such_a_block_and_may_be_ended_twice(ends):
    with Eager():
        mode = Watch().__enter__()
        for _ in range(ends):
            mode._eager.__exit__()
        assert eval_frame._stance.stance == "force_eager"
        mode.__exit__()
    assert eval_frame._stance.stance == "default"
