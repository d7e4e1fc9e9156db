"""The filters of every kind of layer that has them, and the refusal of those that do not."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, UnknownLayer, UnknownUnit


class Kinds(nn.Module):
    """One layer of each kind."""

    def __init__(self):
        super().__init__()
        self.conv, self.grouped = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 6, 3, padding=1, groups=2)
        self.depthwise, self.point = nn.Conv2d(6, 6, 5, padding=2, groups=6), nn.Conv2d(6, 4, 1)
        self.up, self.groupedup = nn.ConvTranspose2d(4, 6, 3), nn.ConvTranspose2d(6, 4, (2, 3), groups=2)
        self.bn, self.relu, self.flat, self.linear = (
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(4 * 11 * 12, 5),
        )

    def forward(self, x):
        x = self.groupedup(self.up(self.point(self.depthwise(self.grouped(self.conv(x))))))
        return self.linear(self.flat(self.relu(self.bn(x))))


@pytest.fixture
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cs.Network(Kinds(), size=8, name="kinds")


@pytest.mark.parametrize(
    ("layer", "shape", "groups"),
    [
        ("conv", (8, 3, 3, 3), 1),
        ("grouped", (6, 4, 3, 3), 2),
        ("depthwise", (6, 1, 5, 5), 6),
        ("point", (4, 6, 1, 1), 1),
        ("linear", (5, 528), 1),
        ("up", (6, 4, 3, 3), 1),
        ("groupedup", (4, 3, 2, 3), 2),
    ],
)
def test_there_is_one_filter_for_each_channel_of_the_layer(net, layer, shape, groups):
    found = cs.weights(net, layer)
    assert (found.values.shape, found.groups) == (shape, groups)
    assert len(found.values) == net.layers[layer].units == found.evidence["filters"]
    assert found.values.dtype == np.float32
    for statistic in (found.norm, found.roughness, found.high_share, found.duplicate_of):
        assert statistic.shape == shape[:1]
    np.testing.assert_allclose(found.norm, [np.sqrt((w.astype(float) ** 2).sum()) for w in found.values], rtol=1e-6)


@pytest.mark.parametrize("layer", ["conv", "grouped", "depthwise", "point", "up", "groupedup"])
def test_a_filter_is_what_its_channel_answers_to_a_spike(net, layer):
    """Channel o answers to a spike in input channel i with filter o's kernel for i, mirrored unless transposed."""
    module, filters = getattr(net.module, layer), cs.weights(net, layer).values
    out, inside, height, width = filters.shape
    transposed = isinstance(module, nn.ConvTranspose2d)
    up, left = (
        (5, 5) if transposed else (6 + pad - side for pad, side in zip(module.padding, (height, width), strict=True))
    )
    for o in range(out):
        for i in range(inside):
            spike = torch.zeros(1, module.in_channels, 11, 11)
            spike[0, o * module.groups // out * inside + i, 5, 5] = 1
            with torch.no_grad():
                answer = (module(spike) - module(torch.zeros_like(spike)))[0, o].numpy()
            kernel = answer[up : up + height, left : left + width]
            np.testing.assert_allclose(kernel if transposed else kernel[::-1, ::-1], filters[o, i], atol=1e-6)


def test_the_weights_of_a_linear_layer_are_its_rows(net):
    np.testing.assert_array_equal(cs.weights(net, "linear").values, net.module.linear.weight.detach().numpy())


@pytest.mark.parametrize("layer", ["linear", "point"])
def test_weights_without_positions_have_no_smoothness_and_none_is_noisy(net, layer):
    found = cs.weights(net, layer)
    assert np.isnan(found.roughness).all() and np.isnan(found.high_share).all()
    assert found.evidence["noisy_filters"] == 0


@pytest.mark.parametrize("layer", ["bn", "relu", "flat", "input", "logits"])
def test_a_layer_without_filters_is_refused_and_others_are_named(net, layer):
    with pytest.raises(UnknownLayer, match=rf"{layer} of kinds has no filters.*(conv|linear|grouped)"):
        cs.weights(net, layer)


def test_a_layer_that_is_not_there_or_one_channel_is_refused(net):
    with pytest.raises(UnknownLayer, match=r"no layer 'konv'.*Nearest: conv"):
        cs.weights(net, "konv")
    with pytest.raises(UnknownUnit, match="conv:3 is one channel"):
        cs.weights(net, "conv:3")


def single(values):
    """A network of one convolution with these weights."""
    out, inside, height, width = values.shape
    conv = nn.Conv2d(inside, out, (height, width))
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(values))
    return cs.Network(nn.Sequential(conv, nn.Flatten()), size=12)


def noise(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_dead_duplicate_opposite_and_noisy_filters_are_counted():
    values = noise(0, 8, 3, 7, 7)
    values[2] = 0
    values[3] *= 1e-5
    values[4] = 3 * values[1] + 0.01 * noise(1, 3, 7, 7)
    values[5] = -0.5 * values[0]
    values[6] = np.linspace(-1, 1, 7)
    values[7] = (-1) ** np.add.outer(np.arange(7), np.arange(7))
    found = cs.weights(single(values), "0")
    assert found.dead == [2, 3]
    assert found.duplicate_of.tolist() == [0, 1, 2, 3, 1, 5, 6, 7]
    assert found.duplicates == [[1, 4]]
    assert (found.evidence["near_duplicates"], found.evidence["antipodal_pairs"]) == (1, 1)
    assert found.evidence["noisy_filters"] == int((found.roughness >= 1).sum()) >= 1
    assert found.roughness[7] > 1.5 and found.roughness[6] < 0.5 and np.isnan(found.roughness[2])


def test_similarity_says_from_where_filters_are_near_duplicates():
    angles = np.array([0, 0.3, 2.0])
    values = np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1)[:, :, None, None].astype(np.float32)
    net = single(values)
    for similarity, wanted in ((0.95, [0, 0, 2]), (0.96, [0, 1, 2])):
        assert cs.weights(net, "0", similarity=similarity).duplicate_of.tolist() == wanted
    assert cs.weights(net, "0").request.knobs == {"similarity": 0.95}
    for bad in (0, -0.5, 1.01):
        with pytest.raises(BadKnob, match="similarity must be"):
            cs.weights(net, "0", similarity=bad)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000), st.integers(-20, 20))
def test_the_scale_of_a_layer_changes_its_norms_alone(seed, exponent):
    values = noise(seed, 6, 3, 5, 5)
    values[4], values[5] = 0, values[0]
    one, other = cs.weights(single(values), "0"), cs.weights(single(values * np.float32(2.0**exponent)), "0")
    np.testing.assert_allclose(other.norm, one.norm * 2.0**exponent, rtol=1e-6)
    np.testing.assert_allclose(other.roughness, one.roughness, rtol=1e-5)
    np.testing.assert_allclose(other.high_share, one.high_share, rtol=1e-5)
    assert (other.dead, other.duplicates, other.evidence) == (one.dead, one.duplicates, one.evidence)
    assert (one.dead, one.duplicates) == ([4], [[0, 5]])
