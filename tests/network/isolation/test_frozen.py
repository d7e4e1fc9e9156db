"""Running a user's module: frozen, in evaluation mode, eager, deterministic, and without a trace."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from convscope.base.errors import ForwardFailed
from convscope.network.isolation.frozen import call, frozen

X = torch.ones(2, 3, 8, 8)


class Moody(nn.Module):
    """Drops out at random and counts in a buffer, whatever the mode."""

    def __init__(self, fails=False):
        super().__init__()
        self.conv, self.norm, self.fails = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), fails
        self.register_buffer("runs", torch.zeros(()))

    def forward(self, x):
        self.runs += 1
        y = F.dropout(self.norm(self.conv(x)), 0.5)
        if self.fails:
            raise RuntimeError("a tensor\nof the wrong kind")
        return y.mean((2, 3))


def state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def assert_same_state(module, before):
    after = module.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize("fails", [False, True])
def test_a_call_leaves_weights_buffers_modes_and_random_numbers_as_they_were(fails):
    module = Moody(fails).train()
    module.norm.eval()
    before, random = state(module), torch.get_rng_state()
    if fails:
        with pytest.raises(ForwardFailed):
            call(module, X)
    else:
        call(module, X)
    assert_same_state(module, before)
    assert torch.equal(torch.get_rng_state(), random)
    assert (module.training, module.conv.training, module.norm.training) == (True, True, False)
    assert all(p.grad is None and p.requires_grad for p in module.parameters())


def test_the_same_input_has_the_same_output_even_where_the_module_draws():
    module = Moody().train()
    first = call(module, X)
    torch.rand(7)
    assert torch.equal(call(module, X), first)


def test_a_module_in_training_mode_gives_what_it_gives_in_evaluation_mode():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    found = call(module, X)
    with torch.no_grad():
        torch.testing.assert_close(found, module.eval()(X))


def test_autocast_around_a_call_changes_nothing():
    module = nn.Conv2d(3, 4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert call(module, X).dtype == torch.float32


def test_weights_take_no_gradient_but_the_input_does():
    module = nn.Conv2d(3, 4, 3)
    x = X.clone().requires_grad_()
    call(module, x).sum().backward()
    assert module.weight.grad is None and module.bias.grad is None
    torch.testing.assert_close(x.grad[0, :, 4, 4], module.weight.detach().sum((0, 2, 3)))


@pytest.mark.parametrize("raises", [None, KeyboardInterrupt])
def test_what_was_switched_off_is_switched_on_again(raises):
    module = Moody().train()
    module.norm.eval()
    random = torch.get_rng_state()
    try:
        with frozen(module):
            assert not any(part.training for part in module.modules())
            torch.rand(3)
            if raises:
                raise raises
    except KeyboardInterrupt:
        pass
    assert [part.training for part in module.modules()] == [True, True, False]
    assert torch.equal(torch.get_rng_state(), random)


def test_a_train_method_of_the_users_own_is_not_called():
    class Stubborn(nn.Conv2d):
        def train(self, mode=True):
            raise AssertionError("called")

    module = Stubborn(3, 4, 3)
    assert call(module, X).shape == (2, 4, 6, 6)
    assert module.training


def test_a_module_that_raises_is_quoted_with_the_shape_and_the_next_step():
    with pytest.raises(ForwardFailed, match=r"input of shape \(2, 3, 8, 8\): RuntimeError: a tensor\.$") as caught:
        call(Moody(fails=True), X)
    assert str(caught.value.__cause__) == "a tensor\nof the wrong kind"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_is_not_called_a_failure(stop):
    class Stops(nn.Module):
        def forward(self, x):
            raise stop

    with pytest.raises(stop):
        call(Stops(), X)
