"""Gradients of convolutions and what follows them equal plain autograd's, however a module joins the two.

Whoever folds a normalization into the convolution before it, for speed, gets one of these modules wrong first.
"""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs

IMAGE = np.random.default_rng(8).integers(0, 256, (9, 9, 3), dtype=np.uint8)


class Double(torch.autograd.Function):
    """An operation that PyTorch's function modes do not see."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


class Net(nn.Module):
    """A convolution and two normalizations; `join` is the way from the picture to maps of 4 channels."""

    def __init__(self, join, **conv):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, **conv)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.bn, self.bn2, self.bare = nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.BatchNorm2d(4, affine=False)
        self.join = join
        for norm in (self.bn, self.bn2, self.bare):
            for tensor in (norm.running_mean, norm.weight, norm.bias):
                if tensor is not None:
                    nn.init.normal_(tensor)
            nn.init.uniform_(norm.running_var, 0.2, 3)

    def forward(self, x):
        y = self.join(self, x)
        if isinstance(y, tuple):
            return y[0], y[1].relu().mean((2, 3))
        return y.relu().mean((2, 3))


def network(join, output=None, **conv):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cs.Network(Net(join, **conv).double().train(), size=9, output=output)


def plainly(net, layer, channel):
    """The value and the gradient of a channel, by autograd on a copy, with a hook on the layer."""
    module = copy.deepcopy(net.module).eval()
    kept = {}
    if layer != "logits":
        module.get_submodule(layer).register_forward_hook(lambda _m, _i, y: kept.update(y=y.clone()))
    x = net.prepare(IMAGE).requires_grad_()
    logits = module(x)
    kept.setdefault("y", logits[net.output or 0] if isinstance(logits, tuple) else logits)
    value = kept["y"][0, channel].sum()
    return value.item(), torch.autograd.grad(value, x)[0][0].numpy()


def same(net, layer):
    value, grad = plainly(net, layer, 1)
    found = cs.saliency(net, IMAGE, f"{layer}:1")
    assert found.value == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(found.values, grad, rtol=0, atol=1e-6 * np.abs(grad).max())


@pytest.mark.parametrize("layer", ["conv", "bn", "logits"])
@pytest.mark.parametrize(
    "conv",
    [
        {},
        {"bias": False},
        {"stride": 2},
        {"stride": (1, 2), "padding": (2, 1)},
        {"dilation": 2, "padding": 2},
        {"padding": "same"},
        {"padding": "valid"},
        {"padding": 1, "padding_mode": "circular"},
        {"padding": "same", "padding_mode": "reflect"},
    ],
    ids=str,
)
def test_every_kind_of_convolution_before_a_normalization(conv, layer):
    same(network(lambda m, x: m.bn(m.conv(x)), **conv), layer)


def hooked(m, x):
    handle = m.conv.register_forward_hook(lambda _m, _i, y: 3 * y)
    y = m.bn(m.conv(x))
    handle.remove()
    return y


JOINS = {
    "by keyword": lambda m, x: m.bn(F.conv2d(x, m.conv.weight, m.conv.bias, padding=1)),
    "by position": lambda m, x: m.bn(F.conv2d(x, m.conv.weight, m.conv.bias, 2, 1, 1, 1)),
    "with defaults": lambda m, x: m.bn(F.conv2d(x, m.conv.weight)),
    "normalized by function": lambda m, x: F.batch_norm(
        m.conv(x), m.bn.running_mean, m.bn.running_var, weight=m.bn.weight, bias=m.bn.bias, eps=0.1
    ),
    "with the statistics of another": lambda m, x: F.batch_norm(
        m.conv(x), m.bn2.running_mean, m.bn2.running_var, m.bn.weight, m.bn.bias
    ),
    "with another offset": lambda m, x: F.batch_norm(
        m.conv(x), m.bn.running_mean, m.bn.running_var, m.bn.weight, m.bn2.bias
    ),
    "without an affine part": lambda m, x: m.bare(m.conv(x)),
    "used again": lambda m, x: m.bn(y := m.conv(x)) + y,
    "used before": lambda m, x: (y := m.conv(x)).mean() * m.bn(y),
    "used by what modes do not see": lambda m, x: Double.apply(y := m.conv(x)) + m.bn(y),
    "changed on the way": lambda m, x: m.bn(m.conv(x).mul_(2)),
    "changed by a hook": hooked,
    "normalized twice": lambda m, x: m.bn2(m.bn(m.conv(x))),
    "one normalization for two": lambda m, x: m.bn(m.second(m.bn(m.conv(x)))),
    "one convolution for two": lambda m, x: m.bn(m.conv(x)) + m.bn2(m.conv(x)),
    "one convolution twice": lambda m, x: m.bn(m.second(m.second(m.conv(x)))),
    "beside itself": lambda m, x: m.bn(y := m.conv(x)) + m.bn2(y),
    "a view of it": lambda m, x: m.bn(m.conv(x).transpose(2, 3)),
    "a part of the weights": lambda m, x: F.pad(
        F.batch_norm(
            F.conv2d(x, m.conv.weight[:2], m.conv.bias[:2], 1, 0, 1, 1),
            m.bn.running_mean[:2], m.bn.running_var[:2], m.bn.weight[:2], m.bn.bias[:2],
        ),
        (0, 0, 0, 0, 1, 1),
    ),
    "in place afterwards": lambda m, x: m.bn2(m.second(m.bn(m.conv(x)).relu_())).add_(1),
}  # fmt: skip


@pytest.mark.parametrize("join", JOINS.values(), ids=JOINS)
def test_every_way_to_join_a_convolution_and_a_normalization(join):
    same(network(join), "logits")


@pytest.mark.parametrize("output", [0, 1])
def test_an_output_that_is_also_normalized(output):
    net = network(lambda m, x: (y := m.conv(x), m.bn(y)), output=output)
    same(net, "logits")


def test_a_module_may_choose_its_way_by_the_picture():
    net = network(lambda m, x: m.bn(y := m.conv(x)) + (y if x.std() > 0.5 else 0))
    same(net, "logits")
