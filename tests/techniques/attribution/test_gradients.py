"""Answers other libraries have published, to the digit; parity with Captum where Captum is right."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.techniques.attribution.gradients import input_x_gradient

from ...short import random

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from captum.attr import Deconvolution, GuidedBackprop, InputXGradient, Saliency


def ask(technique, module, x, unit, shift=0):
    """The attribution of a small integer matrix: fed as bytes with `shift` added, which the preprocessing takes off."""
    pixels = (np.array(x) + shift).astype(np.uint8)
    net = cs.Network(module, size=pixels.shape, mean=(shift / 255,), std=(1 / 255,))
    assert np.array_equal(net.prepare(pixels)[0, 0].numpy(), np.array(x))
    return technique(net, pixels, unit)


class N1(nn.Module):
    """Captum's BasicModel_ConvNet_One_Conv."""

    def __init__(self, inplace=False):
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(1, 2, 3, 1), nn.ReLU(inplace)
        self.fc1, self.relu2 = nn.Linear(8, 4), nn.ReLU(inplace)
        with torch.no_grad():
            self.conv1.weight.fill_(1)
            self.conv1.bias.copy_(torch.tensor([-50.0, -75.0]))
            self.fc1.weight.copy_(torch.cat([torch.ones(4, 5), -torch.ones(4, 3)], 1))
            self.fc1.bias.zero_()

    def forward(self, x):
        return self.relu2(self.fc1(self.relu1(self.conv1(x)).flatten(1)))


class N1Functional(N1):
    def forward(self, x):
        return F.relu(self.fc1(self.conv1(x).relu_().flatten(1)))


X = np.arange(16).reshape(4, 4)
GUIDED, GUIDED_ONES = (
    [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]],
    [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]],
)
DECONV = [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]]


@pytest.mark.parametrize("make", [N1, lambda: N1(inplace=True), N1Functional], ids=["module", "in place", "functional"])
@pytest.mark.parametrize(
    ("technique", "x", "wanted"),
    [(cs.guided_backprop, X, GUIDED), (cs.guided_backprop, X + 1, GUIDED_ONES), (cs.deconvnet, X, DECONV)],
    ids=["guided", "guided, x + 1", "deconvnet"],
)
def test_n1_gives_what_captum_publishes(make, technique, x, wanted):
    found = ask(technique, make(), x, "logits:0")
    assert found.values.tolist() == [wanted]
    assert found.evidence["interceptions"] == 2


@pytest.mark.parametrize(("theirs", "wanted"), [(GuidedBackprop, GUIDED), (Deconvolution, DECONV)])
def test_n1_is_built_as_captum_builds_it(theirs, wanted):
    x = torch.tensor(X[None, None], dtype=torch.float32).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert theirs(N1()).attribute(x, target=0)[0].tolist() == [wanted]


class Pointwise(nn.Module):
    """A function of each pixel; what it puts out is flat."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x).flatten(1)


def test_one_minus_relu_of_one_minus_x():
    net = Pointwise(lambda x: 1 - F.relu(1 - x))
    found = ask(cs.saliency, net, [[1, 2, 3, 0, -1, 7]], "logits", shift=1)
    assert found.values.tolist() == [[[0, 0, 0, 1, 1, 0]]]
    assert found.value == 1 + 1 + 1 + 0 - 1 + 1


@pytest.mark.parametrize(
    ("rectify", "wanted"),
    [(F.relu, [10, 0, 0, 20]), (lambda x: x.clamp(0, 3), [6, 0, 0, 6]), (lambda x: F.hardtanh(x, 0, 3), [6, 0, 0, 6])],
    ids=["relu", "clamp to 3", "hardtanh to 3"],
)
def test_the_deconvnet_signal_of_a_square_after_a_rectifier(rectify, wanted):
    net = Pointwise(lambda x: rectify(x) ** 2)
    assert ask(cs.deconvnet, net, [[5, 0, -5, 10]], "logits", shift=5).values.tolist() == [[wanted]]


@pytest.mark.parametrize(
    ("rectify", "wanted"), [(F.relu, [10, 0, 0, 20]), (lambda x: x.clamp(0, 3), [0, 0, 0, 0]), (F.relu6, [10, 0, 0, 0])]
)
def test_the_guided_signal_stops_where_a_rectifier_is_closed_or_saturated(rectify, wanted):
    net = Pointwise(lambda x: rectify(x) ** 2)
    assert ask(cs.guided_backprop, net, [[5, 0, -5, 10]], "logits", shift=5).values.tolist() == [[wanted]]


def test_a_signal_that_lowers_the_unit_is_stopped_and_one_exactly_at_the_bound_too():
    net = Pointwise(lambda x: F.relu6(x) * torch.tensor([-1.0, 1, 1, 1, 1]))
    x = [[3, 3, 6, 0, 5]]
    assert ask(cs.saliency, net, x, "logits").values.tolist() == [[[-1, 1, 0, 0, 1]]]
    assert ask(cs.guided_backprop, net, x, "logits").values.tolist() == [[[0, 1, 0, 0, 1]]]
    assert ask(cs.deconvnet, net, x, "logits").values.tolist() == [[[0, 1, 1, 1, 1]]]


@pytest.mark.parametrize(("name", "pools"), [("resnet18", 1), ("vgg16", 5)])
def test_attributions_equal_captums_where_every_rectifier_is_a_module(name, pools):
    net = cs.Network(random(name), size=96)
    image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    x = net.prepare(image).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = {
            cs.saliency: Saliency(net.module).attribute(x, target=7, abs=False),
            cs.guided_backprop: GuidedBackprop(net.module).attribute(x, target=7),
            cs.deconvnet: Deconvolution(net.module).attribute(x, target=7),
            input_x_gradient: InputXGradient(net.module).attribute(x, target=7),
        }
    for technique, wanted in theirs.items():
        wanted = wanted[0].detach().numpy()
        found = technique(net, image, "logits:7")
        assert np.abs(found.values - wanted).max() <= 1e-5 * np.abs(wanted).max() > 0
        assert found.value == pytest.approx(net.module(x)[0, 7].item(), rel=1e-4)
        assert found.evidence.get("max_pools", pools) == pools


def test_the_result_says_what_was_asked():
    net = cs.Network(N1(), size=4, mean=(0.0,), std=(1 / 255,), labels=["cat", "dog", "owl", "fox"])
    image = np.zeros((8, 6), np.uint8)
    image[2:6] = 200
    found = cs.guided_backprop(net, image, "logits:owl")
    assert found.unit == cs.Unit("logits", 2)
    assert found.network == "N1"
    assert found.seen.shape == (4, 4, 3)
    assert found.image.size == (8, 6)
    assert found.request.technique == "guided_backprop"
    assert found.request.knobs == {"smooth": False}
    assert found.evidence["rule"] == "guided" and cs.deconvnet(net, image, "logits:owl").evidence["rule"] == "deconvnet"
    assert (found.evidence["forward_passes"], found.evidence["backward_passes"]) == (1, 1)


def test_the_input_times_the_gradient_shares_out_what_is_homogeneous_in_the_input():
    net = Pointwise(lambda x: F.relu(x) * torch.tensor([2.0, -3, 5, 1]))
    found = ask(input_x_gradient, net, [[1, 2, -4, 0]], "logits", shift=4)
    assert found.values.tolist() == [[[2, -6, 0, 0]]]
    assert found.values.sum() == found.value
    assert (found.evidence["forward_passes"], found.evidence["backward_passes"]) == (1, 1)


@pytest.mark.parametrize("name", ["resnet18", "densenet"])
def test_the_input_times_the_gradient_is_captums_in_float64(name):
    net = cs.Network(random(name).eval().double(), size=64)
    image = (X * 15).astype(np.uint8)
    x = net.prepare(image).requires_grad_()
    wanted = InputXGradient(net.module).attribute(x, target=7)[0].detach().numpy()
    found = input_x_gradient(net, image, "logits:7")
    assert np.abs(found.values - wanted).max() <= 1e-6 * np.abs(wanted).max() > 0


def test_the_gradient_and_the_input_times_it_are_captums_on_the_embedded_network(lite0):
    x = lite0.prepare("sample:cat").requires_grad_()
    for technique, theirs in ((cs.saliency, Saliency), (input_x_gradient, InputXGradient)):
        options = {"abs": False} if theirs is Saliency else {}
        wanted = theirs(lite0.module.eval()).attribute(x, target=281, **options)[0].detach().numpy()
        found = technique(lite0, "sample:cat", "logits:281")
        assert np.abs(found.values - wanted).max() <= 1e-4 * np.abs(wanted).max() > 0
