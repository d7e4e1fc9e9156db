"""Filters are those a layer computes with now, however it makes them, and looking at them runs no network."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from timm.layers import ScaledStdConv2d, StdConv2d
from torch import nn
from torch.nn.utils import parametrizations, prune

import convscope as cs
from convscope.network.used_weights import used_weight

old_hooks = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")


class Silent(nn.Module):
    """One convolution, and a forward that raises."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x):
        raise AssertionError("a forward was run")


class Doubled(nn.Conv2d):
    """Computes with twice its weight."""

    def forward(self, x):
        return F.conv2d(x, self.weight * 2, self.bias)


def by_a_hook(conv):
    conv.gain = nn.Parameter(torch.full((2, 1, 1, 1), 3.0))
    raw = nn.Parameter(conv.weight.detach().clone())
    del conv._parameters["weight"]
    conv.raw, conv.weight = raw, raw.detach()
    conv.register_forward_pre_hook(lambda m, _x: setattr(m, "weight", m.raw * m.gain))
    return conv


def pruned(conv):
    prune.l1_unstructured(conv, "weight", amount=0.5)
    return conv


def trained(make):
    """What a layer's stored weight says is old: its parameters went on in training."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        conv = make(lambda kind=nn.Conv2d, **how: kind(3, 2, 3, **how)).eval()
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.mul_(1.5).add_(0.01)
    return conv


KINDS = {
    "plain": lambda conv: conv(),
    "weight norm": lambda conv: nn.utils.weight_norm(conv()),
    "weight norm, parametrized": lambda conv: parametrizations.weight_norm(conv()),
    "spectral norm": lambda conv: nn.utils.spectral_norm(conv()),
    "spectral norm, parametrized": lambda conv: parametrizations.spectral_norm(conv()),
    "pruned": lambda conv: pruned(conv()),
    "a hook of the user's": lambda conv: by_a_hook(conv()),
    "standardized": lambda conv: conv(StdConv2d, padding=0),
    "scaled and standardized": lambda conv: conv(ScaledStdConv2d, padding=0),
    "doubled": lambda conv: conv(Doubled),
    "dilated": lambda conv: nn.utils.spectral_norm(conv(dilation=2)),
}


def by_unit_vectors(conv):
    """The filters of a layer, read off by what it puts out for pictures of a single one: (O, I, 3, 3)."""
    side = conv.dilation[0] * 2 + 1
    ones = torch.zeros(3, 3, 3, 3, side, side)
    for channel in range(3):
        for y in range(3):
            for x in range(3):
                ones[channel, y, x, channel, y * conv.dilation[0], x * conv.dilation[0]] = 1
    with torch.no_grad():
        found = conv(ones.flatten(0, 2)) - conv(ones[:1, 0, 0] * 0)
    return found[:, :, 0, 0].T.reshape(2, 3, 3, 3)


@old_hooks
@pytest.mark.parametrize("kind", KINDS)
def test_filters_are_those_the_layer_computes_with_and_nothing_is_changed(kind):
    wanted = by_unit_vectors(trained(KINDS[kind]))
    conv = trained(KINDS[kind])
    held = conv.__dict__.get("weight", conv._parameters.get("weight"))
    before = {name: value.detach().clone() for name, value in conv.state_dict().items()}
    found = cs.weights(cs.Network(Silent(conv), size=8), "conv").values
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    assert conv.__dict__.get("weight", conv._parameters.get("weight")) is held
    assert all(torch.equal(value, before[name]) for name, value in conv.state_dict().items())


@old_hooks
def test_the_stored_attribute_would_have_been_wrong():
    for kind in ("weight norm", "spectral norm", "standardized", "a hook of the user's", "doubled"):
        conv = trained(KINDS[kind])
        assert not torch.allclose(conv.weight.detach(), used_weight(conv), rtol=0.05), kind


def test_a_layer_that_wants_something_else_is_read_as_it_is():
    class Guided(nn.Conv2d):
        def forward(self, x, guide):
            return super().forward(x) * guide

    conv = Guided(3, 2, 3)
    assert torch.equal(used_weight(conv), conv.weight)


def test_linear_layers_too():
    layer = parametrizations.weight_norm(nn.Linear(4, 3))
    with torch.no_grad():
        layer.parametrizations.weight.original0.mul_(2)
        wanted = torch.stack([layer(one[None])[0] - layer(one[None] * 0)[0] for one in torch.eye(4)]).T
    torch.testing.assert_close(used_weight(layer), wanted)
