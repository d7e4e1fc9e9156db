"""The door to gradients: the graph in reverse where it gives the module's own, else autograd, and the evidence says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import NoRectifier
from convscope.execution import input_gradient as door
from convscope.execution.engines import Engine, Engines
from convscope.execution.input_gradient import input_gradient
from convscope.network.backward.backward_rules import guided_rule
from convscope.network.backward.gradient import gradient, many_passes

from .test_plan import network, vector

IN_REVERSE = "the executed graph in reverse"


@pytest.fixture(autouse=True)
def small_networks_too(monkeypatch):
    monkeypatch.setattr(door, "WORTH", 0)


def plain(net, x):
    return vector(net, F.relu(net.b(F.relu6(net.norm(net.a(x)) * 2))))


def images(net, count=2):
    return torch.randn(count, 3, 15, 18, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def told(net, unit="logits:1", **how):
    """What the evidence says, having seen that value and gradient are autograd's and that all else is said as there."""
    x = images(net)
    with torch.no_grad():
        found, own = (take(net, x, net.unit(unit), **how) for take in (input_gradient, gradient))
    torch.testing.assert_close(found.values, own.values, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.value, own.value, rtol=1e-10, atol=1e-12)
    assert found.values.is_contiguous() and not found.values.requires_grad
    return {name: what for name, what in found.evidence.items() if own.evidence.get(name) != what}


@pytest.mark.parametrize(
    "unit", ["logits:1", "probs:2", "b:3", "b:3@2,4", "a", "logits:0 - 0.5*b:2", "logits:2 - norm"]
)
def test_units_of_all_kinds_come_in_reverse(unit):
    net = network(plain)
    assert told(net, unit) == {"engine": IN_REVERSE}
    with many_passes(net):
        assert told(net, unit) == {"engine": IN_REVERSE}


def test_rules_say_what_they_say_of_the_module():
    net = network(lambda net, x: plain(net, x.clone()) + F.max_pool2d(F.silu(net.a(x)), 3).mean((1, 2, 3))[:, None])
    for unit in ("logits:1", "logits:2", "b:1"):
        assert told(net, unit, rule=guided_rule) == {"engine": IN_REVERSE}
    assert told(net, rule=guided_rule, smooth=True) == {"engine": IN_REVERSE}
    assert input_gradient(net, images(net), net.unit("logits:1"), guided_rule).evidence["interceptions"] == 2
    with pytest.raises(NoRectifier, match="on the way to a:1"):
        input_gradient(net, images(net), net.unit("a:1"), guided_rule)


class OwnBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 3


def without_gradient(net, x):
    with torch.no_grad():
        gate = net.norm(net.a(x)).sigmoid()
    return vector(net, net.b(net.a(x) * gate))


OTHERWISE = {
    "detached": (lambda net, x: vector(net, net.b(net.a(x) * net.norm(net.a(x)).detach())), "other gradients"),
    "in another mode": (without_gradient, "other gradients"),
    "backward of its own": (lambda net, x: vector(net, net.b(OwnBackward.apply(net.a(x)))), "autograd, not"),
    "not exported": (lambda net, x: vector(net, net.a(x) if x.sum() > 1e9 else net.b(net.a(x))), "cannot be exported"),
    "mixing": (lambda net, x: vector(net, net.a(x)) - vector(net, net.a(x)).mean(0), "depends on others"),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_where_the_graph_is_not_the_module_autograd_is_asked_and_the_evidence_says_why(name):
    function, why = OTHERWISE[name]
    net = network(function)
    found = told(net)["engine"]
    assert found.startswith("autograd, not the executed graph") and why in found


def test_a_rectifier_that_only_the_module_shows_is_left_to_autograd():
    net = network(lambda net, x: vector(net, net.b((lambda y: torch.maximum(y, torch.zeros_like(y)))(net.a(x)))))
    assert told(net) == {"engine": IN_REVERSE}
    assert "follow the rule" in told(net, rule=guided_rule)["engine"]


def test_hooks_half_precision_and_other_sizes():
    net = network(plain)
    handles = [net.module.b.register_forward_hook(lambda *_: None), net.module.b.register_full_backward_hook(_nothing)]
    assert "hooks" in told(net)["engine"]
    handles[0].remove()
    assert "hooks" in told(net)["engine"]
    handles[1].remove()
    assert told(net) == {"engine": IN_REVERSE}
    half = cs.Network(network(plain).module.bfloat16(), size=(15, 18))
    found = input_gradient(half, images(half).bfloat16(), half.unit("logits:1"))
    assert "bfloat16" in found.evidence["engine"]


def _nothing(*_):
    return None


def test_new_weights_give_new_gradients_and_old_ones_are_at_hand(monkeypatch):
    net, made = network(plain), []
    inner = Engines.plan
    monkeypatch.setattr(Engines, "plan", lambda *args: (made.append(1), inner(*args))[1])
    assert told(net) == {"engine": IN_REVERSE}
    with torch.no_grad():
        net.module.b.weight.mul_(-2)
        net.module.norm.bias.add_(1)
    assert told(net) == {"engine": IN_REVERSE}
    assert len(Engines.of(net).plans) == 2 and made


def test_a_module_in_training_mode_gives_the_gradients_of_evaluation():
    net = network(plain)
    own = input_gradient(net, images(net), net.unit("logits:1"))
    net.module.train()
    assert torch.equal(input_gradient(net, images(net), net.unit("logits:1")).values, own.values)
    assert net.module.training and net.module.norm.training


def test_small_networks_are_asked_by_autograd_and_nothing_is_said(monkeypatch):
    monkeypatch.setattr(door, "WORTH", 1 << 21)
    assert told(network(plain)) == {}


def test_one_gradient_alone_is_autograds():
    net = network(plain)
    image = np.random.default_rng(0).integers(0, 256, (15, 18, 3), dtype=np.uint8)
    assert "engine" not in cs.saliency(net, image, "logits:1").evidence and not Engines.of(net).verdicts


def test_verdicts_in_single_precision_are_those_of_double(monkeypatch):
    from convscope.execution import engine_proof

    monkeypatch.setitem(engine_proof._SAME, torch.float32, 0.0)  # as if a rectifier had tipped
    image = np.random.default_rng(0).integers(0, 256, (15, 18, 3), dtype=np.uint8)
    for function, engine in ((plain, IN_REVERSE), (OTHERWISE["detached"][0], "autograd")):
        net = cs.Network(network(function).module.float(), size=(15, 18))
        assert cs.smoothgrad(net, image, "logits:1", samples=2).evidence["engine"].startswith(engine)


@pytest.mark.parametrize("technique", ["smoothgrad", "vargrad", "integrated_gradients"])
def test_techniques_go_through_the_door(technique, monkeypatch):
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 3)), size=18)
    image = np.random.default_rng(0).integers(0, 256, (18, 18, 3), dtype=np.uint8)
    in_reverse = getattr(cs, technique)(net, image, "logits:1")
    assert in_reverse.evidence["engine"] == IN_REVERSE
    monkeypatch.setattr(door, "WORTH", 1 << 21)
    monkeypatch.delattr(Engine, "gradient")
    own = getattr(cs, technique)(net, image, "logits:1")
    np.testing.assert_allclose(in_reverse.values, own.values, rtol=1e-4, atol=1e-5 * np.abs(own.values).max())
    assert in_reverse.request.digest == own.request.digest
