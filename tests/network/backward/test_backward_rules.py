"""Guided backpropagation and deconvnet are exact however a rectifier is called and however the network is joined."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

both_rules = pytest.mark.parametrize("technique", ["guided_backprop", "deconvnet"])


@both_rules
@pytest.mark.parametrize(
    ("first", "second", "joins"),
    [
        pytest.param(nn.ReLU(), nn.ReLU(), "chain", id="module"),
        pytest.param(nn.ReLU(inplace=True), nn.ReLU(inplace=True), "chain", id="in place"),
        pytest.param(nn.ReLU(), None, "chain", id="reused"),
        pytest.param(nn.ReLU(inplace=True), None, "chain", id="reused and in place"),
        pytest.param(F.relu, None, "chain", id="functional"),
        pytest.param(lambda x: x.relu(), lambda x: x.relu_(), "chain", id="method"),
        pytest.param(nn.ReLU(), nn.ReLU(inplace=True), "residual", id="residual"),
        pytest.param(nn.ReLU(), nn.ReLU(inplace=True), "fan-out", id="fan-out"),
        pytest.param(F.relu, F.relu, "fan-out", id="functional fan-out"),
    ],
)
def test_a_rule_is_exact_however_the_network_is_joined(rewrite, technique, first, second, joins):
    rewrite.check(rewrite.network(first, second, joins), technique, 2)


@both_rules
@pytest.mark.parametrize("joins", ["chain", "residual", "fan-out"])
def test_a_rule_is_exact_for_relu6(rewrite, technique, joins):
    rewrite.check(rewrite.network(nn.ReLU6(), nn.ReLU6(inplace=True), joins), technique, 2, cap=6)


def result_unused(x):
    x.relu_()
    return x


@both_rules
@pytest.mark.parametrize(
    ("call", "cap"),
    [
        (torch.relu, math.inf),
        (torch.relu_, math.inf),
        (F.relu_, math.inf),
        (result_unused, math.inf),
        (lambda x: F.relu(x, True), math.inf),
        (lambda x: F.relu(input=x, inplace=True), math.inf),
        (lambda x: torch.clamp(x, min=0), math.inf),
        (lambda x: torch.clamp(input=x, min=0.0), math.inf),
        (lambda x: x.clamp(0), math.inf),
        (lambda x: x.clamp(0, None), math.inf),
        (lambda x: x.clamp_(min=0), math.inf),
        (lambda x: x.clamp_min(0), math.inf),
        (lambda x: torch.clamp_min(x, 0), math.inf),
        (lambda x: x.clip(0, 6), 6),
        (lambda x: torch.clamp_(x, 0, 6), 6),
        (F.relu6, 6),
        (lambda x: F.relu6(x, inplace=True), 6),
        (lambda x: F.hardtanh(x, 0, 6), 6),
        (lambda x: F.hardtanh(x, min_val=0.0, max_val=20.0, inplace=True), 20),
        (lambda x: F.hardtanh_(x, 0.0, 6.0), 6),
        (nn.Hardtanh(0, 6), 6),
    ],
)
def test_a_rule_is_exact_for_every_spelling_of_a_rectifier(rewrite, technique, call, cap):
    rewrite.check(rewrite.network(call), technique, 2, cap=cap)


def first_channel_only(x):
    x[:, :1].relu_()
    return x


@both_rules
def test_rectifying_a_view_in_place_changes_only_that_part(rewrite, technique):
    rewrite.check(rewrite.network(first_channel_only), technique, 2, channels=1)


@both_rules
def test_a_rule_is_exact_inside_a_compiled_function(rewrite, technique, recwarn):
    torch._dynamo.reset()
    net = rewrite.network(torch.compile(F.relu, backend="eager"))
    with torch.no_grad():
        net.module(net.prepare(rewrite.image))
    rewrite.check(net, technique, 2)
    recwarn.clear()  # what dynamo says about modes is its own affair
