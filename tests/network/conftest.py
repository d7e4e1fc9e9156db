"""A slow rewrite of the backward rules: matrices of the linear pieces, and signals sent back through them by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs

SIDE = 5
UNIT = "logits:1"
IMAGE = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


class Net(nn.Module):
    """Conv, rectifier, conv, rectifier, conv, mean; `joins` adds a residual or a second use of a rectifier's input."""

    def __init__(self, first, second, joins):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 3, 3)
        self.first, self.second, self.joins = first, second, joins

    def forward(self, x):
        before = self.a(x)
        after = self.first(before)
        inner = self.b(after)
        if self.joins == "residual":
            inner += after
        y = self.c(self.second(inner))
        if self.joins == "fan-out":
            y = y + self.c(before)
        return y.mean((2, 3))


def network(first, second=None, joins="chain", scale=3.0):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module = Net(first, second or first, joins).double()
        for parameter in module.parameters():
            nn.init.normal_(parameter, 0, scale if parameter.ndim > 1 else 1.0)
    return cs.Network(module, size=SIDE, mean=(0.5,), std=(0.25,))


def affine(conv, channels):
    """The matrix and the offset of a convolution, read off by feeding it nothing and then each unit vector."""
    side = (channels, SIDE, SIDE)
    offset = conv(torch.zeros(1, *side).double()).detach().flatten()
    basis = torch.eye(math.prod(side)).double().reshape(-1, *side)
    return (conv(basis).detach().flatten(1) - offset).T, offset


def send_back(rule, signal, before, slope):
    """One rectifier, in the papers' words: what of the signal above it reaches below."""
    match rule:
        case "saliency":
            return signal * slope(before)
        case "guided_backprop":
            return torch.where((signal > 0) & (before > 0), signal * slope(before), 0)
        case "deconvnet":
            return torch.where(signal > 0, signal, 0)


def by_hand(net, rule, cap=math.inf, f=None, slope=None, channels=2):
    """The signal of UNIT sent back through `Net`, where the first `channels` channels pass through f, a rectifier."""
    f = f or (lambda z: z.clamp(0, cap))
    slope = slope or (lambda z: ((z > 0) & (z < cap)).double())
    here = torch.arange(2 * SIDE * SIDE) < channels * SIDE * SIDE
    module = net.module
    (a, a0), (b, b0), (c, _) = affine(module.a, 1), affine(module.b, 2), affine(module.c, 2)
    residual, fan_out = module.joins == "residual", module.joins == "fan-out"

    before = a @ net.prepare(IMAGE).flatten() + a0
    after = torch.where(here, f(before), before)
    inner = b @ after + b0 + (after if residual else 0)
    for z in (before, inner):
        assert min((z < 0).sum(), (z > 0).sum()) > 2, "closed and open rectifiers must both be there"
        assert cap == math.inf or (z > cap).sum() > 2, "saturated ones too"

    seed = torch.zeros(3, 9).double()
    seed[1] = 1 / 9
    top = c.T @ seed.flatten()
    at_inner = torch.where(here, send_back(rule, top, inner, slope), top)
    at_after = b.T @ at_inner + (at_inner if residual else 0)
    at_before = torch.where(here, send_back(rule, at_after, before, slope), at_after) + (top if fan_out else 0)
    return (a.T @ at_before).reshape(1, SIDE, SIDE).numpy()


def check(net, technique, count, smooth=False, **how):
    """The library's attribution is the one by hand, and is not the plain gradient."""
    result = getattr(cs, technique)(net, IMAGE, UNIT, smooth=smooth)
    wanted, plain = by_hand(net, technique, **how), by_hand(net, "saliency", **how)
    for values, reference in ((result.values, wanted), (cs.saliency(net, IMAGE, UNIT).values, plain)):
        np.testing.assert_allclose(values, reference, rtol=0, atol=1e-6 * np.abs(reference).max())
    assert np.abs(wanted - plain).max() > 0.05 * np.abs(plain).max(), "the rule must matter here"
    assert result.evidence["interceptions"] == count
    assert "not_intercepted" not in result.evidence


@pytest.fixture
def rewrite():
    """The small network to build, and the check of a technique on it against the rewrite."""

    class Rewrite:
        image, unit = IMAGE, UNIT
        network, check, by_hand = staticmethod(network), staticmethod(check), staticmethod(by_hand)

    return Rewrite
