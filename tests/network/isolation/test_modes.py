"""A thread's modes of PyTorch are as before, also where PyTorch lost one or keeps one for later."""

import pytest
import torch
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack, _pop_mode, _push_mode

from convscope.network.isolation.modes import FunctionMode, Modes


class Ours(FunctionMode):
    """Sees functions and does nothing."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


class Theirs(TorchFunctionMode):
    """A user's own."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("change", [_pop_mode, lambda: _push_mode(Theirs()), lambda: None])
def test_a_mode_leaves_the_others_as_they_were(change):
    with Theirs() as theirs:
        with Ours():
            torch.ones(1)
            change()
        assert _get_current_function_mode_stack() == [theirs]
    assert _get_current_function_mode_stack() == []


def test_a_mode_can_be_entered_again_inside_of_itself():
    mode = Ours()
    with mode, mode:
        assert _get_current_function_mode_stack() == [mode, mode]
    assert _get_current_function_mode_stack() == []


def test_modes_are_restored():
    modes = Modes()
    torch.set_grad_enabled(False)
    _push_mode(Theirs())
    modes.restore()
    assert torch.is_grad_enabled() and _get_current_function_mode_stack() == []
