"""Grad-CAM: published answers to the digit, parity with Captum, and layers of every kind."""

import copy
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, ForwardFailed, NoRectifier
from convscope.techniques.attribution.gradcam import gradcam

from ...short import random

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from captum.attr import GuidedGradCam, LayerGradCam

IMAGE = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
X = np.arange(16, dtype=np.uint8).reshape(4, 4)


def close(found, wanted, tolerance=1e-6):
    assert found.shape == wanted.shape and np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max() > 0


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


def n1(inplace=False):
    return cs.Network(N1(inplace), size=4, mean=(0.0,), std=(1 / 255,))


@pytest.mark.parametrize("inplace", [False, True])
def test_n1_gives_what_captum_publishes(inplace):
    conv = gradcam(n1(inplace), X, "logits:0", layer="conv1")
    assert conv.grid.tolist() == [[11.25, 13.5], [20.25, 22.5]]
    assert conv.channels.tolist() == [[[-3.75, 3], [23.25, 30]], [[15, 10.5], [-3, -7.5]]]
    relu = gradcam(n1(inplace), X, "logits:0")
    assert (relu.layer, relu.grid.tolist()) == ("relu1", [[0, 4], [28, 32.5]])
    upsampled = F.interpolate(torch.tensor(relu.grid)[None, None], (4, 4), mode="bilinear")[0, 0]
    assert np.array_equal(relu.values, upsampled.numpy())
    assert (relu.evidence["forward_passes"], relu.evidence["backward_passes"]) == (1, 1)


CASES = [
    ("resnet18", "layer2.0.conv1"), ("densenet", "features.norm5"), ("vgg16", "features.30"),
    *(pytest.param(*case, marks=pytest.mark.sweep)
      for case in [("resnet18", "layer4"), ("densenet", "features.denseblock2"), ("vgg16", "features.28")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "layer"), CASES)
def test_it_is_captums_on_any_layer(name, layer):
    net = cs.Network(random(name).double().eval(), size=64)
    copied = copy.deepcopy(net.module)
    for part in copied.modules():  # Captum reads what an in-place layer has left
        if isinstance(part, nn.ReLU):
            part.inplace = False
    if name == "densenet":  # its last rectifier is F.relu(inplace=True)
        copied.forward = lambda x: copied.classifier(F.relu(copied.features(x)).mean((2, 3)))
    theirs = LayerGradCam(copied, copied.get_submodule(layer))
    x = net.prepare(IMAGE)
    for unit, target in (("logits:7", 7), ("logits:0", 0)):
        found = gradcam(net, IMAGE, unit, layer=layer)
        close(found.grid, theirs.attribute(x, target)[0, 0].detach().numpy())
        close(found.channels, theirs.attribute(x, target, attr_dim_summation=False)[0].detach().numpy())
        np.testing.assert_allclose(found.channels.sum(0), found.grid, atol=1e-5 * np.abs(found.channels).max())
        assert found.values.shape == (64, 64) and found.values.min() >= 0


def test_it_is_captums_on_the_embedded_network(lite0):
    found = gradcam(lite0, "sample:cat", "logits:281", layer="blocks.5")
    module = lite0.module.eval()
    theirs = LayerGradCam(module, module.get_submodule("blocks.5")).attribute(lite0.prepare("sample:cat"), 281)
    close(found.grid, theirs[0, 0].detach().numpy(), 1e-4)
    auto = gradcam(lite0, "sample:cat", "logits:281")
    assert auto.layer.startswith("bn2") and auto.grid.shape == (7, 7) and auto.values.max() > 0


def test_guided_grad_cam_is_captums():
    net = cs.Network(cs.load("torchvision:resnet18", weights=None).module.eval().double(), size=64)
    x = net.prepare(IMAGE).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = GuidedGradCam(net.module, net.module.layer3).attribute(x, 7, interpolate_mode="bilinear")
    found = gradcam(net, IMAGE, "logits:7", layer="layer3", guided=True)
    close(found.values, theirs[0].detach().numpy())
    assert found.evidence["interceptions"] == 17 and found.evidence["backward_passes"] == 2


def test_the_last_maps_before_a_unit_are_chosen(tiny):
    chosen = {unit: gradcam(tiny, IMAGE, unit).layer for unit in ("logits:1", "probs:1", "6:1", "3:2", "1:0@3,4")}
    assert chosen == {"logits:1": "4", "probs:1": "4", "6:1": "4", "3:2": "2", "1:0@3,4": "0"}


class Branches(nn.Module):
    """A reused layer, a side branch that finishes last, channels last, and an output of maps."""

    def __init__(self):
        super().__init__()
        self.stem, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True)
        self.norm, self.mix, self.side = nn.LayerNorm(4), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 2, 1)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = self.relu(self.stem(x))
        x = self.relu(self.mix(self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)))
        main = self.head(x.mean((2, 3)))
        return {"out": main, "side": self.side(x)}


def branches():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return cs.Network(Branches().double(), size=(6, 8))


def test_a_reused_layer_is_weighed_at_its_last_call_and_a_side_branch_is_passed_over():
    net = branches()
    found = gradcam(net, IMAGE, "logits:1")
    assert found.layer == "relu" and "ran 2 times" in found.evidence["calls"]
    with torch.no_grad():
        maps = net.read(net.prepare(IMAGE), "relu")["relu"][0]
    wanted = net.module.head.weight[1][:, None, None].detach() / 48 * maps
    close(found.channels, wanted.numpy())
    with pytest.raises(BadKnob, match="not 'side'"):
        gradcam(net, IMAGE, "logits:1", layer="side")


def test_a_channels_last_layer_is_read_as_channels_first():
    net = branches()
    assert net.layers["norm"].layout == "NHWC"
    found = gradcam(net, IMAGE, "logits:1", layer="norm")
    with torch.no_grad():
        maps = net.read(net.prepare(IMAGE), "norm")["norm"]
    leaf = maps.clone().requires_grad_()
    value = net.module.head(F.relu(net.module.mix(leaf)).mean((2, 3)))[0, 1]
    (grad,) = torch.autograd.grad(value, leaf)
    close(found.channels, (grad.mean((2, 3), keepdim=True) * maps)[0].numpy())


def test_a_compiled_module_is_read_eagerly(tiny):
    compiled = cs.Network(torch.compile(tiny.module), size=32)
    assert np.array_equal(gradcam(compiled, IMAGE, "logits:1").grid, gradcam(tiny, IMAGE, "logits:1").grid)


def test_the_module_and_the_mode_are_left_as_they_were(tiny):
    tiny.module.train()
    hooks = [len(part._forward_hooks) for part in tiny.module.modules()]
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            gradcam(tiny, IMAGE, "logits:1", guided=True)
    with pytest.raises(BadKnob):
        gradcam(tiny, IMAGE, "1:1", layer="3")
    assert hooks == [len(part._forward_hooks) for part in tiny.module.modules()]
    assert all(part.training for part in tiny.module.modules())
    assert all(p.grad is None and p.requires_grad for p in tiny.module.parameters())


@pytest.mark.parametrize("wrap", [lambda y: {"logits": y, "aux": y}, lambda y: (y, None)], ids=["dict", "tuple"])
def test_outputs_may_be_wrapped(wrap, tiny):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = tiny.module

        def forward(self, x):
            return wrap(self.inner(x))

    found = gradcam(cs.Network(Wrapped(), size=32), IMAGE, "logits:1")
    assert found.layer == "inner.4" and np.array_equal(found.values, gradcam(tiny, IMAGE, "logits:1").values)


@pytest.mark.parametrize(
    ("unit", "layer"),
    [("logits:1", "6"), ("logits:1", "input"), ("logits:1", "logits"), ("2:1", "3"), ("logits:1", "nonsense"),
     ("logits:1", "2:3"), ("logits:1", "")],
)  # fmt: skip
def test_a_layer_that_cannot_be_weighed_is_refused(unit, layer, tiny):
    with pytest.raises(BadKnob, match=f"layer must be auto or a layer with maps .*, not {layer!r}"):
        gradcam(tiny, IMAGE, unit, layer=layer)


def test_a_unit_before_all_maps_is_refused(tiny):
    with pytest.raises(BadKnob, match="No layer with maps comes before 0:1"):
        gradcam(tiny, IMAGE, "0:1")


def test_what_vanishes_and_what_speaks_against_is_named(tiny):
    with torch.no_grad():
        tiny.module[6].weight[2] = 0
        tiny.module[6].weight[3] = -1
    dead, against = gradcam(tiny, IMAGE, "logits:2"), gradcam(tiny, IMAGE, "logits:3", layer="2")
    assert "vanished" in dead.evidence and "nothing_positive" in dead.evidence and not dead.values.any()
    assert "vanished" not in against.evidence
    assert ("nothing_positive" in against.evidence) == (not against.values.any())
    assert "vanished" not in gradcam(n1(), X, "logits:0").evidence


def test_a_value_that_is_not_finite_and_a_guide_without_rectifier_are_refused(tiny):
    with pytest.raises(NoRectifier):
        gradcam(tiny, IMAGE, "1:0", layer="0", guided=True)
    with torch.no_grad():
        tiny.module[6].bias[2] = torch.nan
    with pytest.raises(ForwardFailed, match="not finite"):
        gradcam(tiny, IMAGE, "logits:2")
