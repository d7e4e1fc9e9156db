"""The layer table."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import ForwardFailed, UnknownLayer


class Block(nn.Module):
    """A reused rectifier, a functional one, and a part that never runs."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.unused = nn.Linear(3, 3)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(x + self.conv2(x))
        return self.fc(F.relu(x).mean((2, 3)))


class Last(nn.Module):
    """Channels last inside, as in ConvNeXt and Swin."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 4, 4)
        self.norm = nn.LayerNorm(12)
        self.act = nn.GELU()
        self.wide = nn.Linear(12, 20)
        self.down = nn.Conv2d(20, 6, 2, 2)

    def forward(self, x):
        x = self.wide(self.act(self.norm(self.stem(x).permute(0, 2, 3, 1))))
        return self.down(x.permute(0, 3, 1, 2)).mean((2, 3))


def test_the_table_lists_every_layer_in_order_with_kind_shape_and_units(tiny):
    assert tiny.layers.rows() == [
        {"name": "input", "kind": "input", "shape": [3, 32, 32], "units": 3, "calls": 1},
        {"name": "0", "kind": "Conv2d", "shape": [6, 32, 32], "units": 6, "calls": 1},
        {"name": "1", "kind": "BatchNorm2d", "shape": [6, 32, 32], "units": 6, "calls": 1},
        {"name": "2", "kind": "ReLU", "shape": [6, 32, 32], "units": 6, "calls": 1},
        {"name": "3", "kind": "Conv2d", "shape": [4, 16, 16], "units": 4, "calls": 1},
        {"name": "4", "kind": "MaxPool2d", "shape": [4, 4, 4], "units": 4, "calls": 1},
        {"name": "5", "kind": "Flatten", "shape": [64], "units": 64, "calls": 1},
        {"name": "6", "kind": "Linear", "shape": [5], "units": 5, "calls": 1},
        {"name": "logits", "kind": "output", "shape": [5], "units": 5, "calls": 1},
    ]


def test_a_reused_module_stands_where_it_ran_last_and_its_calls_are_counted():
    layers = cs.Network(Block(), size=16).layers
    assert list(layers) == ["input", "conv1", "conv2", "relu", "fc", "logits"]
    assert {name: row.calls for name, row in layers.items() if row.calls > 1} == {"relu": 2}


def test_a_reused_module_is_read_at_its_last_call():
    net = cs.Network(Block(), size=16)
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        first = net.module.conv1(x).relu()
        second = (first + net.module.conv2(first)).relu()
        torch.testing.assert_close(net.read(x, "relu")["relu"], second)


def test_containers_and_nested_modules_have_their_qualified_names():
    module = nn.Sequential()
    module.add_module("features", nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()))
    assert list(cs.Network(module, size=8).layers) == ["input", "features.0", "features.1", "features", "logits"]


@pytest.mark.parametrize("size", [32, (16, 32), (32, 16), (48, 80)])
def test_channels_last_layers_are_shown_channels_first(size):
    net = cs.Network(Last(), size=size)
    height, width = (s // 4 for s in net.preprocessing.size)
    expected = {"stem": 12, "norm": 12, "act": 12, "wide": 20}
    assert {name: net.layers[name].shape for name in expected} == {
        name: (units, height, width) for name, units in expected.items()
    }
    assert net.layers["down"].shape == (6, height // 2, width // 2)
    x = torch.randn(2, 3, *net.preprocessing.size)
    with torch.no_grad():
        read = net.read(x, *expected, "down")
    assert {name: tuple(tensor.shape[1:]) for name, tensor in read.items()} == {
        name: net.layers[name].shape for name in read
    }
    torch.testing.assert_close(read["norm"].mean(1), torch.zeros(2, height, width), atol=1e-5, rtol=0)


def test_a_grey_network_has_one_input_channel():
    net = cs.Network(nn.Conv2d(1, 2, 3), size=8, mean=[0.5], std=[0.5])
    assert net.layers["input"].shape == (1, 8, 8)
    assert net.layers["logits"].shape == (2, 6, 6)


def test_modules_named_like_the_ends_do_not_hide_them():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.input, self.logits, self.probs = nn.Conv2d(3, 4, 3), nn.Linear(4, 2), nn.Softmax(1)

        def forward(self, x):
            return self.logits(self.input(x).mean((2, 3))) * 3

    layers = cs.Network(Named(), size=8).layers
    assert [(row.name, row.kind, row.shape) for row in layers.values()] == [
        ("input", "input", (3, 8, 8)),
        ("logits", "output", (2,)),
    ]


def test_the_table_is_a_mapping_that_prints_as_one(tiny):
    layers = tiny.layers
    assert len(layers) == 9
    assert "3" in layers and "9" not in layers and 3 not in layers
    lines = repr(layers).splitlines()
    assert len(lines) == 10
    assert lines[0].split() == ["layer", "kind", "shape", "units"]
    assert lines[4].split() == ["2", "ReLU", "6", "×", "32", "×", "32", "6"]


@pytest.mark.parametrize(("typed", "near"), [("conv", "conv[12], conv[12]"), ("RELU", "relu"), ("cnov1", "conv1")])
def test_an_unknown_layer_suggests_the_nearest(typed, near):
    with pytest.raises(UnknownLayer, match=f"^Block has no layer '{typed}'. Nearest: {near}.*List them"):
        cs.Network(Block(), size=16).layers[typed]


def test_a_part_that_never_runs_is_no_layer():
    with pytest.raises(UnknownLayer, match=r"^unused of Block does not run in a forward\. List them"):
        cs.Network(Block(), size=16).unit("unused:0")


def test_the_table_of_the_embedded_network(lite0):
    layers = lite0.layers
    assert layers["conv_stem"].shape == (32, 112, 112)
    assert layers["blocks.0"].shape == (16, 112, 112)
    assert layers["logits"].shape == layers["classifier"].shape == (1000,)
    assert layers["global_pool"].shape == (1280,)
    modules = dict(lite0.module.named_modules())
    assert all(type(modules[name]).__name__ == row.kind for name, row in layers.items() if name in modules)


@pytest.mark.parametrize("shape", [(), (1,), (1, 2, 3), (1, 2, 3, 4, 5)])
def test_an_output_that_is_neither_scores_nor_maps_is_refused_with_its_shape(shape):
    class Odd(nn.Module):
        def forward(self, x):
            return x.new_zeros(shape)

    with pytest.raises(ForwardFailed, match=re.escape(str(shape))):
        _ = cs.Network(Odd(), size=8).layers


def test_ways_around_a_layer_are_known():
    class Streams(nn.Module):
        def __init__(self, shortcut):
            super().__init__()
            self.a, self.b, self.join = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Conv2d(8, 4, 1)
            self.head, self.shortcut = nn.Linear(4, 2), shortcut

        def forward(self, x):
            y = self.join(torch.cat([self.a(x).relu(), self.b(x).relu()], 1)).mean((2, 3))
            return self.head(y + x.mean((1, 2, 3))[:, None] if self.shortcut else y)

    table = cs.Network(Streams(False), size=8).layers
    assert (table.around("a", "logits"), table.around("b", "logits")) == ("join", "join")
    assert table.around("join", "logits") is None
    assert cs.Network(Streams(True), size=8).layers.around("join", "logits") == "input"


def test_another_name_of_a_module_says_of_which():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 2, 1)
            self.again = self.first

        def forward(self, x):
            return self.first(x).mean((2, 3))

    with pytest.raises(UnknownLayer, match=r"^again of Tied is the same module as first"):
        cs.Network(Tied(), size=8).unit("again:0")


def test_maps_like_the_output_are_the_last_layer_and_cut_gradients_are_told_of():
    image = torch.arange(192, dtype=torch.uint8).reshape(8, 8, 3).numpy()
    maps = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    assert cs.gradcam(cs.Network(maps, size=8), image, "logits:1@3,3").layer == "1"

    class Signs(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.conv(x).sign().mean((2, 3))

    assert (
        "none comes back to the image"
        in cs.saliency(cs.Network(Signs(), size=8), image, "logits:1").evidence["vanished"]
    )
