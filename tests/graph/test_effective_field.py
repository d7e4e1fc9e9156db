"""Effective receptive fields: known answers, invariance to position, and never more than the theoretical window."""

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.unit import Unit
from convscope.graph.effective_field import effective_at, effective_box


def stack(depth, side=3, **more):
    layers = [nn.Conv2d(3 if i == 0 else 2, 2, side, padding=side // 2, **more) for i in range(depth)]
    for layer in layers:
        nn.init.constant_(layer.weight, 1)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def held(depth):
    """Half the side of the middle square that holds 95 % of a box filter's `depth`-fold convolution, by hand."""
    row = np.ones(1)
    for _ in range(depth):
        row = np.convolve(row, np.ones(3))
    mass = np.outer(row, row) / row.sum() ** 2
    areas = {
        (2 * a + 1) * (2 * b + 1): {a, b}
        for a in range(depth + 1)
        for b in range(depth + 1)
        if mass[depth - a : depth + a + 1, depth - b : depth + b + 1].sum() >= 0.95
    }
    return areas[min(areas)]


@pytest.mark.parametrize("depth", [1, 4, 9])
def test_stacked_box_filters(depth):
    net = cs.Network(stack(depth), size=48)
    top, left, bottom, right = effective_box(net, Unit("logits", 1), torch.rand(2, 3, 48, 48), np.full((2, 2), 24))
    assert (top, left) == (1 - bottom, 1 - right)
    assert {-top, -left} == held(depth)
    if depth == 9:  # a fraction of the theoretical one
        assert bottom - top < 19


def test_neurons_are_laid_over_each_other():
    net = cs.Network(nn.Sequential(stack(3), nn.Conv2d(2, 2, 3, stride=2, padding=1)), size=64)
    x = torch.rand(3, 3, 64, 64)
    unit = Unit("logits", 0)
    together = effective_box(net, unit, x, np.array([[8, 8], [16, 9], [20, 25]]))
    assert together == effective_box(net, unit, x, np.array([[16, 16]] * 3))
    boxes = effective_at(net, unit, together, np.array([[8, 8], [16, 9], [0, 31]]))
    assert (boxes[1] - boxes[0]).tolist() == [16, 2, 16, 2]
    assert (boxes >= 0).all() and (boxes <= 64).all()
    assert boxes[2, 0] == 0 and boxes[2, 3] == 64


def test_never_more_than_the_theoretical_window():
    module = nn.Conv2d(3, 2, (1, 5), padding=(0, 2), dilation=(1, 3))
    net = cs.Network(module, size=30)
    for y, x in [(0, 0), (15, 15), (29, 3)]:
        found = net.receptive_field(f"logits:0@{y},{x}")
        inside, outside = np.array(found.effective), np.array(found.box)
        assert (inside[:2] >= outside[:2]).all() and (inside[2:] <= outside[2:]).all()


def test_gradients_that_vanish_give_no_box():
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), size=16)
    nn.init.zeros_(net.module[0].weight)
    nn.init.constant_(net.module[0].bias, -1)
    assert net.receptive_field("1:0").effective is None
    assert net.receptive_field("1").effective is None


def test_a_layer_is_the_sum_of_its_channels_and_input_is_one_pixel():
    net = cs.Network(stack(2), size=16)
    assert net.receptive_field("1").effective == net.receptive_field("1:0").effective
    assert net.receptive_field("input:0@3,4").effective == (3, 4, 4, 5)


def test_the_embedded_network_looks_at_less_than_it_could(lite0):
    found = lite0.receptive_field("blocks.4.0.conv_dw:7")
    height = found.effective[2] - found.effective[0]
    assert 16 < height < found.box[2] - found.box[0]
    assert found.effective is found.effective  # measured once
    assert "measure" not in repr(found)
    assert found == lite0.receptive_field("blocks.4.0.conv_dw:7")
    assert lite0.receptive_field("logits:281").effective is not None
    assert all(p.requires_grad and p.grad is None for p in lite0.module.parameters())
