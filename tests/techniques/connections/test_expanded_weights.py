"""Expanded weights: the slope of the linearized network and the product of kernels, and refused where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import NoLinearPart, UnknownLayer
from convscope.techniques.connections import expanded_weights as technique
from convscope.view.figures.registry import draw

SIDE = 20


class Linear(nn.Module):
    """A network, and with `linear` the same with every rectifier passed through and every maximum a mean."""

    def __init__(self, linear=False):
        super().__init__()
        self.linear = linear
        self.first, self.norm, self.act = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU6()
        self.pool, self.deep, self.second = nn.MaxPool2d(2), nn.Conv2d(6, 6, 3, 1, 1, groups=6), nn.Conv2d(6, 8, 3)
        self.side, self.last, self.head = nn.Conv2d(6, 6, 1), nn.SiLU(), nn.Linear(8, 3)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        x = self.norm(self.first(x))
        x = F.avg_pool2d(x, 2) if self.linear else self.pool(self.act(x))
        x = self.deep(x) + self.side(x)
        x = self.second(x if self.linear else F.relu(x))
        return self.head((x if self.linear else self.last(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def modules():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        own = Linear().double().eval()
    other = Linear(linear=True).double().eval()
    other.load_state_dict(own.state_dict())
    return own, other


@pytest.fixture(scope="module")
def net(modules):
    return cs.Network(modules[0], size=SIDE, name="linear")


def slope(module, x, layer, unit, place=()):
    """Of one number of the linearized module along what a layer puts out, or the image: plain autograd."""
    kept = {"input": x.requires_grad_()}
    names = {*unit, layer} - {"input"}
    handles = [
        module.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: kept.__setitem__(name, out))
        for name in names
    ]
    module(x)
    for handle in handles:
        handle.remove()
    ((name, channel),) = unit.items()
    return torch.autograd.grad(kept[name][(0, channel, *place)], kept[layer])[0][0]


@pytest.mark.parametrize("layer", ["input", "first", "norm"])
@pytest.mark.parametrize(("unit", "place"), [({"second": 2}, (1, 1)), ({"deep": 3}, (4, 4)), ({"head": 1}, ())])
def test_they_are_the_slopes_of_the_linearized_network(net, modules, layer, unit, place):
    ((name, channel),) = unit.items()
    at = cs.Unit(name, channel, place or None)
    found = technique._found(net, at, layer).weights[0]
    x = torch.randn(1, 3, SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    wanted = slope(modules[1], x, layer, unit, place)
    assert wanted.abs().max() > 1e-4
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12 * float(wanted.abs().max()))


def test_of_two_convolutions_it_is_one_kernel_over_the_other(net, modules):
    own = modules[0]
    found = cs.expanded_weights(net, "first:4", "input").values
    np.testing.assert_allclose(found, own.first.weight[4].detach(), rtol=1e-6)
    scale = (own.norm.weight / (own.norm.running_var + own.norm.eps).sqrt()).detach()
    kernel = torch.zeros(3, 8, 8, dtype=torch.float64)  # one after the other: 3 × 3, a mean over 2 × 2, 3 × 3
    for y in range(3):
        for x in range(3):
            for dy in range(2):
                for dx in range(2):
                    weight = own.deep.weight[1, 0, y, x] * scale[1] / 4
                    kernel[:, 2 * y + dy : 2 * y + dy + 3, 2 * x + dx : 2 * x + dx + 3] += weight * own.first.weight[1]
    found = cs.expanded_weights(net, "deep:1", "input")
    assert found.values.shape == (3, 8, 8) and found.evidence["maxima_as_means"] == 1
    np.testing.assert_allclose(found.values, kernel.detach(), rtol=1e-5, atol=1e-8)


def test_the_neuron_is_the_middle_one_and_the_window_says_where_it_looks(net):
    found = cs.expanded_weights(net, "deep:1", "first")
    assert str(found.unit) == "deep:1@5,5" and found.window.tolist() == [8, 8, 14, 14] and found.side == (20, 20)
    assert found.order[0] == 1 and not found.norms[[0, 2, 3, 4, 5]].any()  # a channel of its own
    assert found.sums[1] == pytest.approx(found.values[1].sum(), rel=1e-6) and "border" not in found.evidence
    corner = cs.expanded_weights(net, "deep:1@0,0", "input")
    assert "border" in corner.evidence and corner.window[:2].tolist() == [0, 0]
    ended = cs.expanded_weights(net, "head:2", "second")
    assert "silu" in ended.evidence["as_identity"] and ended.values.shape == (8, 8, 8)


def test_nothing_before_the_unit_is_refused(net):
    for layer in ("second", "head"):
        with pytest.raises(UnknownLayer, match="must lead to"):
            cs.expanded_weights(net, "second:0", layer)


class Bent(nn.Module):
    def __init__(self, bend):
        super().__init__()
        self.first, self.second, self.bend = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1), bend
        self.norm = nn.GroupNorm(2, 4)

    def forward(self, x):
        return self.second(self.bend(self, self.first(x)))


def attend(_net, x):
    tokens = x.flatten(2)
    return F.scaled_dot_product_attention(tokens, tokens, tokens).reshape(x.shape)


BENT = {
    "a gate": lambda net, x: x * x.mean((2, 3), keepdim=True),
    "a gate multiplies": lambda net, x: x.sigmoid(),
    "attention weighs": attend,
    "resized map": lambda net, x: F.interpolate(x, scale_factor=2.0),
    "own deviation": lambda net, x: net.norm(x),
    "it bends": lambda net, x: x.square().exp(),
}


@pytest.mark.parametrize("why", BENT)
def test_what_has_no_linear_part_is_refused_with_the_reason(why):
    net = cs.Network(Bent(BENT[why]).eval(), size=8, name="bent")
    with pytest.raises(NoLinearPart, match=why):
        cs.expanded_weights(net, "second:0", "first")
    assert cs.expanded_weights(net, "first:0", "input").values.shape == (3, 3, 3)


def test_its_picture_has_most_weight_first(net):
    found = cs.expanded_weights(net, "second:2", "norm")
    view = draw(found, top=4)
    assert view.panels[0].labels == tuple(map(str, found.order[:4])) and "4 of 6 channels" in view.panels[0].title
    colored = draw(cs.expanded_weights(net, "second:2", "input"))
    assert [panel.array for panel in colored.panels] == ["color", "channels"]
