"""Plans backward against autograd through the module: every kind of step, rules, what is kept, whole architectures."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest
import torch
import torch.nn.functional as F
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.execution.fused_ops import Convolution
from convscope.execution.plan import Plan
from convscope.execution.reversing import Reversible
from convscope.execution.transposed import Transposed
from convscope.graph.trace import executed
from convscope.network.backward.backward_rules import Rectifiers, deconvnet_rule, guided_rule
from convscope.network.isolation.frozen import frozen

from ..graph.test_receptive_field import networks, positive
from ..short import random
from .test_incremental import odd, zoo
from .test_plan import Body, network, vector

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
FURTHER = 4  # float32 may be so many times further from float64 than the module's own gradient is


def inputs(net, count=2, dtype=torch.float64):
    shape = count, net.preprocessing.channels, *net.preprocessing.size
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def weighed(outputs):
    """A weight for every number of every layer, from which the gradients come."""
    generator = torch.Generator().manual_seed(2)
    return {
        layer: torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(tensor)
        for layer, tensor in outputs.items()
    }


def by_autograd(net, x, layers, rule=None, smooth=False):
    leaf = x.clone().requires_grad_()
    mode = Rectifiers(rule, smooth) if rule else torch.enable_grad()
    with frozen(net.module), mode:
        found = net.read(leaf, *layers)
        value = sum((weighed(found)[layer] * tensor).sum() for layer, tensor in found.items())
        if rule:
            mode.survey(value, leaf)
    return torch.autograd.grad(value, leaf)[0], mode


def in_reverse(net, x, layers, rule=None, smooth=False):
    way = Reversible(Plan.of(executed(net, *layers), net.module, x.dtype, reversible=True), rule, smooth)
    passed = way.run(x)
    shaped = {layer: net.arranged(layer, tensor) for layer, tensor in passed.outputs.items()}
    grads = {layer: weight.reshape(passed.outputs[layer].shape) for layer, weight in weighed(shaped).items()}
    return passed.back(grads), way


def apart(found, wanted):
    return float((found - wanted).abs().max() / wanted.abs().max())


def check(net, *layers, single=True, **how):
    """In float64 to 1e-12; in float32 hardly further from that than autograd is; rectifiers counted alike."""
    layers, x = layers or ("logits",), inputs(net)
    wanted, mode = by_autograd(net, x, layers, **how)
    found, way = in_reverse(net, x, layers, **how)
    assert wanted.any() and apart(found, wanted) < 1e-12
    if how:
        assert way.rectifiers == mode.count > 0
    if single:
        other = cs.Network(copy.deepcopy(net.module).float(), size=net.preprocessing.size)
        other.family = net.family
        own, _ = by_autograd(other, x.float(), layers, **how)
        found, _ = in_reverse(other, x.float(), layers, **how)
        assert (found - wanted).norm() <= FURTHER * (own - wanted).norm() + 1e-6 * wanted.norm()


STEPS = {
    "norms and rectifiers": lambda net, x: F.relu6(net.norm(net.a(x))) * 2,
    "rectifier alone": lambda net, x: (lambda y: y + F.relu(y))(net.a(x)),
    "norm alone": lambda net, x: F.relu(net.norm(F.relu(net.a(x)) - 0.2)),
    "hardtanh": lambda net, x: F.hardtanh(F.relu(F.hardtanh(net.a(x), -0.3, 0.4))),
    "max": lambda net, x: F.max_pool2d(F.relu(net.a(x)), 3, 2, 1, ceil_mode=True),
    "average": lambda net, x: F.avg_pool2d(net.a(x).sigmoid(), 3, 2, 1, count_include_pad=False),
    "joins": lambda net, x: (lambda y: torch.cat([y, y[:, :4] * y[:, 4:] - y[:, :4].flip(3)], 1)[:, 2:10])(net.a(x)),
    "broadcasting sum": lambda net, x: (lambda y: y + y.mean((2, 3), keepdim=True))(net.a(x)),
    "gate": lambda net, x: (lambda y: y * F.hardsigmoid(y.mean((2, 3), keepdim=True)))(F.hardswish(net.a(x))),
    "pieces": lambda net, x: (lambda p: torch.cat([p[1], p[0] + p[2][:, :, :3]], 2))(net.a(x).split((3, 5, 7), 2)),
    "chunks, one unused": lambda net, x: net.a(x).unflatten(1, (4, 2)).chunk(4, 1)[2].squeeze(1).repeat(1, 4, 1, 1),
    "mask": lambda net, x: (lambda y: torch.where(y > 0.1, y, y.exp() - 1))(net.a(x)),
    "resizes": lambda net, x: F.interpolate(F.interpolate(net.a(x), scale_factor=2), size=(9, 31), mode="bilinear"),
    "sum with itself": lambda net, x: (lambda y: y + y)(F.relu(net.a(x))),
    "number of images": lambda net, x: net.a(x).reshape(x.shape[0], 8, -1, x.shape[3]).softmax(1),
    "pads": lambda net, x: net.b(F.pad(net.b(F.pad(net.a(x), (0, 3, 2, 0))), (1, 2, 3, 0), mode="reflect")),
    "three readers": lambda net, x: (lambda y: net.b(y) + net.b(F.relu(y)) + F.relu6(net.b(y)))(net.norm(net.a(x))),
    "clamp": lambda net, x: net.a(x).clamp(-0.1, 0.2).clamp(min=-0.05),
}


@pytest.mark.parametrize("name", STEPS)
def test_every_kind_of_step(name):
    check(network(lambda net, x: vector(net, STEPS[name](net, x))))


def test_attention_and_layers_on_the_way():
    def function(net, x):
        y = F.relu(net.norm(net.a(x)))
        tokens = y.flatten(2).transpose(1, 2)
        return net.head(F.layer_norm(tokens + F.scaled_dot_product_attention(tokens, tokens, tokens), (8,)).mean(1))

    net = network(function)
    check(net, "a", "norm", "logits")
    check(net, "norm")


def test_a_gradient_goes_through_the_bounds_of_a_clamp_and_not_through_those_of_a_rectifier():
    for rectify in (lambda y: y.clamp(min=0), F.relu, lambda y: F.hardtanh(y, 0.0, 0.5)):
        net = network(lambda net, x, r=rectify: vector(net, r(net.a(x))))
        nn.init.zeros_(net.module.a.weight[:4])
        nn.init.zeros_(net.module.a.bias[:2])
        nn.init.constant_(net.module.a.bias[2:4], 0.5)
        net.module.a.weight.data[0] = 0
        x = torch.zeros_like(inputs(net))
        net.module.a.bias.data.zero_()
        assert torch.equal(in_reverse(net, x, ("logits",))[0], by_autograd(net, x, ("logits",))[0])


@pytest.mark.parametrize("rule", [guided_rule, deconvnet_rule])
@pytest.mark.parametrize("name", ["norms and rectifiers", "rectifier alone", "hardtanh", "clamp from zero", "max"])
def test_rules(rule, name):
    ways = STEPS | {"clamp from zero": lambda net, x: F.relu(net.norm(net.a(x)).clamp(min=0, max=0.4)) + 1}
    check(network(lambda net, x: vector(net, net.b(ways[name](net, x)))), rule=rule)


@pytest.mark.parametrize("activation", [F.silu, F.gelu, F.hardswish, F.leaky_relu, F.elu, F.mish, F.softplus])
def test_rules_take_smooth_activations_for_rectifiers_if_asked(activation):
    net = network(lambda net, x: vector(net, net.b(activation(F.relu(net.b(activation(net.a(x))))))))
    check(net, rule=guided_rule, smooth=True)
    check(net, rule=guided_rule)


GEOMETRY = st.fixed_dictionaries(
    {
        "kernel": st.tuples(st.integers(1, 5), st.integers(1, 5)),
        "stride": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "dilation": st.tuples(st.integers(1, 2), st.integers(1, 2)),
        "padding": st.tuples(*[st.integers(0, 4)] * 4),
        "groups": st.sampled_from(["one", "two", "each"]),
        "width": st.sampled_from([(2, 4), (4, 2), (2, 40)]),
        "size": st.tuples(st.integers(9, 14), st.integers(9, 14)),
    }
)


@settings(deadline=None)
@given(GEOMETRY, st.booleans())
def test_the_transposed_of_any_convolution(how, even):
    inner, outer = how["width"]
    groups = {"one": 1, "two": 2, "each": inner}[how["groups"]]
    left, right, top, bottom = how["padding"]
    padding = (left, left, top, top) if even else (left, right, top, bottom)
    generator = torch.Generator().manual_seed(0)
    outer = outer * inner if groups == inner else outer
    weight = torch.randn(outer, inner // groups, *how["kernel"], generator=generator, dtype=torch.float64)
    x = torch.randn(2, inner, *how["size"], generator=generator, dtype=torch.float64).requires_grad_()
    geometry = how["stride"], 0, how["dilation"], groups
    y = F.conv2d(F.pad(x, padding), weight, None, *geometry)
    grad = torch.randn(y.shape, generator=generator, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(y, x, grad)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        joined = Convolution(weight.to(dtype), None, how["stride"], padding, how["dilation"], groups)
        found = Transposed(joined.even)(grad.to(dtype), how["size"])
        assert (joined(x.detach().to(dtype)) - y).abs().max() <= tolerance * max(y.abs().max(), 1)
        assert found.shape == wanted.shape
        assert (found - wanted).abs().max() <= tolerance * max(wanted.abs().max(), 1)


def test_an_odd_network_alone_and_in_a_batch():
    net = odd()
    check(net, "norm", "d", "logits")
    whole, _ = in_reverse(net, inputs(net, 3), ("logits",))
    with frozen(net.module):
        leaf = inputs(net, 3).requires_grad_()
        logits = net.read(leaf, "logits")["logits"]
        one = (weighed({"logits": logits})["logits"] * logits)[1].sum()
        assert apart(whole[1], torch.autograd.grad(one, leaf)[0][1]) < 1e-12


@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(networks())
def test_random_networks(module):
    net = cs.Network(positive(module), size=(37, 34))
    try:
        if min(net.layers["logits"].shape[1:]) < 1:
            return
    except cs.ConvscopeError:  # a map became too small
        return
    check(net, single=False)


ARCHITECTURES = {
    "resnet18": 97, "mobilenet_v2": 97, "mobilenet_v3_small": 97, "googlenet": 97, "shufflenet_v2_x0_5": 97,
    "squeezenet1_1": 97, "mnasnet0_5": 97, "regnet_y_400mf": 97, "vgg16": 77, "densenet": 97, "efficientnet": 97,
    "convnext": 97, "timm:tf_efficientnet_lite0": 97, "timm:convnext_nano": 97, "vit": 224,
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [name if name == "efficientnet" else pytest.param(name, marks=pytest.mark.sweep) for name in ARCHITECTURES]
)
def test_architectures(name):
    net = zoo(name, ARCHITECTURES[name])
    if name == "vit":
        torch.nn.init.normal_(net.module.heads.head.weight)  # zero where nobody trained it, and so would be gradients
    check(net)


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "googlenet"])
def test_architectures_under_a_rule(name):
    check(cs.Network(random(name).double(), size=97), rule=guided_rule)


def test_what_a_derivative_does_not_need_is_not_kept():
    net = network(lambda net, x: vector(net, net.b(net.a(x)) * 2))
    plan = Plan.of(executed(net, "logits"), net.module, torch.float64, reversible=True)
    made = []
    for step in plan.steps:
        object.__setattr__(step, "whole", _noted(step.whole, made))
    passed = Reversible(plan).run(inputs(net))
    gc.collect()
    assert [found() is None for found in made] == [True, True, True, True, False] and passed.outputs


def _noted(whole, made):
    def noting(values):
        y = whole(values)
        made.append(weakref.ref(y.untyped_storage()))
        return y

    return noting


def test_nothing_comes_back_where_nothing_depends_on_the_image():
    net = network(lambda net, x: vector(net, (net.a(x) > 0).to(x.dtype)))
    assert in_reverse(net, inputs(net), ("logits",))[0] is None
    assert isinstance(net.module, Body)
