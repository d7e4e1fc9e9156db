"""Receptive fields: published sizes, and the support of gradients on networks of all shapes."""

import logging
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import CannotExport, UnknownLayer, UnknownUnit
from convscope.graph import neuron_windows
from convscope.graph.neuron_windows import boxes, layer_field, receptive_boxes
from convscope.graph.trace import executed

from ..short import random


def some_of(cases, *names):
    """The cases, of which those of other names are left to the sweep."""
    return [name if name in names else pytest.param(name, marks=pytest.mark.sweep) for name in cases]


PUBLISHED = {
    "alexnet": {"features.11": 163, "features.12": 195},
    "vgg16": {"features.28": 196, "features.30": 212},
    "resnet18": {"layer1": 43, "layer2": 99, "layer3": 211, "layer4": 435},
    "resnet50": {"layer1": 35, "layer2": 91, "layer3": 267, "layer4": 427},
}


@pytest.mark.parametrize("name", some_of(PUBLISHED, "alexnet", "vgg16", "resnet18"))
def test_published_sizes(name):
    net = cs.Network(random(name))
    executed(net, *net.layers)
    for layer, side in PUBLISHED[name].items():
        found = net.receptive_field(layer)
        assert (found.size, found.status) == ((side, side), "exact")
        top, left, bottom, right = found.unclipped
        assert found.box == (max(0, top), max(0, left), min(224, bottom), min(224, right)) == found.local
    assert net.receptive_field("logits:3").status == "whole input"
    assert net.receptive_field("probs:3").box == (0, 0, 224, 224)
    assert net.receptive_field("input:1@7,9").box == (7, 9, 8, 10)


def positive(module):
    """The module with positive weights, and a twin in which nothing stops the gradient: Identity, average pooling."""
    module.double().eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.abs_().add_(0.01)
    return module


def twin(module):
    other = type(module).__new__(type(module))
    other.__dict__ = {**module.__dict__, "_modules": dict(module._modules)}
    for name, part in module.named_children():
        if isinstance(part, nn.ReLU):
            other._modules[name] = nn.Identity()
        elif isinstance(part, nn.MaxPool2d):
            other._modules[name] = nn.AvgPool2d(part.kernel_size, part.stride, part.padding, part.ceil_mode)
        else:
            other._modules[name] = twin(part)
    return other


def support(module, size, channel, y, x):
    (found,) = supports(module, size, channel, [(y, x)])
    return found


def supports(module, size, channel, where):
    """What the gradient of each of some neurons reaches: a copy of the image for each, all in one pass."""
    leaf = torch.rand(1, 3, *size, dtype=torch.float64).expand(len(where), -1, -1, -1).clone().requires_grad_()
    out = module(leaf)
    (grad,) = torch.autograd.grad(sum(out[n, channel, y, x].sum() for n, (y, x) in enumerate(where)), leaf)
    return [edges(seen) for seen in (grad != 0).any(1).numpy()]


def edges(seen):
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return [int(end) for end in (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)] if len(rows) else [0] * 4


def some(length):
    """The ends, the middle and some between, of an axis."""
    return sorted({0, 1 % length, length // 3, length // 2, length - 1})


def places(size):
    return [(y, x) for y in some(size[0]) for x in some(size[1])]


def diagonal(size):
    """Fewer places, that hold every row and column of `places`."""
    rows, columns = map(some, size)
    count = max(len(rows), len(columns))
    return [(rows[min(n, len(rows) - 1)], columns[min(n, len(columns) - 1)]) for n in range(count)]


def assert_oracle(module, size, channels=(None, 0, 1, 2, -1)):
    torch.manual_seed(0)
    assert_seen(cs.Network(positive(module), size=size), "logits", channels)


def assert_seen(net, layer, channels):
    """The box of each neuron is that of the support of its gradient."""
    module, size, (units, *shape) = twin(net.module), net.preprocessing.size, net.layers[layer].shape
    every = np.array(places(shape))
    for channel in channels:
        index = slice(None) if channel is None else channel % units
        wanted = supports(module, size, index, every.tolist())
        if channel is None:
            assert receptive_boxes(net, layer, every).tolist() == wanted
            assert layer_field(net, layer).status == "exact"
        else:
            rows, columns = neuron_windows.neuron_windows(net, net.unit(f"{layer}:{index}"))[0]
            assert boxes(rows.seen[every[:, 0]], columns.seen[every[:, 1]]).tolist() == wanted
            for y, x in diagonal(shape):
                answer = net.receptive_field(f"{layer}:{index}@{y},{x}")
                assert ([*answer.box], answer.status) == (wanted[every.tolist().index([y, x])], "exact"), (
                    channel,
                    y,
                    x,
                )


def conv(inputs, outputs, kernel, **more):
    return nn.Conv2d(inputs, outputs, kernel, **more)


class Branches(nn.Module):
    """Paths of different strides and kernels, joined by cat and add."""

    def __init__(self):
        super().__init__()
        self.stem, self.relu = conv(3, 4, (3, 2), padding=(1, 0)), nn.ReLU()
        self.a, self.b = conv(4, 6, 3, stride=2, padding=1), conv(4, 6, (1, 5), stride=2, padding=(0, 2))
        self.c, self.pool = conv(4, 5, 7, stride=4, padding=3), nn.MaxPool2d(3, 2, 1)

    def forward(self, x):
        x = self.relu(self.stem(x))
        return torch.cat([self.pool(self.a(x) + self.b(x)), self.c(x)], 1)


class Dilated(nn.Module):
    """The holes of dilated kernels: the place at the edge is not always seen."""

    def __init__(self):
        super().__init__()
        self.a, self.b = conv(3, 4, 3, dilation=2, padding=2), conv(4, 4, 3, dilation=4, padding=3, stride=2)
        self.c = conv(4, 4, (2, 3), dilation=(3, 2), padding=(1, 2), groups=2)

    def forward(self, x):
        return self.c(self.b(self.a(x)))


class Uneven(nn.Module):
    """Kernels that are not square, uneven padding, sizes rounded up."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.pool = (
            conv(3, 4, (5, 2)),
            conv(4, 4, (2, 4), stride=(3, 2)),
            nn.MaxPool2d(3, 2, 1, 1, 0, True),
        )
        self.average = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)

    def forward(self, x):
        x = self.pool(self.a(F.pad(x, (0, 1, 3, 0))))
        return self.average(self.b(F.pad(x, (2, 0, 0, 1), mode="reflect")))


class Ignoring(nn.Module):
    """Valid convolutions that do not look at the last column, before padding that would reach it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = conv(3, 4, 2, stride=3), conv(4, 4, 5, padding=2)

    def forward(self, x):
        return self.b(self.a(x))


class Adaptive(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.bins = conv(3, 4, 3, padding=1), conv(4, 4, 2), nn.AdaptiveAvgPool2d((5, 7))

    def forward(self, x):
        return self.b(self.bins(self.a(x)))


class Growing(nn.Module):
    """Upsampling of all kinds, and the inverse of a convolution."""

    def __init__(self, mode):
        super().__init__()
        self.mode, self.a = mode, conv(3, 4, 3, stride=2)
        self.up = nn.ConvTranspose2d(4, 6, (3, 4), stride=(2, 3), padding=1, output_padding=(1, 0), groups=2)
        self.b = conv(6, 4, 3, padding=1)

    def forward(self, x):
        x = self.a(x)
        if self.mode == "transposed":
            return self.up(x)
        return self.b(F.interpolate(self.up(x), size=(41, 23), mode=self.mode))


class Resized(nn.Module):
    def __init__(self, **how):
        super().__init__()
        self.a, self.b, self.how = conv(3, 4, 3, padding=1), conv(4, 4, 3, padding=1), how

    def forward(self, x):
        return self.b(F.interpolate(self.a(x), **self.how))


class PixelShuffle(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = conv(3, 8, 3, padding=1), conv(2, 4, 3, padding=1)
        self.down, self.c = nn.PixelUnshuffle(3), conv(36, 4, 3, padding=1)

    def forward(self, x):
        return self.c(self.down(self.b(F.pixel_shuffle(self.a(x), 2))))


class Shuffled(nn.Module):
    """ShuffleNet: half of the channels go by, and all are dealt out again."""

    def __init__(self):
        super().__init__()
        self.stem = conv(3, 8, 3, stride=2, padding=1)
        self.branches = nn.ModuleList(
            nn.Sequential(conv(4, 4, 1), nn.ReLU(), conv(4, 4, k, padding=k // 2, groups=4)) for k in (3, 5)
        )

    def forward(self, x):
        x = self.stem(x)
        for branch in self.branches:
            a, b = x.chunk(2, 1)
            x = torch.cat([a, branch(b)], 1)
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return x


class ConvNeXt(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.depth = conv(3, 8, 4, stride=4), conv(8, 8, 7, padding=3, groups=8)
        self.norm, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 16), nn.Linear(16, 8)
        self.scale = nn.Parameter(torch.ones(8, 1, 1))

    def forward(self, x):
        x = self.stem(x)
        y = self.down(F.gelu(self.up(self.norm(self.depth(x).permute(0, 2, 3, 1)))))
        return x + self.scale * y.permute(0, 3, 1, 2)


class Pieces(nn.Module):
    """Channels with different windows, dealt out, split and put together in another order."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = conv(3, 2, 1), conv(3, 2, 5, padding=2), conv(3, 2, (2, 4), padding="same")
        self.deal, self.last = nn.ChannelShuffle(3), conv(6, 6, (1, 2), padding="same", dilation=(1, 3), groups=6)

    def forward(self, x):
        x = self.deal(torch.cat([self.a(x), self.b(x), self.c(x)], 1))
        first, second = x.split([2, 4], 1)
        return self.last(torch.cat([second[:, 1::2], first, second[:, ::2]], 1))


class Sliced(nn.Module):
    """Parts of maps, their joins along y, and one place of them."""

    def __init__(self, padding=0, rows=1):
        super().__init__()
        self.rows = rows
        self.a, self.b = conv(3, 4, 3, padding=1), conv(4, 4, (1, 3), padding=(padding, 1))

    def forward(self, x):
        x = self.a(x)
        x = x[:, :, ::3, 2:] if self.rows == 1 else torch.cat([x[:, :, ::3, 2:], x[:, :, 5:9, :-2]], 2)
        first, _, last = x.split([2, 1, 1], 1)
        return self.b(torch.cat([last, first[:, :1], x[:, 2:]], 1)) + x[:, :, :1, :1].amax((2, 3), keepdim=True)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(
    ("module", "size"),
    [
        (Branches, (41, 38)),
        (Dilated, (30, 27)),
        (Uneven, (33, 40)),
        (Ignoring, (21, 22)),
        (Adaptive, (23, 31)),
        (lambda: Growing("transposed"), (17, 14)),
        (lambda: Growing("nearest"), (17, 14)),
        (lambda: Growing("bilinear"), (17, 14)),
        (PixelShuffle, (15, 12)),
        (Shuffled, (25, 31)),
        (ConvNeXt, (40, 52)),
        (Pieces, (19, 16)),
        (Sliced, (26, 22)),
    ],
)
def test_the_box_is_the_support_of_the_gradient(module, size):
    assert_oracle(module(), size)


SIZES = [*({"scale_factor": s} for s in (0.5, 0.3, 1.7, (0.25, 2.0))), {"size": (5, 31)}]
WAYS = ["nearest", "nearest-exact", "area", "bilinear", "bicubic", "bilinear, antialias"]
RESIZES = [  # each way with two sizes, each size with two ways or three; the other pairs are left to the sweep
    pytest.param(size, how, marks=[] if (s - 2 * w) % 5 < 2 else pytest.mark.sweep)
    for w, how in enumerate(WAYS)
    for s, size in enumerate(SIZES)
]


@pytest.mark.parametrize(("size", "how"), RESIZES)
def test_the_box_through_a_resize_is_the_support_of_the_gradient(size, how):
    mode, _, antialias = how.partition(", ")
    smooth = {"antialias": True} if antialias else {}
    assert_oracle(Resized(mode=mode, **size, **smooth), (17, 14), channels=(None, 0))


def test_a_failed_export_says_nothing(capfd, monkeypatch):
    def loud(*_, **__):
        print("graph")
        print("graph", file=sys.stderr)
        logging.getLogger("torch").critical("graph")
        raise RuntimeError("no")

    monkeypatch.setattr(torch.export, "export", loud)
    net = cs.Network(positive(Resized(scale_factor=2)), size=(17, 14))
    assert net.receptive_field("logits:0").status == "upper bound"
    assert capfd.readouterr() == ("", "")


def test_a_branch_that_ends_in_padding_makes_it_a_bound():
    """The first row of one branch sees nothing, so its columns, followed by themselves, do not count there."""
    net = cs.Network(positive(Sliced(padding=1)), size=(26, 22))
    found = net.receptive_field("logits:0@0,0")
    assert (found.status, found.box) == ("upper bound", (0, 1, 2, 5))
    assert support(net.module, (26, 22), 0, 0, 0) == [0, 1, 2, 4]


def test_a_join_of_which_one_part_may_be_lost_later_makes_it_a_bound():
    """What the left branch sees of the first row is padding of the stem, and so are its columns there."""
    stem = nn.Sequential(nn.ZeroPad2d((-1, 2, 1, 2)), conv(3, 4, (2, 3), padding=1), nn.ZeroPad2d((-1, 0, 0, 0)))
    right = conv(4, 4, (4, 3), stride=(2, 1), padding=1, dilation=2)
    module = positive(Random(stem, nn.Identity(), right, cat=False))
    net = cs.Network(module, size=(37, 34))
    found = net.receptive_field("end:0@0,0")
    assert (found.status, found.box[1]) == ("upper bound", 1)
    assert support(module, (37, 34), 0, 0, 0)[1] == 2


def test_maps_joined_along_an_axis_of_places_make_it_a_bound():
    net = cs.Network(positive(Sliced(rows=2)), size=(26, 22))
    assert net.receptive_field("logits:0@0,0").status == "upper bound"


def layers(draw, channels):
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride, dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 2))), draw(st.integers(1, 2))
    padding = [draw(st.integers(0, k // 2)) for k in kernel]
    kind = draw(st.sampled_from(["conv", "conv", "grouped", "max", "average", "up", "padded"]))
    match kind:
        case "max" | "average":
            pool = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
            return pool(kernel, stride, tuple(padding), ceil_mode=draw(st.booleans()))
        case "up":
            return nn.Upsample(scale_factor=2, mode=draw(st.sampled_from(["nearest", "bilinear"])))
        case "padded":
            return nn.ZeroPad2d(draw(st.tuples(*[st.integers(-1, 2)] * 4)))
    groups = 2 if kind == "grouped" else 1
    return nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups)


class Random(nn.Module):
    def __init__(self, stem, left, right, cat):
        super().__init__()
        self.stem, self.left, self.right, self.cat = stem, left, right, cat
        self.end = conv(8 if cat else 4, 8, 1, groups=4)  # a module of which it is known where its channels are

    def forward(self, x):
        x = self.stem(x)
        a, b = self.left(x), self.right(x)
        b = F.interpolate(b, size=a.shape[2:])
        return self.end(torch.cat([a, b], 1) if self.cat else a + b)


@st.composite
def networks(draw):
    path = lambda count: nn.Sequential(*[layers(draw, 4) for _ in range(draw(st.integers(0, count)))])  # noqa: E731
    return Random(nn.Sequential(conv(3, 4, 1), *path(3)), path(2), path(2), draw(st.booleans()))


@settings(max_examples=12, deadline=None, phases=[Phase.generate])  # shrinking takes minutes
@given(networks())
def test_random_networks_see_what_their_gradients_say(module):
    size = (37, 34)
    try:
        out = positive(module)(torch.zeros(1, 3, *size).double())
    except RuntimeError:  # a map became too small
        return
    if min(out.shape[2:]) > 1:
        net = cs.Network(module, size=size)
        if net.receptive_field("logits").status == "exact":
            assert_seen(net, "logits", channels=(None, 0, 7))
        else:  # never less than what is seen
            top, left, bottom, right = net.receptive_field("logits:0@0,1").box
            wanted = support(twin(module), size, 0, 0, 1)
            assert top <= wanted[0] and left <= wanted[1] and bottom >= wanted[2] and right >= wanted[3]


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = conv(3, 4, 3, stride=2, padding=1), conv(4, 4, 1), conv(4, 4, 3, padding=1)

    def forward(self, x):
        x = self.a(x)
        return self.c(self.b(x.mean((2, 3), keepdim=True)).sigmoid() * x)


def test_gates_are_counted_in_the_box_and_not_in_the_local_one():
    net = cs.Network(Gated(), size=(32, 40))
    found = net.receptive_field("logits:1@3,4")
    assert (found.status, found.size, found.box) == ("whole input", (32, 40), (0, 0, 32, 40))
    assert found.local == (3, 5, 10, 12)
    assert receptive_boxes(net, "logits", np.array([[3, 4]])).tolist() == [[3, 5, 10, 12]]
    assert layer_field(net, "logits").rows[:2].tolist() == [[0, 4], [0, 6]]
    assert layer_field(net, "logits", gates=True).rows[:2].tolist() == [[0, 32]] * 2
    assert layer_field(net, "logits").status == "whole input"
    assert net.receptive_field("a").status == "exact"


def test_what_no_rule_knows_is_a_bound_and_not_a_claim():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.roll(x[:, :1], 1, 2)

    found = cs.Network(Odd(), size=8).receptive_field("logits:0@3,3")
    assert (found.status, found.box, found.size) == ("upper bound", (0, 0, 8, 8), (8, 8))


def test_arithmetic_with_one_number_of_the_whole_image_looks_at_everything():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, x):
            x = self.conv(x)
            return x - x.mean() / 2

    net = cs.Network(Scaled().eval(), size=16)
    assert net.receptive_field("conv:0@3,3").size == (3, 3)
    assert net.receptive_field("logits:0@3,3").size == (16, 16)


def test_a_module_that_cannot_be_exported_is_bounded_by_the_whole_input():
    class Deciding(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = conv(3, 2, 3)

        def forward(self, x):
            x = self.a(x)
            return x if float(x.sum().detach().numpy()) > 1e9 else -x

    net = cs.Network(Deciding(), size=8)
    found = net.receptive_field("a:0@0,0")
    assert (found.status, found.box, found.local) == ("upper bound", (0, 0, 8, 8), (0, 0, 8, 8))
    with pytest.raises(CannotExport):
        layer_field(net, "a")


def test_behind_a_global_operation_it_is_everything(tiny):
    assert receptive_boxes(tiny, "logits", np.zeros((1, 2), int)).tolist() == [[0, 0, 32, 32]]
    assert receptive_boxes(tiny, "0", np.array([[0, 0], [5, 6]])).tolist() == [[0, 0, 2, 2], [4, 5, 7, 8]]
    assert tiny.receptive_field("6:2").status == "whole input"


@pytest.mark.parametrize(
    ("norm", "status"),
    [(nn.BatchNorm2d(4), "exact"), (nn.GroupNorm(2, 4), "whole input"), (nn.InstanceNorm2d(4), "whole input")],
)
def test_norms_over_places_look_at_whole_maps(norm, status):
    net = cs.Network(nn.Sequential(conv(3, 4, 3, padding=1), norm.eval()), size=9)
    assert net.receptive_field("logits:0@4,4").status == status


@pytest.mark.parametrize(
    ("address", "error"),
    [("nowhere", UnknownLayer), ("0:99", UnknownUnit), ("0:1@99,0", UnknownUnit), ("0:x", UnknownUnit)],
)
def test_units_that_are_not_there(tiny, address, error):
    with pytest.raises(error):
        tiny.receptive_field(address)


REAL = {
    "googlenet": {"inception3a": "exact", "inception5b:1000": "exact", "fc": "whole input"},
    "densenet": {"features.denseblock1": "exact", "features.norm5": "exact"},
    "mobilenet_v2": {"features.18": "exact", "logits:1": "whole input"},
    "shufflenet_v2_x0_5": {"stage2": "exact", "stage4.3:191": "exact", "conv5": "exact"},
    "convnext": {"features.1": "exact", "features.7": "exact", "logits": "whole input"},
    "efficientnet": {"features.0": "exact", "features.4": "whole input", "features.8": "whole input"},
    "vit": {"conv_proj": "exact", "logits": "whole input"},
    "swin": {"features.1": "upper bound", "logits": "upper bound"},
}


def real(name):
    """The network, its graph found once with every layer that will be asked for."""
    net = cs.Network(random(name))
    if name != "swin":  # cannot be exported
        executed(net, *net.layers)
    return net


@pytest.mark.parametrize("name", some_of(REAL, "densenet", "efficientnet", "vit"))
def test_real_networks(name):
    net = real(name)
    for address, status in REAL[name].items():
        found = net.receptive_field(address)
        assert found.status == status, address
        top, left, bottom, right = found.local
        assert 0 <= top < bottom <= 224 and 0 <= left < right <= 224
        assert (status == "exact") == (found.box != (0, 0, 224, 224)) or found.size > (224, 224)


def test_the_embedded_network(lite0):
    assert lite0.receptive_field("conv_stem").size == (3, 3)
    assert lite0.receptive_field("blocks.0.0.conv_dw").size == (7, 7)
    assert lite0.receptive_field("logits:281").status == "whole input"


def test_many_layers_on_one_graph(tiny):
    found = neuron_windows.layer_fields(tiny, ["0", "4", "logits"])
    assert {name: len(one.rows) for name, one in found.items()} == {"0": 32, "4": 4, "logits": 1}
    for name, one in found.items():
        np.testing.assert_array_equal(one.rows, layer_field(tiny, name).rows)
