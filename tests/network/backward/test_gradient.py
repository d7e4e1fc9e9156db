"""Gradients of every kind of unit, against autograd in the plain and against what must hold between units."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.checkpoint import checkpoint

import convscope as cs
from convscope.base.errors import ForwardFailed

SIDE = 9
few = settings(deadline=None, max_examples=10)
seeds = st.integers(0, 10_000)


def sequential(seed=0):
    """Layers 0 (conv), 1 (bn), 2 (relu), 3 (strided conv), 4 (relu), 5 (pool), 6 (flatten), 7 (linear), in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 3, 3, stride=2), nn.ReLU(),
            nn.MaxPool2d(2, 1), nn.Flatten(), nn.Linear(12, 5),
        ).double().eval()  # fmt: skip
        nn.init.normal_(module[1].running_mean)
        nn.init.normal_(module[7].weight)
    return cs.Network(module, size=SIDE)


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def saliency(net, image, unit):
    return cs.saliency(net, image, unit).values.astype(np.float64)


def close(one, other, tolerance=1e-6):
    np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(np.abs(other).max(), 1e-3))


PLAIN = {
    "input:1": lambda x, m: x[0, 1].sum(),
    "input": lambda x, m: x.sum(),
    "0:2@3,4": lambda x, m: m[0](x)[0, 2, 3, 4],
    "0:2": lambda x, m: m[0](x)[0, 2].sum(),
    "1": lambda x, m: m[1](m[0](x)).sum(),
    "2:1@6,0": lambda x, m: F.relu(m[1](m[0](x)))[0, 1, 6, 0],
    "3:0@2,1": lambda x, m: m[:4](x.clone())[0, 0, 2, 1],
    "4:1": lambda x, m: m[:5](x.clone())[0, 1].sum(),
    "5": lambda x, m: m[:6](x.clone()).sum(),
    "6:7": lambda x, m: m[:7](x.clone())[0, 7],
    "7:3": lambda x, m: m(x.clone())[0, 3],
    "logits:3": lambda x, m: m(x.clone())[0, 3],
    "logits": lambda x, m: m(x.clone()).sum(),
    "probs:3": lambda x, m: (m(x.clone())[0].exp() / m(x.clone())[0].exp().sum())[3],
}


@pytest.mark.parametrize(("unit", "value"), PLAIN.items(), ids=PLAIN)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_gradient_of_a_unit_is_that_of_its_value(unit, value, seed):
    net, image = sequential(seed), picture(seed)
    x = net.prepare(image).requires_grad_()
    wanted = value(x, net.module)
    (grad,) = torch.autograd.grad(wanted, x)
    found = cs.saliency(net, image, unit)
    assert found.value == pytest.approx(wanted.item(), rel=1e-12)
    close(found.values, grad[0].numpy())
    assert found.values.dtype == np.float32 and found.values.shape == (3, SIDE, SIDE)
    assert ("vanished" in found.evidence) == (not grad.any())
    assert "rule" not in found.evidence and "interceptions" not in found.evidence


@settings(deadline=None, max_examples=8)
@given(seeds, st.sampled_from(["3", "4", "5"]))
def test_neurons_add_up_to_their_channel_and_channels_to_their_layer(seed, layer):
    net, image = sequential(seed), picture(seed)
    channels, height, width = net.layers[layer].shape
    neurons = sum(saliency(net, image, f"{layer}:1@{y},{x}") for y in range(height) for x in range(width))
    close(neurons, saliency(net, image, f"{layer}:1"), 1e-5)
    close(sum(saliency(net, image, f"{layer}:{c}") for c in range(channels)), saliency(net, image, layer), 1e-5)


@few
@given(seeds, st.floats(-8, 8), st.floats(-8, 8))
def test_saliency_is_linear_in_the_head(seed, a, b):
    net, image = sequential(seed), picture(seed)
    wanted = a * saliency(net, image, "logits:0") + b * saliency(net, image, "logits:1")
    with torch.no_grad():
        net.module[7].weight[2] = a * net.module[7].weight[0] + b * net.module[7].weight[1]
    close(saliency(net, image, "logits:2"), wanted, 1e-5)


@few
@given(seeds)
def test_probabilities_trade_off_against_each_other(seed):
    net, image = sequential(seed), picture(seed)
    probabilities = {index: p for _, index, p in net.predict(image)}
    logits = [saliency(net, image, f"logits:{c}") for c in range(5)]
    found = [saliency(net, image, f"probs:{c}") for c in range(5)]
    mean = sum(p * logits[c] for c, p in probabilities.items())
    for c, p in probabilities.items():
        assert np.abs(found[c] - p * (logits[c] - mean)).max() <= 1e-5 * np.abs(logits).max()
    assert np.abs(sum(found)).max() <= 1e-5 * max(np.abs(found).max(), 1e-3)


@few
@given(seeds, st.integers(0, 6), st.integers(0, 6))
def test_a_neuron_moves_with_no_pixel_it_cannot_see(seed, y, x):
    values = cs.saliency(sequential(seed), picture(seed), f"0:0@{y},{x}").values
    window = values[:, y : y + 3, x : x + 3].copy()
    values[:, y : y + 3, x : x + 3] = 0
    assert window.all() and not values.any()


def test_a_strided_layer_moves_with_no_pixel_it_skips():
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 2, 1, stride=2), nn.Flatten()), size=SIDE)
    values = cs.saliency(net, picture(), "0:1").values
    assert values[:, ::2, ::2].all()
    assert not values[:, 1::2].any() and not values[:, :, 1::2].any()


def cut(net, channel):
    with torch.no_grad():
        net.module[3].weight[channel] = 0
    return net


@pytest.mark.parametrize("technique", [cs.saliency, cs.guided_backprop, cs.deconvnet])
def test_a_unit_that_hangs_on_nothing_says_that_its_gradient_vanished(technique):
    found = technique(cut(sequential(), 1), picture(), "3:1")
    assert not found.values.any()
    assert "vanished" in found.evidence
    assert "vanished" not in technique(cut(sequential(), 1), picture(), "3:0").evidence


@pytest.mark.parametrize("first", [lambda x: x.relu_(), lambda x: x.sub_(1).mul_(2), lambda x: x[:, :1].zero_()])
def test_a_module_may_write_on_its_input(first):
    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, x):
            first(x)
            return self.conv(x).flatten(1)

    net = cs.Network(Writes().double(), size=SIDE)
    leaf = net.prepare(picture()).requires_grad_()
    (grad,) = torch.autograd.grad(net.module(leaf.clone())[0, 7], leaf)
    close(cs.saliency(net, picture(), "logits:7").values, grad[0].numpy())


class Constant(nn.Module):
    def forward(self, x):
        return torch.ones(1, 3)


class Recomputed(nn.Module):
    """A part of it is run once more in the backward pass, in the older of torch's two ways."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.d = nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()), nn.Conv2d(4, 4, 3)
        self.c = nn.Linear(4, 3)

    def forward(self, x):
        return self.c(self.d(checkpoint(self.b, self.a(x).relu(), use_reentrant=True)).mean((2, 3)))


@pytest.mark.filterwarnings("ignore:None of the inputs")  # torch, where no gradient is taken
@pytest.mark.parametrize("name", ["saliency", "guided_backprop", "deconvnet", "maximize", "invert", "dream"])
def test_checkpoints_that_are_entered_anew_are_refused(name):
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    net = cs.Network(Recomputed(), size=32)
    subjects = {"maximize": ("logits:1",), "invert": (image, "d"), "dream": (image, "d")}.get(name, (image, "logits:1"))
    with pytest.raises(ForwardFailed, match=r"use_reentrant=True.*Switch that off"):
        getattr(cs, name)(net, *subjects)


def test_an_output_that_does_not_hang_on_the_input_at_all_has_zero_gradient():
    found = cs.saliency(cs.Network(Constant(), size=SIDE), picture(), "logits:1")
    assert (found.value, found.values.any(), "vanished" in found.evidence) == (1, False, True)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused(bad):
    net = sequential()
    with torch.no_grad():
        net.module[7].bias[2] = bad
    with pytest.raises(ForwardFailed, match=r"value of logits:2 is .*not finite"):
        cs.saliency(net, picture(), "logits:2")
    assert cs.saliency(net, picture(), "logits:1").values.any()


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, x):
        with torch.no_grad():
            return self.conv(x).mean((2, 3))


def test_a_forward_that_cuts_the_graph_is_reported_as_vanished():
    found = cs.saliency(cs.Network(Detached(), size=SIDE), picture(), "logits:1")
    assert not found.values.any() and "vanished" in found.evidence
