"""What backward rules leave alone, what they refuse, and the smooth activations they change only when asked."""

import functools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import NoRectifier
from convscope.network.backward import backward_rules
from convscope.network.backward.gradient import gradient

both_rules = pytest.mark.parametrize("technique", ["guided_backprop", "deconvnet"])


def silu(z):
    s = z.sigmoid()
    return s * (1 + z * (1 - s))


def gelu(z):
    return torch.special.ndtr(z) + z * torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def gelu_tanh(z):
    k = math.sqrt(2 / math.pi)
    t = torch.tanh(k * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z * (1 - t * t) / 2 * k * (1 + 3 * 0.044715 * z * z)


def hardswish(z):
    return torch.where(z <= -3, 0, torch.where(z >= 3, 1, z / 3 + 0.5))


def mish(z):
    t = torch.tanh(torch.log1p(torch.exp(z)))
    return t + z * (1 - t * t) * z.sigmoid()


def result_unused(x):
    F.silu(x, inplace=True)
    return x


SMOOTH = [
    (result_unused, F.silu, silu),
    (nn.SiLU(), F.silu, silu),
    (nn.SiLU(inplace=True), F.silu, silu),
    (lambda x: F.silu(x, True), F.silu, silu),
    (nn.GELU(), F.gelu, gelu),
    (lambda x: F.gelu(x, approximate="tanh"), functools.partial(F.gelu, approximate="tanh"), gelu_tanh),
    (nn.Hardswish(), F.hardswish, hardswish),
    (nn.Hardswish(inplace=True), F.hardswish, hardswish),
    (nn.Mish(inplace=True), F.mish, mish),
]


@both_rules
@pytest.mark.parametrize(("call", "f", "slope"), SMOOTH)
def test_smooth_rectifies_by_the_activations_own_slope(rewrite, technique, call, f, slope):
    rewrite.check(rewrite.network(call, scale=1.0), technique, 2, smooth=True, f=f, slope=slope)


@both_rules
@pytest.mark.parametrize(("call", "name"), [(nn.SiLU(), "SiLU"), (F.gelu, "GELU"), (F.hardswish, "Hardswish")])
def test_a_smooth_network_is_refused_unless_asked_for(rewrite, technique, call, name):
    with pytest.raises(NoRectifier, match=rf"2 × {name}.*smooth=True.*saliency"):
        getattr(cs, technique)(rewrite.network(call), rewrite.image, rewrite.unit)


@both_rules
def test_in_a_mixed_network_only_the_rectifier_changes_and_the_rest_is_named(rewrite, technique):
    result = getattr(cs, technique)(net := rewrite.network(F.silu, F.relu, scale=1.0), rewrite.image, rewrite.unit)
    assert result.evidence["interceptions"] == 1
    assert result.evidence["not_intercepted"] == {"SiLU": 1}
    both = getattr(cs, technique)(net, rewrite.image, rewrite.unit, smooth=True)
    assert both.evidence["interceptions"] == 2
    assert "not_intercepted" not in both.evidence
    assert not np.allclose(both.values, result.values, rtol=0, atol=1e-3 * np.abs(result.values).max())


@both_rules
@pytest.mark.parametrize(
    "call",
    [
        F.hardtanh,
        nn.Hardtanh(),
        torch.tanh,
        F.leaky_relu,
        lambda x: x.clamp(-1, 1),
        lambda x: x.clamp(min=1),
        lambda x: x.clamp(max=0),
        lambda x: torch.clamp(x, max=6),
        lambda x: x,
    ],
)
def test_what_is_no_rectifier_is_left_alone_and_refused(rewrite, technique, call):
    net = rewrite.network(call)
    with pytest.raises(NoRectifier, match=r"plain gradient.*[Ss]aliency"):
        getattr(cs, technique)(net, rewrite.image, rewrite.unit)
    alone = getattr(cs, technique)(rewrite.network(call, F.relu), rewrite.image, rewrite.unit)
    assert alone.evidence["interceptions"] == 1


@both_rules
def test_a_rule_is_refused_for_a_unit_before_the_first_rectifier(rewrite, technique):
    net = rewrite.network(nn.ReLU())
    with pytest.raises(NoRectifier, match=r"way to a:0.*saliency.*deeper unit"):
        getattr(cs, technique)(net, rewrite.image, "a:0")
    assert getattr(cs, technique)(net, rewrite.image, "b:0").evidence["interceptions"] == 1


def test_a_rectifier_of_constants_is_no_interception(rewrite):
    net = rewrite.network(lambda x: x * F.relu(torch.ones(2, 1, 1)))
    with pytest.raises(NoRectifier, match="plain gradient"):
        cs.guided_backprop(net, rewrite.image, rewrite.unit)


def test_clamped_whole_numbers_stay_whole_and_do_not_count(rewrite):
    net = rewrite.network(lambda x: F.relu(x)[:, torch.arange(-1, 1).clamp(min=0)])
    assert cs.guided_backprop(net, rewrite.image, rewrite.unit).evidence["interceptions"] == 2


@pytest.mark.parametrize(
    ("pool", "count"),
    [
        (nn.MaxPool2d(2), 1),
        (lambda x: F.max_pool2d(x, 3, 1), 1),
        (lambda x: torch.max_pool2d(x, 2), 1),
        (lambda x: F.max_pool2d(x, 2, return_indices=True)[0], 1),
        (nn.AdaptiveMaxPool2d(2), 1),
        (nn.Sequential(nn.MaxPool2d(2, 1), nn.MaxPool2d(2, 1)), 2),
        (nn.AvgPool2d(2), 0),
    ],
)
def test_the_switches_a_signal_comes_back_through_are_counted(pool, count):
    module = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), pool if isinstance(pool, nn.Module) else Calls(pool))
    net = cs.Network(module, size=5, mean=(0.5,), std=(0.25,))
    image = np.random.default_rng(1).integers(0, 256, (5, 5), dtype=np.uint8)
    guided, projected = cs.guided_backprop(net, image, "2:0"), cs.deconvnet(net, image, "2:0")
    assert guided.evidence["max_pools"] == projected.evidence["max_pools"] == count
    assert "without_switches" not in guided.evidence
    assert ("without_switches" in projected.evidence) == (count == 0)


class Calls(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_interceptions_are_counted_once_on_a_network_never_used_before(rewrite):
    net = rewrite.network(nn.ReLU())
    found = gradient(net, net.prepare(rewrite.image), cs.Unit("logits", 1), backward_rules.guided_rule)
    assert found.evidence["interceptions"] == 2
