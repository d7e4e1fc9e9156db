"""The user's module is never changed, whatever is asked of it, however it is made, and however it ends."""

import copy
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import convscope as cs
from convscope.base.errors import ForwardFailed

IMAGE = np.random.default_rng(2).integers(0, 256, (12, 12, 3), dtype=np.uint8)
UNIT = "logits:1"
TECHNIQUES = {
    "saliency": lambda net: cs.saliency(net, IMAGE, UNIT).values,
    "guided_backprop": lambda net: cs.guided_backprop(net, IMAGE, UNIT).values,
    "deconvnet": lambda net: cs.deconvnet(net, IMAGE, UNIT).values,
    "activations": lambda net: cs.activations(net, IMAGE, "head").values,
    "predict": lambda net: net.predict(IMAGE),
    "layers": lambda net: repr(net.layers),
    "weights": lambda net: cs.weights(net, "conv").values,
}
every_technique = pytest.mark.parametrize("ask", TECHNIQUES.values(), ids=TECHNIQUES)
every_forward = pytest.mark.parametrize("ask", list(TECHNIQUES.values())[:5], ids=list(TECHNIQUES)[:5])


class Worn(nn.Module):
    """A module in the middle of its training: mixed modes, frozen parts, gradients, hooks, a channels-last kernel."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.relu = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.second, self.bn2, self.drop = nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Dropout(0.5)
        self.head, self.raises = nn.Linear(4, 3), None
        self.register_buffer("seen", torch.zeros(()), persistent=False)

    def forward(self, x):
        self.seen += 1
        x = self.relu(self.bn(self.conv(x)))
        x = F.dropout(self.bn2(self.second(x)), 0.2)
        if self.raises is not None:
            raise self.raises
        return self.head(self.drop(F.relu(x, inplace=True)).mean((2, 3)))


def worn():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Worn().to(memory_format=torch.channels_last)
        module(torch.randn(4, 3, 12, 12)).sum().backward()
        nn.init.normal_(module.bn2.weight)
    module.bn.eval()
    module.conv.weight.requires_grad_(False)
    module.head.bias.grad = None
    module.relu.register_forward_hook(lambda *_: None)
    module.head.register_full_backward_hook(lambda *_: None)
    return module


def tensor_state(tensor):
    facts = (id(tensor), tensor.data_ptr(), tensor._version, tensor.requires_grad, tensor.stride(), tensor.dtype)
    return (*facts, id(tensor.grad), tensor.detach().numpy().tobytes())


def state(module):
    """Everything about a module, and about PyTorch, that a user could notice to be different."""
    tensors = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    return {
        "tensors": {name: tensor_state(tensor) for name, tensor in tensors},
        "grads": {name: tensor_state(p.grad) for name, p in module.named_parameters() if p.grad is not None},
        "keys": list(module.state_dict()),
        "modes": {name: part.training for name, part in module.named_modules()},
        "attributes": {name: list(vars(part)) for name, part in module.named_modules()},
        "members": {name: (list(part._parameters), list(part._buffers)) for name, part in module.named_modules()},
        "hooks": {
            (name, kind): list(hooks.items())
            for name, part in module.named_modules()
            for kind, hooks in vars(part).items()
            if "hook" in kind and isinstance(hooks, dict)
        },
        "forward": {name: getattr(part.forward, "__func__", part.forward) for name, part in module.named_modules()},
        "random": (torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()),  # noqa: NPY002
        "torch": (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch._C._len_torch_function_stack(),
        ),
    }


def network(module):
    return cs.Network(module, size=12)


def test_the_comparison_would_notice():
    """What these tests rest on: each of these changes, as small as they are, makes the state another."""
    changes = [
        lambda m: m.conv.weight.detach().add_(0),
        lambda m: m.bn.running_mean.copy_(m.bn.running_mean),
        lambda m: m.bn2.weight.grad.zero_(),
        lambda m: m.second.weight.requires_grad_(False),
        lambda m: setattr(m.head.bias, "grad", torch.zeros(3)),
        lambda m: m.bn.train(),
        lambda m: m.conv.to(memory_format=torch.contiguous_format),
        lambda m: m.second.register_forward_pre_hook(print),
        lambda m: setattr(m, "forward", m.forward),
        lambda m: torch.rand(1),
    ]
    module = worn()
    states = [state(module)]
    for change in changes:
        change(module)
        states.append(state(module))
        assert states[-1] != states[-2]


@every_technique
def test_a_technique_leaves_no_trace(ask):
    module = worn()
    before = state(module)
    ask(network(module))
    assert state(module) == before


@every_technique
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_mode_a_technique_is_called_in_stays_and_changes_nothing(ask, mode):
    module = worn()
    wanted = ask(network(module))
    with mode():
        before = state(module)
        found = ask(network(module))
        assert state(module) == before
    assert np.array_equal(found, wanted)


@every_forward
@pytest.mark.parametrize("error", [ValueError("Halfway."), KeyboardInterrupt()], ids=["an error", "Ctrl-C"])
@pytest.mark.parametrize("listed", [True, False], ids=["known layers", "unknown layers"])
def test_a_forward_that_ends_halfway_leaves_no_trace(ask, error, listed):
    module = worn()
    net = network(module)
    if listed:
        assert len(net.layers) > 2
    module.raises = error
    before = state(module)
    with pytest.raises((ForwardFailed, KeyboardInterrupt)) as caught:
        ask(net)
    assert error in (caught.value, caught.value.__cause__)
    assert state(module) == before


@every_forward
def test_a_module_in_training_is_read_as_in_evaluation(ask):
    module = worn()
    evaluated = copy.deepcopy(module).eval()
    assert np.array_equal(ask(network(module)), ask(network(evaluated)))


@every_forward
def test_what_a_module_draws_hangs_on_no_random_state(ask):
    module = worn()
    found = []
    for seed in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            found.append(ask(network(module)))
    assert np.array_equal(*found), "though one of its dropouts is always on"


class Stubborn(Worn):
    def train(self, mode=True):
        raise AssertionError("train() and eval() may do anything, so they are not called")


def test_modes_are_set_without_the_modules_own_train():
    module = Stubborn()
    cs.saliency(network(module), IMAGE, UNIT)
    assert module.training and module.bn.training


class Checkpointed(Worn):
    """Runs its first part again in the backward pass, to save memory, as DenseNet and timm can."""

    on = True

    def part(self, x):
        return self.relu(self.bn2(self.conv(x)))

    def forward(self, x):
        x = checkpoint(self.part, x, use_reentrant=False) if self.on else self.part(x)
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["saliency", "guided_backprop", "deconvnet"])
def test_a_part_that_runs_again_in_the_backward_pass_is_untouched_too(name, training):
    module = Checkpointed().train(training)
    module.on = False
    wanted = TECHNIQUES[name](network(module))
    module.on = True
    before = state(module)
    if name == "saliency":
        assert np.array_equal(TECHNIQUES[name](network(module)), wanted)
    else:  # the rule cannot follow, so it is refused instead of half applied
        with pytest.raises(ForwardFailed, match="gradient checkpointing"):
            TECHNIQUES[name](network(module))
    assert state(module) == before
