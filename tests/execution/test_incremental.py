"""Incremental runs against whole inputs through the module, in float64; windows by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.execution.dirty_windows import Interval
from convscope.execution.occluded import OccludedInputs, joined, ways
from convscope.graph.window import Reach

from ..short import random

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
IMAGE = np.random.default_rng(0).integers(0, 256, (120, 130, 3), dtype=np.uint8)


def interval(starts, side, length):
    starts = np.asarray(starts)
    return Interval(starts, np.minimum(starts + side, length) - 1)


def compare(net, tall, wide, tops, lefts, *layers, size=6):
    """The largest difference of the first way to whole inputs, relative to the largest value; and what it says."""
    height, width = net.preprocessing.size
    x = net.prepare(IMAGE)
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(x.shape, dtype=x.dtype, generator=generator)
    hiding = OccludedInputs(
        net, x, hidden, interval(tops, tall, height), interval(lefts, wide, width), layers or ("logits",)
    )
    first = ways(hiding, "fp32", size)[0]
    worst, seen = 0.0, 0
    with torch.no_grad():
        for batch in first.batches:
            found, wanted = first.run(batch), hiding.densely(joined(batch))
            seen += len(joined(batch).y)
            for layer, tensor in wanted.items():
                assert found[layer].shape == tensor.shape
                worst = max(worst, float((found[layer] - tensor).abs().max() / tensor.abs().max()))
    assert seen == len(tops) * len(lefts)
    return worst, first.evidence()


class Odd(nn.Module):
    """Asymmetric padding, dilation, kernels that are not square, strides of two kinds, joins, pools and a gate."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, (3, 5), stride=(2, 1), padding=(1, 0))
        self.norm = nn.BatchNorm2d(8)
        self.b = nn.Conv2d(8, 8, 3, dilation=(2, 3), padding="same")
        self.c = nn.Conv2d(8, 8, (4, 2), padding="same", bias=False)
        self.d = nn.Conv2d(16, 12, 3, stride=2, padding=1, groups=4)
        self.e = nn.Conv2d(12, 12, 1, stride=2)
        self.head = nn.Linear(12, 7)
        nn.init.normal_(self.norm.running_mean)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)

    def forward(self, x):
        x = F.relu6(self.norm(self.a(F.pad(x, (0, 3, 2, 0)))))
        y = self.b(x).relu_()
        x = torch.cat([F.max_pool2d(x, 3, 1, 1), F.gelu(self.c(y)) - y * 0.5], 1)
        x = F.avg_pool2d(self.d(x).clamp(min=0), 3, 2, padding=1)
        x = F.max_pool2d(self.e(x), 2, 2, ceil_mode=True)
        return self.head(F.hardtanh(x, -3, 3).mean((2, 3)))


def odd(size=(61, 53)):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cs.Network(Odd().double().eval(), size=size, name="odd")


def zoo(name, size):
    module = cs.load(name, weights=None).module if ":" in name else random(name)
    return cs.Network(module.double(), size=size)


BORDERS = {77: ([0, 1, 70], [7, 40, 75]), 97: ([0, 5, 84], [3, 50, 96])}


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("vgg16", 77), ("resnet18", 97), ("densenet", 97),
        *(pytest.param(name, 97, marks=pytest.mark.sweep)
          for name in ("googlenet", "mobilenet_v2", "timm:tf_efficientnet_lite0")),
    ],
)  # fmt: skip
def test_real_networks_of_odd_sizes_with_patches_at_every_border(name, size):
    tops, lefts = BORDERS[size]
    worst, evidence = compare(zoo(name, size), 14, 9, tops, lefts)
    assert worst < 1e-10
    assert evidence["windowed_convolutions"] > 3 and evidence["work_saved"] > 1.2


def test_lite0_itself_in_float64_at_its_own_size(lite0):
    import copy

    net = cs.Network(copy.deepcopy(lite0.module).double(), size=224, mean=(0.498,) * 3, std=(0.502,) * 3)
    worst, evidence = compare(net, 32, 32, [0, 96, 192], [8, 191])
    assert worst < 1e-10 and evidence["work_saved"] > 1.4


@pytest.mark.parametrize("batch", [1, 5, 400])
def test_an_odd_network_at_stride_one(batch):
    worst, evidence = compare(odd(), 6, 4, range(30, 56), range(0, 53, 4), size=batch)
    assert worst < 1e-10 and evidence["windowed_convolutions"] == 5


@settings(deadline=None, max_examples=8)
@given(st.data())
def test_an_odd_network_of_any_size_and_patch(data):
    height, width = data.draw(st.integers(24, 64)), data.draw(st.integers(24, 64))
    tall, wide = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    tops = data.draw(st.lists(st.integers(0, height - 1), min_size=1, max_size=4, unique=True).map(sorted))
    lefts = data.draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=4, unique=True).map(sorted))
    worst, _ = compare(odd((height, width)), tall, wide, tops, lefts, size=data.draw(st.integers(1, 20)))
    assert worst < 1e-10


def test_hidden_layers_and_logits_in_one_run():
    worst, _ = compare(odd(), 8, 8, [0, 20, 53], [0, 30, 45], "norm", "d", "logits")
    assert worst < 1e-10


def test_layers_with_channels_last():
    net = zoo("swin", 64)
    layer = next(name for name, row in net.layers.items() if row.layout == "NHWC")
    worst, evidence = compare(net, 8, 8, [0, 40, 56], [0, 24], layer, "logits")
    assert worst < 1e-10 and "dense_because" in evidence


def test_global_gates_make_it_dense_and_it_says_so():
    worst, evidence = compare(zoo("efficientnet_b0", 96), 12, 12, [0, 80], [40])
    assert worst < 1e-10
    assert "adaptive_avg_pool2d looks at the whole map" in evidence["dense_because"]


ELEMENTWISE = {
    "where": lambda x: torch.where(x > 0, x, F.max_pool2d(x, 3, 1, 1)),
    "masked_fill": lambda x: x.masked_fill(x > 0.3, 0.5),
    "comparisons": lambda x: x * x.ge(0.1) * x.ne(2) + x * x.le(-0.5) + x * x.lt(-0.2) + x * x.eq(0.1),
    "log_sigmoid": F.logsigmoid,
    "softsign": F.softsign,
    "threshold": lambda x: F.threshold(x, 0.2, -1.0),
    "addcmul": lambda x: torch.addcmul(x, x, x.sigmoid()),
    "rrelu": F.rrelu,
    "rounded": lambda x: x.sin() + x.cos() + x.erf() + x.atan() + x.abs().log1p() + (3 * x).round() + (3 * x).floor(),
    "sign": lambda x: x.sign() * x.square(),
    "instance_norm": nn.InstanceNorm2d(6, track_running_stats=True).double().eval(),
    "batch_norm": nn.BatchNorm2d(6).double().eval(),
    "prelu": nn.PReLU(6).double(),
}


class Between(nn.Module):
    """Something between two convolutions."""

    def __init__(self, between):
        super().__init__()
        self.a, self.b, self.between = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1), between
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        return self.head(self.b(self.between(self.a(x))).mean((2, 3)))


@pytest.mark.parametrize("kind", ELEMENTWISE)
def test_windows_go_through_whatever_is_done_to_each_place_alike(kind):
    net = cs.Network(Between(ELEMENTWISE[kind]).double().eval(), size=(40, 36))
    worst, evidence = compare(net, 6, 5, [0, 17, 34], [0, 13, 31])
    assert worst < 1e-10 and evidence["windowed_convolutions"] == 2


@pytest.mark.parametrize("shape", [(34,), (38, 1), (1, 6, 38, 34)], ids=str)
def test_constants_that_differ_from_place_to_place_stop_them(shape):
    weights = torch.rand(shape, dtype=torch.float64)
    net = cs.Network(Between(lambda x: x * weights).double().eval(), size=(40, 36))
    worst, evidence = compare(net, 6, 5, [0, 17, 34], [0, 13, 31])
    assert worst < 1e-10 and evidence["windowed_convolutions"] == 1


class Python(nn.Module):
    """Takes another path by its numbers, which no export can follow."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.conv(x)
        return x.mean((2, 3)) if float(x.sum()) > 0 else x.amax((2, 3))


class Mixes(nn.Module):
    """Takes the statistics of the batch, so that an image's scores depend on its neighbours."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)

    def forward(self, x):
        return self.norm(self.conv(x)).relu().mean((2, 3))


def test_what_cannot_be_exported_is_dense_and_it_says_so():
    worst, evidence = compare(cs.Network(Python().double(), size=20), 5, 5, [0, 15], [3], size=1)
    assert worst == 0 and "cannot be exported" in evidence["dense_because"]


def test_a_module_that_mixes_the_images_of_a_batch_is_asked_one_by_one():
    net = cs.Network(Mixes(), size=24)
    found = cs.occlusion(net, IMAGE, "logits:2", size=8, stride=4)
    assert "each was run alone" in found.evidence["one_by_one"] and found.evidence["relative_difference"] < 1e-6
    x = net.prepare(IMAGE)
    hidden = x.clone()
    hidden[..., 4:12, 8:16] = 0
    with torch.no_grad():
        alone = net.module(x)[0, 2] - net.module(hidden)[0, 2]
    assert found.drops[1, 2] == pytest.approx(alone.item(), abs=1e-5)


def test_a_graph_that_cannot_be_run_gives_way_to_the_module(tiny, monkeypatch):
    def fail(*_):
        raise RuntimeError("not for this type")

    monkeypatch.setattr("convscope.execution.incremental.Incremental.maps", fail)
    found = cs.occlusion(tiny, IMAGE, "logits:2", size=8)
    assert "the graph failed" in found.evidence["dense_because"] and np.isfinite(found.values).all()


def test_maps_of_a_hidden_layer_are_not_held_together(tiny):
    x = tiny.prepare(IMAGE)
    places = interval(range(0, 24, 2), 8, 32)
    several = ways(OccludedInputs(tiny, x, x * 0, places, places, ("2", "logits")), "fp32", 4)[0].batches
    assert {len(batch) for batch in several} == {1} and len(several) > 20


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 5), st.integers(1, 4), st.integers(0, 4), st.integers(1, 3), st.integers(8, 24), st.data()
)  # fmt: skip
def test_reach_is_what_a_convolution_does(kernel, stride, before, dilation, size, data):
    reach = Reach(kernel, stride, before, dilation)
    if size + 2 * before < reach.span:
        return
    weight, x = torch.ones(1, 1, kernel), torch.zeros(1, 1, size)
    low = data.draw(st.integers(0, size - 1))
    high = data.draw(st.integers(low, size - 1))
    x[..., low : high + 1] = 1
    y = F.conv1d(x, weight, None, stride, before, dilation)[0, 0]
    touched = np.flatnonzero(y.numpy())
    first, last = (int(v[0]) for v in reach.touched(np.array([low]), np.array([high]), len(y)))
    assert all(first <= place <= last for place in touched)
    if len(touched) and dilation == 1 and kernel >= stride:
        assert (first, last) == (touched[0], touched[-1])
    leaf = torch.zeros(1, 1, size, requires_grad=True)
    place = data.draw(st.integers(0, len(y) - 1))
    F.conv1d(leaf, weight, None, stride, before, dilation)[0, 0, place].backward()
    support = np.flatnonzero(leaf.grad.numpy())
    start, end = (int(v[0]) for v in reach.sees(np.array([place]), np.array([place])))
    inside = [n for n in range(start, end + 1, dilation) if 0 <= n < size]
    assert support.tolist() == inside


def test_nothing_of_the_module_is_changed(tiny):
    before = {name: value.clone() for name, value in tiny.module.state_dict().items()}
    tiny.module.train()
    cs.occlusion(tiny, IMAGE, "logits:2", size=8)
    assert all(torch.equal(value, before[name]) for name, value in tiny.module.state_dict().items())
    assert tiny.module.training and all(p.requires_grad and p.grad is None for p in tiny.module.parameters())
    assert not any(part._forward_hooks for part in tiny.module.modules())
