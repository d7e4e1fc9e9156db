"""Flows against slow programs: the ledger closes, and an edge is what zeroing its kernel slice takes away."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import Phase, given, settings
from torch import nn

import convscope as cs
from convscope.attribution_graph.edges import edges_into
from convscope.attribution_graph.unit_graph import UnitGraph
from convscope.base.unit import parse

from ..graph.test_receptive_field import networks

SIDE = 12


class Body(nn.Module):
    """A function of a module with two convolutions, norms and a head."""

    def __init__(self, function):
        super().__init__()
        self.a, self.norm, self.b = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Conv2d(6, 6, 3, padding=1)
        self.second, self.deep = nn.BatchNorm2d(6), nn.Conv2d(6, 6, 3, groups=6)
        self.squeeze, self.excite = nn.Conv2d(6, 2, 1), nn.Conv2d(2, 6, 1)
        self.layer, self.group, self.wide = nn.LayerNorm(6), nn.GroupNorm(2, 6), nn.Conv2d(12, 6, 1)
        self.query, self.head, self.flat = nn.Linear(6, 18), nn.Linear(6, 5), nn.Linear(6 * 16, 5)
        self.function = function
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.normal_(part.running_mean, std=0.3)
                nn.init.uniform_(part.running_var, 0.5, 2)
                nn.init.normal_(part.bias)
            if isinstance(part, nn.LayerNorm | nn.GroupNorm):
                nn.init.normal_(part.bias)

    def forward(self, x):
        return self.function(self, x)


def network(function, size=SIDE):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cs.Network(Body(function).double().eval(), size=size, name="body")


def picture(size=SIDE):
    return torch.randn(1, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def found(net, address, x=None):
    x = picture() if x is None else x
    graph = UnitGraph(net, parse(address), x)
    tape = graph.tape(x)
    return graph, graph.flows(tape), float(graph.read(tape.values[graph.end]))


def vector(net, x):
    return net.head(x.mean((2, 3)))


def start(net, x):
    return F.relu(net.norm(net.a(x)))


def gated(net, x):
    x = F.silu(net.norm(net.a(x)))
    return vector(net, net.b(x * net.excite(F.relu(net.squeeze(x.mean((2, 3), keepdim=True)))).sigmoid()))


def attending(net, x):
    tokens = net.layer(start(net, x).flatten(2).transpose(1, 2))
    query, key, value = net.query(tokens).chunk(3, -1)
    return net.head((tokens + F.scaled_dot_product_attention(query, key, value)).mean(1))


def again(net, x):
    x = start(net, x)
    for _ in range(3):
        x = F.relu(x + net.b(x))
    return vector(net, x)


def turned(net, x):
    x = start(net, x).permute(0, 2, 3, 1)
    return net.head(F.gelu(net.layer(x)).mean((1, 2)))


NETS = {
    "chain": lambda net, x: vector(net, F.relu(net.b(start(net, x)))),
    "residual": lambda net, x: vector(net, F.relu(net.second(net.b(start(net, x))) + start(net, x))),
    "joined": lambda net, x: vector(net, net.wide(torch.cat([start(net, x), net.b(start(net, x))], 1))),
    "pooled": lambda net, x: net.flat(F.max_pool2d(F.avg_pool2d(start(net, x), 3, 1, 1), 3).flatten(1)),
    "padded": lambda net, x: vector(net, net.b(F.pad(F.max_pool2d(start(net, x), 2), (0, 1, 0, 1)))),
    "depthwise": lambda net, x: vector(net, F.relu6(net.deep(start(net, x)) * 9)),
    "by channel": lambda net, x: vector(net, F.relu(net.deep(start(net, x)))),
    "split": lambda net, x: vector(net, net.b(torch.cat([*start(net, x).chunk(2, 1)][::-1], 1))),
    "shuffled": lambda net, x: vector(net, net.b(F.channel_shuffle(start(net, x), 3))),
    "grouped norm": lambda net, x: vector(net, net.b(net.group(start(net, x)))),
    "gated": gated,
    "attention": attending,
    "used again": again,
    "channels last": turned,
    "squared": lambda net, x: vector(net, start(net, x) * start(net, x)),
}
LINEAR = {"chain", "residual", "joined", "pooled", "padded", "split", "shuffled", "grouped norm", "used again"}


def every_edge(flows):
    return {box.end: edges_into(flows, box, range(box.count)) for box in flows.graph.boxes[1:]}


@pytest.mark.parametrize("name", NETS)
def test_the_ledger_closes_and_edges_are_what_flows_at_every_cut(name):
    graph, flows, value = found(network(NETS[name]), "logits:1")
    assert value == pytest.approx(float(graph.net.value(picture(), "logits:1")), rel=1e-12)
    check(flows, value)
    if name in LINEAR:
        assert all(abs(flows.row(box).remainder) < 1e-12 * abs(value) + 1e-13 for box in graph.boxes.boxes[1:])


def check(flows, value, tolerance=1e-12):
    """Inside boxes, between them, and from the image to the unit."""
    scale = max(abs(value), *(abs(flows.row(box).output) for box in flows.graph.boxes[1:]))
    rows, edges = {box.end: flows.row(box) for box in flows.graph.boxes[1:]}, every_edge(flows)
    for row in rows.values():
        assert row.inputs + row.bias + row.remainder == pytest.approx(row.output, abs=tolerance * scale)
    for name, into in edges.items():
        assert float(into.sum()) == pytest.approx(rows[name].inputs, abs=tolerance * scale)
    given = sum(into.sum(0) for into in edges.values())
    for box in flows.graph.boxes[:-1]:
        wanted = flows.flow(box.end)
        torch.testing.assert_close(given[box.first : box.first + box.count], wanted, rtol=0, atol=tolerance * scale)
    image = float(flows.flow(flows.graph.start).sum())
    total = image + sum(row.bias + row.remainder for row in rows.values())
    assert total == pytest.approx(value, abs=tolerance * scale)


class Watched:
    """A convolution in a forward of the module: its input, its output, and the slope along that."""

    def __init__(self, net, layer, address):
        self.part = net.module.get_submodule(layer)
        handle = self.part.register_forward_hook(self.keep)
        try:
            self.slope = torch.autograd.grad(net.module(picture())[0, parse(address).channel], self.output)[0]
        finally:
            handle.remove()

    def keep(self, _part, inputs, output):
        self.input, self.output = inputs[0].detach(), output

    def without(self, target, source):
        """What is missing of the unit, to first order, without one kernel slice; `source` counts all input channels."""
        part = self.part
        each = part.in_channels // part.groups
        if source // each != target // (part.out_channels // part.groups):
            return 0.0
        weight = part.weight.detach().clone()
        weight[target, source % each] = 0
        left = F.conv2d(self.input, weight, part.bias, part.stride, part.padding, part.dilation, part.groups)
        return float((self.slope * (self.output - left)).sum().detach())


@pytest.mark.parametrize(("name", "layer"), [("chain", "a"), ("chain", "b"), ("by channel", "deep"), ("split", "b")])
def test_an_edge_of_a_convolution_is_what_zeroing_its_kernel_slice_takes_away(name, layer):
    net = network(NETS[name])
    graph, flows, _ = found(net, "logits:2")
    watched = Watched(net, layer, "logits:2")
    convolutions = [one for one in graph.operations if one.kind == "conv2d"]
    (own,) = [one for one in convolutions if graph.graph.tensors.get(one.call.refs[-2]) == f"{layer}.weight"]
    edges = edges_into(flows, graph.boxes.box_of(own.name), range(6))
    owners = graph.boxes.units(own.inputs[0])[0, :, 0, 0].long()
    slices = [[watched.without(u, c) for c in range(len(owners))] for u in range(6)]
    wanted = torch.tensor(slices, dtype=torch.float64)
    assert wanted.abs().max() > 1e-3
    torch.testing.assert_close(edges[:, owners], wanted, rtol=0, atol=1e-12)
    assert float(edges.sum()) == pytest.approx(float(wanted.sum()))


def test_only_some_channels_are_asked_for_and_they_are_the_same():
    _, flows, _ = found(network(gated), "logits:0")
    for box in flows.graph.boxes[1:]:
        whole = edges_into(flows, box, range(box.count))
        some = [*range(box.count)][::2]
        torch.testing.assert_close(edges_into(flows, box, some), whole[some], rtol=1e-12, atol=1e-14)


def test_a_gate_is_not_counted_twice():
    _, flows, _ = found(network(gated), "logits:0")
    (gate,) = [box for box in flows.graph.boxes if any(one.kind == "mul" for one in box.operations)]
    row = flows.row(gate)
    product = next(one for one in gate.operations if one.kind == "mul")
    assert product.name in flows.integrated
    assert flows.sums(product)[1] == pytest.approx(0, abs=1e-12)
    signal = flows.through(product, product.inputs[0])
    assert signal == pytest.approx(row.output / 2)


@settings(max_examples=8, deadline=None, phases=[Phase.generate])  # shrinking takes minutes
@given(networks())
def test_random_networks_close_too(module):
    size = (19, 17)
    module.double().eval()
    try:
        out = module(torch.zeros(1, 3, *size).double())
    except RuntimeError:  # a map became too small
        return
    net = cs.Network(module, size=size)
    if min(out.shape[2:]) > 1:
        x = torch.randn(1, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        _, flows, value = found(net, "logits:3", x)
        check(flows, value)


def test_a_real_network_closes():
    torchvision = pytest.importorskip("torchvision")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torchvision.models.resnet18(weights=None).double().eval()
    net = cs.Network(module, size=32, name="resnet18")
    graph, flows, value = found(net, "logits:3", picture(32))
    rows = [flows.row(box) for box in graph.boxes.boxes[1:]]
    total = float(flows.flow(graph.boxes.start).sum()) + sum(row.bias + row.remainder for row in rows)
    assert total == pytest.approx(value, rel=1e-11)
    for box in graph.boxes.boxes[1::9]:
        own = edges_into(flows, box, range(box.count))
        assert float(own.sum()) == pytest.approx(flows.row(box).inputs, rel=1e-9, abs=1e-12 * abs(value))
