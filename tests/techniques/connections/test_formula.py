"""Formulas: what is printed adds up to the activation, and each product is a weight of the module times its input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs

PHOTO = np.random.default_rng(3).integers(0, 256, (16, 16, 3), dtype=np.uint8)


class Every(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU()
        self.pool, self.mean, self.deep = nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Conv2d(6, 6, 3, groups=6)
        self.soft, self.layer, self.swish = nn.Conv2d(6, 6, 1), nn.GroupNorm(2, 6), nn.SiLU()
        self.head, self.end = nn.Linear(6, 4), nn.Softmax(1)

    def forward(self, x):
        x = self.pool(self.act(self.norm(self.conv(x))))
        y = self.mean(x)
        x = self.swish(self.layer(self.deep(F.pad(y, (1, 1, 1, 1)))))
        x = x + self.soft(y)
        return self.end(self.head(x.mean((2, 3))))


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Every().eval()
        nn.init.normal_(module.norm.running_mean)
        nn.init.uniform_(module.norm.running_var, 0.5, 2)
        nn.init.normal_(module.norm.bias)
    return cs.Network(module, size=16, name="every")


UNITS = ["conv:1@0,3", "norm:2@5,5", "act:2@5,5", "act:4", "pool:3@2,2", "mean:1@0,0", "deep:5@2,1", "layer:1@3,3"]


@pytest.mark.parametrize("unit", [*UNITS, "swish:2@1,1", "head:1", "soft:2@1,0", "end:2", "logits:2"])
@pytest.mark.parametrize("top", [3, 1000])
def test_the_numbers_add_up_to_the_activation(net, unit, top):
    found = cs.formula(net, PHOTO, unit, top=top)
    activation = float(net.value(net.prepare(PHOTO), found.unit))
    total = found.terms["product"].to_numpy().sum() + found.rest + found.bias + found.remainder
    assert found.activation == pytest.approx(activation, abs=1e-6) and total == pytest.approx(found.total, abs=1e-5)
    functions = {"": lambda x: x, "relu": lambda x: max(x, 0.0), "exp": np.exp, "silu": lambda x: x / (1 + np.exp(-x))}
    assert functions[found.function](total) == pytest.approx(activation, abs=1e-5)
    assert len(found.terms) <= top and (found.others > 0 or found.rest == 0)
    assert str(found.unit) in found.text and f"{found.activation:+.6f}" in found.text


def test_products_are_weights_of_the_module_times_what_they_read_and_the_norm_is_in_them(net):
    found = cs.formula(net, PHOTO, "act:2@5,7", top=1000)
    x, module = net.prepare(PHOTO)[0], net.module
    scale = (module.norm.weight / (module.norm.running_var + module.norm.eps).sqrt())[2].item()
    shift = (module.norm.bias[2] - module.norm.running_mean[2] * scale).item()
    wanted = {
        f"input:{c}@{5 + y - 1},{7 + k - 1}": (module.conv.weight[2, c, y, k].item() * scale, x[c, 4 + y, 6 + k].item())
        for c in range(3)
        for y in range(3)
        for k in range(3)
    }
    assert {row["source"] for row in found.terms.to_pylist()} == {*wanted}
    for row in found.terms.to_pylist():
        weight, value = wanted[row["source"]]
        assert row["weight"] == pytest.approx(weight, rel=1e-5) and row["input"] == pytest.approx(value)
        assert row["product"] == pytest.approx(weight * value, rel=1e-5)
    assert found.norm == pytest.approx((scale, shift), rel=1e-5)
    assert found.bias == pytest.approx(module.conv.bias[2].item() * scale + shift, rel=1e-5)


def test_of_a_pool_it_is_what_it_chose(net):
    found = cs.formula(net, PHOTO, "pool:3@2,2")
    (row,) = found.terms.to_pylist()
    act = cs.activations(net, PHOTO, "act").values[3, 4:6, 4:6]
    y, x = np.unravel_index(act.argmax(), (2, 2))
    assert row["source"] == f"act:3@{4 + y},{4 + x}" and row["weight"] == 1


def test_a_channel_is_its_strongest_neuron_and_says_so(net):
    found = cs.formula(net, PHOTO, "act:4")
    assert found.activation == pytest.approx(cs.activations(net, PHOTO, "act").values[4].max())
    assert "strongest" in found.evidence


def test_of_a_probability_the_total_is_its_logarithm(tiny):
    found = cs.formula(tiny, "sample:cat", "probs:2")
    probability = float(tiny.value(tiny.prepare("sample:cat"), "probs:2"))
    assert found.activation == pytest.approx(probability, rel=1e-5)
    assert found.function == "exp" and np.exp(found.total) == pytest.approx(probability, rel=1e-5)


def test_its_picture_is_its_text(net, tmp_path):
    found = cs.formula(net, PHOTO, "head:1")
    assert found.picture().size[1] > 100
    assert '"text"' in found.save(tmp_path / "x.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("unit", "source"), [("act:2@5,7", "input:"), ("deep:5@2,1", "mean:5"), ("soft:2@1,0", "mean:")]
)
def test_the_kernel_that_moves_makes_the_products_of_the_input_that_gives_most(net, unit, source):
    found = cs.formula(net, PHOTO, unit, top=1000)
    sums: dict[str, float] = {}
    for row in found.terms.to_pylist():
        channel = row["source"].partition("@")[0]
        sums[channel] = sums.get(channel, 0.0) + row["product"]
    strongest = max(sums, key=lambda channel: abs(sums[channel]))
    assert found.moving["source"] == strongest and strongest.startswith(source)
    maps, kernel = (torch.from_numpy(values)[None, None] for values in (found.map, found.kernel))
    moved = F.conv2d(maps, kernel, None, *(found.moving[name] for name in ("stride", "padding", "dilation")))
    y, x = found.moving["place"]
    assert float(moved[0, 0, y, x]) == pytest.approx(sums[strongest], rel=1e-5, abs=1e-6)


def test_what_no_convolution_makes_has_no_kernel(net):
    found = cs.formula(net, PHOTO, "head:1")
    assert found.moving == {} and found.map.shape == (0, 0)
