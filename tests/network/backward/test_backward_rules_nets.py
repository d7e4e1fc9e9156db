"""Backward rules on real architectures: how many rectifier calls each has, and that changing them matters."""

import numpy as np
import pytest
from torch import nn

import convscope as cs
from convscope.base.errors import NoRectifier

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def differ(one, other):
    return np.abs(one - other).max() > 0.1 * np.abs(other).max()


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("mobilenet_v2", 35),
        ("resnet18", 17),
        *(
            pytest.param(name, count, marks=pytest.mark.sweep)
            for name, count in [("googlenet", 57), ("inception_v3", 94), ("densenet121", 121)]
        ),
    ],
)
def test_every_rectifier_call_is_intercepted(name, count):
    net = cs.load(f"torchvision:{name}", weights=None)
    guided = cs.guided_backprop(net, IMAGE, "logits:0")
    assert guided.values.shape == (3, *net.preprocessing.size)
    assert guided.evidence["interceptions"] == count
    assert "not_intercepted" not in guided.evidence
    assert differ(guided.values, cs.saliency(net, IMAGE, "logits:0").values)


@pytest.mark.parametrize("technique", [cs.guided_backprop, cs.deconvnet])
def test_the_embedded_kind_of_network_is_intercepted(technique):
    net = cs.load("timm:tf_efficientnet_lite0", weights=None)
    found = technique(net, IMAGE, "logits:0")
    relu6 = sum(row.calls for row in net.layers.values() if row.kind == "ReLU6")
    assert found.evidence["interceptions"] == relu6 == 33
    assert differ(found.values, cs.saliency(net, IMAGE, "logits:0").values)


def test_only_rectifiers_on_the_way_to_the_unit_are_intercepted():
    net = cs.load("torchvision:resnet18", weights=None)
    assert cs.guided_backprop(net, IMAGE, "layer1.0:0").evidence["interceptions"] == 3
    assert cs.guided_backprop(net, IMAGE, "layer2:0@3,3").evidence["interceptions"] == 9


def test_a_mixed_network_names_what_was_not_intercepted():
    net = cs.load("torchvision:mobilenet_v3_small", weights=None)
    mixed = cs.guided_backprop(net, IMAGE, "logits:0")
    assert mixed.evidence["interceptions"] == 14
    assert mixed.evidence["not_intercepted"] == {"Hardswish": 19}
    whole = cs.guided_backprop(net, IMAGE, "logits:0", smooth=True)
    assert whole.evidence["interceptions"] == 33
    assert "not_intercepted" not in whole.evidence
    assert differ(whole.values, mixed.values)


def test_a_network_of_smooth_activations_is_refused_until_smooth_is_asked_for():
    net = cs.load("torchvision:efficientnet_b0", weights=None)
    with pytest.raises(NoRectifier, match=r"only 49 × SiLU.*smooth=True.*saliency"):
        cs.guided_backprop(net, IMAGE, "logits:0")
    smooth = cs.guided_backprop(net, IMAGE, "logits:0", smooth=True)
    assert smooth.evidence["interceptions"] == 49
    assert differ(smooth.values, cs.saliency(net, IMAGE, "logits:0").values)


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("technique", [cs.guided_backprop, cs.deconvnet])
def test_a_network_without_rectifiers_is_sent_to_saliency(technique, smooth):
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Sigmoid(), nn.Flatten()), size=8)
    with pytest.raises(NoRectifier, match=r"Nothing was rectified.*Use saliency"):
        technique(net, IMAGE, "logits:0", smooth=smooth)
