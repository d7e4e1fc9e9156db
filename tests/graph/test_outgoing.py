"""Weights that read a channel: zero where changing the channel changes nothing, and unknown rather than wrong."""

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.graph.outgoing import outgoing_weights
from convscope.network.network import Family


class Block(nn.Module):
    """What a channel meets: a norm, a shortcut, a gate, a depthwise and a grouped convolution, pools, a flattening."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)
        self.inner, self.back = nn.Conv2d(6, 8, 3, padding=1), nn.Conv2d(8, 6, 1)
        self.gate = nn.Conv2d(6, 6, 1)
        self.deep, self.grouped = nn.Conv2d(6, 6, 3, groups=6), nn.Conv2d(6, 6, 3, groups=3)
        self.pool, self.fc1, self.fc2 = nn.AdaptiveAvgPool2d(2), nn.Linear(24, 7), nn.Linear(7, 4)

    def forward(self, x):
        x = self.norm(self.stem(x)).sigmoid()
        x = x + self.back(torch.tanh(self.inner(x)))
        x = x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()
        x = self.grouped(self.deep(x))
        return self.fc2(torch.tanh(self.fc1(self.pool(x).flatten(1))))


ZEROS = [  # a tensor, where it is made zero, and the channels of layers that nobody reads from then on
    ("inner.weight", np.s_[:, 2], {}),  # of a shortcut: others read it yet
    ("back.weight", np.s_[:, 5], {("inner", 5)}),
    ("norm.weight", np.s_[3:4], {("stem", 3)}),
    ("deep.weight", np.s_[1:2], {}),  # the gate reads it
    ("grouped.weight", np.s_[2:4, 1], {("deep", 3)}),
    ("fc1.weight", np.s_[:, 8:12], {("grouped", 2), ("pool", 2)}),
    ("fc2.weight", np.s_[:, 6], {("fc1", 6)}),
]


@pytest.fixture(scope="module")
def family():
    """What networks of one structure share, so that their graph is exported once."""
    return Family()


@pytest.mark.parametrize(("tensor", "where", "unread"), ZEROS, ids=[name for name, _, _ in ZEROS])
def test_a_channel_of_weight_zero_is_one_that_nothing_depends_on(family, tensor, where, unread):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Block().eval()
    module.state_dict()[tensor][where] = 0
    net = cs.Network(module, size=12, name="block")
    net.family = family
    layers = ("stem", "norm", "inner", "back", "deep", "grouped", "pool", "fc1")
    found = {
        (layer, channel)
        for layer in layers
        for channel, weight in enumerate(outgoing_weights(net, layer))
        if weight == 0
    }
    assert found == set(unread)
    x = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    assert found == {
        (layer, c) for layer in layers for c in range(net.layers[layer].units) if unmoved(module, x, layer, c)
    }


def unmoved(module, x, layer, channel):
    """Whether the class scores stay when a channel is something else."""

    def change(_module, _given, result):
        changed = result.clone()
        changed[:, channel] += torch.linspace(1, 2, changed[:, channel].numel()).reshape(changed[:, channel].shape)
        return changed

    with torch.no_grad():
        before = module(x)
        with module.get_submodule(layer).register_forward_hook(change):
            return torch.equal(before, module(x))


def test_weights_are_summed_by_hand():
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3, groups=2)).eval(), size=8)
    weight = net.module[2].weight.detach().abs().double()
    expected = torch.cat([weight[:3].sum((0, 2, 3)), weight[3:].sum((0, 2, 3))])
    np.testing.assert_allclose(outgoing_weights(net, "1"), expected.numpy())
    np.testing.assert_allclose(outgoing_weights(net, "0"), expected.numpy())


class Joined(nn.Module):
    """Channels that are put beside others, dealt out anew, or are the answer themselves."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three, self.last = (nn.Conv2d(n, 4, 1) for n in (3, 4, 8, 4))

    def forward(self, x):
        x = self.one(x)
        x = self.three(torch.cat([x, self.two(x)], 1))
        return self.last(x.flip(1))


@pytest.mark.parametrize("layer", ["one", "two", "three", "last", "logits"])
def test_what_is_not_known_is_not_told(layer):
    assert outgoing_weights(cs.Network(Joined().eval(), size=8), layer) is None


class Unclear(nn.Module):
    """It cannot be exported."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        x = self.one(x)
        return self.two(x) if float(x.sum()) > 1e9 else self.two(-x)


def test_without_a_graph_nothing_is_told():
    assert outgoing_weights(cs.Network(Unclear().eval(), size=8), "one") is None
