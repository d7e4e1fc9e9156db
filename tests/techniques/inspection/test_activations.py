"""Activations of networks built by hand: values, zeros, silent channels, sparsity and what the evidence says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import UnknownLayer, UnknownUnit

RAMP = np.arange(16, dtype=np.uint8).reshape(4, 4)


def shifts(*offsets):
    """A 1 × 1 convolution that gives the picture plus each offset, then a ReLU; pixel values are bytes."""
    conv = nn.Conv2d(1, len(offsets), 1)
    with torch.no_grad():
        conv.weight.fill_(1)
        conv.bias.copy_(torch.tensor(offsets))
    module = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(16 * len(offsets), 3))
    return cs.Network(module, size=4, mean=(0.0,), std=(1 / 255,), name="shifts")


NET = shifts(0.0, -14.0, -15.0, -100.0, 1.0)


def test_the_values_are_what_the_layer_put_out():
    before = cs.activations(NET, RAMP, "0")
    after = cs.activations(NET, RAMP, "1")
    wanted = np.stack([RAMP.astype(np.float32) + offset for offset in (0, -14, -15, -100, 1)])
    np.testing.assert_array_equal(before.values, wanted)
    np.testing.assert_array_equal(after.values, wanted.clip(0))
    assert after.values.dtype == np.float32


def test_zeros_silent_channels_and_sparsity_count_exact_zeros():
    found = cs.activations(NET, RAMP, "1")
    assert found.zeros.tolist() == [1 / 16, 15 / 16, 1, 1, 0]
    assert found.silent == [2, 3]
    assert found.sparsity == pytest.approx((1 + 15 + 16 + 16 + 0) / 80)
    evidence = {key: found.evidence[key] for key in ("forward_passes", "channels", "silent_channels")}
    assert evidence == {"forward_passes": 1, "channels": 5, "silent_channels": 2}
    assert found.evidence["zeros"] == pytest.approx(found.sparsity)
    assert "not_rectified" not in found.evidence and "calls" not in found.evidence


def test_a_layer_that_is_not_rectified_says_that_zeros_mean_little():
    found = cs.activations(NET, RAMP, "0")
    assert found.zeros.tolist() == [1 / 16, 1 / 16, 1 / 16, 0, 0]
    assert found.silent == []
    assert "negative" in found.evidence["not_rectified"]


@pytest.mark.parametrize(("layer", "shape"), [("input", (1, 4, 4)), ("0", (5, 4, 4)), ("2", (80,)), ("logits", (3,))])
def test_values_have_the_shape_the_table_says(layer, shape):
    found = cs.activations(NET, RAMP, layer)
    assert found.values.shape == NET.layers[layer].shape == shape
    assert found.zeros.shape == shape[:1]
    assert (found.unit, found.network, found.request.technique) == (cs.Unit(layer), "shifts", "activations")


def test_the_input_is_what_the_module_is_given():
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()), size=6)
    found = cs.activations(net, picture, "input")
    np.testing.assert_array_equal(found.values, net.prepare(picture)[0].numpy())
    assert found.seen.shape == (6, 6, 3) and found.image.size == (9, 7)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 1000))
def test_a_shifted_picture_shifts_the_map(down, right, seed):
    rng = np.random.default_rng(seed)
    large = rng.integers(0, 256, (10, 10), dtype=np.uint8)
    conv = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 2), nn.Flatten())
    whole = cs.Network(conv, size=10, mean=(0.5,), std=(0.2,))
    part = cs.Network(conv, size=7, mean=(0.5,), std=(0.2,))
    wanted = cs.activations(whole, large, "2").values[:, down : down + 4, right : right + 4]
    found = cs.activations(part, large[down : down + 7, right : right + 7], "2").values
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_a_channel_or_an_unknown_layer_is_refused():
    with pytest.raises(UnknownUnit, match=r"1:2 is one channel.*Use 1\."):
        cs.activations(NET, RAMP, "1:2")
    with pytest.raises(UnknownLayer, match="no layer '9'"):
        cs.activations(NET, RAMP, "9")
