"""Projection of the strongest activations, against the deconvnet written out by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, ForwardFailed, NoRectifier, UnknownUnit
from convscope.techniques.inspection.project import project

IMAGE = np.random.default_rng(0).integers(0, 256, (18, 18, 3), dtype=np.uint8)
SIDE = 18


def close(found, wanted, tolerance=1e-6):
    assert found.shape == wanted.shape and np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max() > 0


def network(seed=0, inplace=False):
    """Layers 0 (conv), 1 (relu), 2 (pool), 3 (conv), 4 (relu), 5 (flatten), 6 (linear), in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace), nn.MaxPool2d(2), nn.Conv2d(6, 5, 3, stride=2, padding=1),
            nn.ReLU(inplace), nn.Flatten(), nn.Linear(125, 4),
        ).double()  # fmt: skip
    return cs.Network(module, size=SIDE)


def by_hand(net, channel, top, rule):
    """Zeiler and Fergus: unpool by the switches, rectify, filter with the transposed kernels."""
    conv1, conv2 = net.module[0], net.module[3]
    with torch.no_grad():
        a = conv1(net.prepare(IMAGE))
        pooled, switches = F.max_pool2d(F.relu(a), 2, return_indices=True)
        b = conv2(pooled)
        kept = torch.zeros_like(b)
        best = F.relu(b)[0, channel].flatten().topk(top)
        kept[0, channel].view(-1)[best.indices] = best.values
        signal = F.conv_transpose2d(F.relu(kept), conv2.weight, None, 2, 1)
        signal = F.relu(F.max_unpool2d(signal, switches, 2, output_size=a.shape))
        signal = signal * (a > 0) if rule == "guided" else signal
        return F.conv_transpose2d(signal, conv1.weight, None, 1, 1)[0].numpy(), best


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
@pytest.mark.parametrize(("channel", "top"), [(0, 1), (1, 3), (3, 9)])
def test_it_is_the_deconvnet_written_out_by_hand(rule, channel, top, inplace):
    net = network(inplace=inplace)
    wanted, best = by_hand(net, channel, top, rule)
    found = project(net, IMAGE, f"4:{channel}", rule=rule, top=top)
    close(found.values, wanted)
    close(found.activations, best.values.numpy())
    assert found.positions.tolist() == [[i // 5, i % 5] for i in best.indices.tolist()]
    assert found.positions.dtype == found.boxes.dtype == np.int64 and found.activations.dtype == np.float32
    assert found.value == pytest.approx(best.values[0].item(), rel=1e-12)
    assert (found.evidence["rule"], found.evidence["interceptions"], found.evidence["max_pools"]) == (rule, 2, 1)


def test_before_the_last_rectifier_it_is_the_same_for_what_fires():
    net = network()
    conv, relu = (project(net, IMAGE, f"{layer}:1", top=3) for layer in (3, 4))
    assert np.array_equal(conv.values, relu.values) and np.array_equal(conv.boxes, relu.boxes)
    assert (conv.evidence["interceptions"], relu.evidence["interceptions"]) == (1, 2)


def test_the_plain_projection_is_the_gradient_times_the_activation():
    net = network()
    found = project(net, IMAGE, "4:1", rule="plain", top=2)
    wanted = sum(
        a * cs.saliency(net, IMAGE, f"4:1@{y},{x}").values
        for a, (y, x) in zip(found.activations, found.positions, strict=True)
    )
    close(found.values, wanted)
    assert "interceptions" not in found.evidence and found.evidence["rule"] == "plain"


def test_all_that_moves_a_neuron_is_in_its_box():
    net = network()
    found = project(net, IMAGE, "4:1", top=3)
    for (y, x), (top, left, bottom, right) in zip(found.positions, found.boxes, strict=True):
        moved = cs.saliency(net, IMAGE, f"4:1@{y},{x}").values.any(0)
        inside = moved[top:bottom, left:right]
        assert inside.sum() == moved.sum() > 0
        assert bottom - top <= 8 and right - left <= 8  # the receptive field: 1 + 2 + 1 + 2 · 2
    assert (found.evidence["forward_passes"], found.evidence["backward_passes"]) == (2, 1)


def test_one_neuron_is_kept_alone():
    net = network()
    strongest = project(net, IMAGE, "4:1")
    y, x = strongest.positions[0]
    alone = project(net, IMAGE, f"4:1@{y},{x}", top=5)
    assert np.array_equal(alone.values, strongest.values) and alone.positions.tolist() == [[y, x]]
    assert alone.evidence["kept"] == "1 of 5: the unit is one neuron" and "kept" not in strongest.evidence


@pytest.mark.parametrize("layer", ["6", "logits"])
def test_a_class_score_has_no_position(layer):
    net = network()
    with torch.no_grad():
        net.module[6].bias.fill_(9)
    found = project(net, IMAGE, f"{layer}:2")
    wanted = cs.deconvnet(net, IMAGE, f"{layer}:2")
    close(found.values, wanted.values * wanted.value)
    assert found.positions.tolist() == [[-1, -1]] and found.boxes.shape == (1, 4)
    assert found.activations[0] == np.float32(found.value)


@pytest.mark.parametrize("unit", ["3:2", "3:2@1,1", "4:2", "logits:2"])
def test_a_unit_that_did_not_fire_is_silent(unit):
    net = network()
    with torch.no_grad():
        net.module[3].bias[2] = net.module[6].bias[2] = -99
    found = project(net, IMAGE, unit, top=3)
    assert "did not fire" in found.evidence["silent"] and not found.values.any() and found.value <= 0
    assert (found.positions.shape, found.activations.shape, found.boxes.shape) == ((0, 2), (0,), (0, 4))


def test_what_did_not_fire_is_not_kept():
    found = project(network(), IMAGE, "4:0", top=25)
    with torch.no_grad():
        fired = int((network().read(network().prepare(IMAGE), "4")["4"][0, 0] > 0).sum())
    assert len(found.positions) == fired < 25 and found.evidence["kept"] == f"{fired} of 25: no other fired"


def test_equal_activations_are_kept_in_reading_order():
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 1, 1), nn.ReLU()), size=4)
    with torch.no_grad():
        net.module[0].weight.fill_(0)
        net.module[0].bias.fill_(1)
    found = project(net, IMAGE, "1:0", top=6)
    assert found.positions.tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], [1, 0], [1, 1]]
    assert found.boxes[5].tolist() == [1, 1, 2, 2] and "vanished" in found.evidence  # a box is what it could see


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("wrap", [lambda y: {"logits": y, "aux": y}, lambda y: (y, None)], ids=["dict", "tuple"])
def test_outputs_may_be_wrapped_and_modes_entered(wrap, mode):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network().module

        def forward(self, x):
            return wrap(self.inner(x))

    net = cs.Network(Wrapped(), size=SIDE)
    with mode():
        found = project(net, IMAGE, "inner.4:1", top=2)
    assert np.array_equal(found.values, project(network(), IMAGE, "4:1", top=2).values)


def test_what_cannot_be_projected_is_refused():
    net = network()
    with pytest.raises(UnknownUnit, match="one channel, such as 4:0, not the whole layer"):
        project(net, IMAGE, "4")
    with pytest.raises(UnknownUnit, match="Use logits:1"):
        project(net, IMAGE, "probs:1")
    with pytest.raises(BadKnob, match="rule"):
        project(net, IMAGE, "4:1", rule="zeiler")
    with pytest.raises(BadKnob, match="top"):
        project(net, IMAGE, "4:1", top=0)
    with pytest.raises(NoRectifier, match="Nothing was rectified"):
        project(net, IMAGE, "0:1")
    assert project(net, IMAGE, "0:1", rule="plain").values.any()
    with torch.no_grad():
        net.module[3].bias[2] = torch.nan
    with pytest.raises(ForwardFailed, match="not finite"):
        project(net, IMAGE, "4:2")


def test_the_embedded_network_projects_its_layers(lite0):
    found = project(lite0, "sample:cat", "blocks.1.0:3", top=2)
    assert found.values.shape == (3, 224, 224) and found.values.any()
    top, left, bottom, right = found.boxes.T
    assert (bottom - top > 0).all() and (right - left > 0).all() and (bottom - top < 60).all()
    outside = np.abs(found.values).sum(0)
    for box in found.boxes:
        outside[box[0] - 3 : box[2] + 3, box[1] - 3 : box[3] + 3] = 0
    assert outside.sum() < 0.05 * np.abs(found.values).sum()
