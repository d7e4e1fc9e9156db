"""Where a network lies in space: nothing overlaps, arcs pass above, and the same comes out every time."""

from __future__ import annotations

import itertools
import random as chance

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convscope as cs
from convscope.explorer.space.folding import between, blocks_of_chain, folded
from convscope.explorer.space.lanes import lanes_of, longest_levels, paths
from convscope.explorer.space.layout import columns_and_rows, network_layout
from convscope.graph.layer_graph import layer_graph, passing_layers
from convscope.training.convnetjs.networks import mnist


@st.composite
def graphs(draw):
    """Layers that each read some of those before, and their shapes."""
    count = draw(st.integers(1, 24))
    inputs = {"0": ()}
    for number in range(1, count):
        read = draw(st.sets(st.integers(max(0, number - 6), number - 1), min_size=1, max_size=3))
        inputs[str(number)] = tuple(map(str, sorted(read)))
    side = st.integers(1, 40)
    shapes = st.one_of(st.tuples(st.integers(1, 300), side, side), st.tuples(st.integers(1, 2000)))
    return inputs, {name: draw(shapes) for name in inputs}


def check(inputs, shapes):
    """Levels grow along every wire, no two planes overlap in space or on the flat page, and arcs are above them."""
    found = network_layout(shapes, inputs)
    assert list(found.planes) == list(inputs)
    for one, two in itertools.combinations(found.planes.values(), 2):
        reach = (max(one.width, one.height) + max(two.width, two.height)) / 2
        assert max(abs(one.along - two.along), abs(one.across - two.across)) > reach
    for wire in found.wires:
        begin, end = found.planes[wire.source], found.planes[wire.target]
        assert begin.level < end.level and begin.along < end.along
        assert wire.points[0][:2] == (begin.along, begin.across) and wire.points[-1][:2] == (end.along, end.across)
        assert all(a[0] < b[0] for a, b in itertools.pairwise(wire.points))
        if wire.skips:
            lanes = sorted((begin.lane, end.lane))
            for plane in found.planes.values():
                if begin.level < plane.level < end.level and lanes[0] <= plane.lane <= lanes[1]:
                    assert min(point[2] for point in wire.points[1:-1]) > plane.height / 2
    return found


def longest_way(inputs, name):
    """The slow way: every way."""
    return max((1 + longest_way(inputs, other) for other in inputs[name]), default=0)


@given(graphs())
def test_any_graph_is_laid_out_without_overlap(graph):
    inputs, shapes = graph
    found = check(inputs, shapes)
    levels = longest_levels(inputs)
    assert {name: plane.level for name, plane in found.planes.items()} == levels
    last = list(inputs)[-1]
    assert levels[last] == longest_way(inputs, last)
    weights = dict.fromkeys(inputs, 1.0)
    ways = paths(inputs, weights)
    assert sorted(itertools.chain(*ways)) == sorted(inputs)
    assert all(one in inputs[two] for way in ways for one, two in itertools.pairwise(way))
    assert len(ways[0]) == max(levels.values()) + 1 and {lanes_of(inputs, levels, weights)[n] for n in ways[0]} == {0}


@given(graphs(), st.randoms())
def test_the_same_graph_lies_the_same_in_whatever_order_edges_are_told(graph, random: chance.Random):
    inputs, shapes = graph
    mixed = {name: tuple(random.sample(read, len(read))) for name, read in inputs.items()}
    assert network_layout(shapes, mixed).planes == network_layout(shapes, inputs).planes


def test_a_residual_block_and_a_branch_lie_as_by_hand():
    """In: a → b → c → d, a skip a → c past b in its lane, and a branch b → e → d beside c."""
    inputs = {"a": (), "b": ("a",), "c": ("a", "b"), "e": ("b",), "d": ("c", "e")}
    found = check(inputs, {"a": (3, 8, 8), "b": (4, 8, 8), "c": (16, 8, 8), "e": (4, 8, 8), "d": (4, 8, 8)})
    assert {name: (plane.level, abs(plane.lane)) for name, plane in found.planes.items()} == {
        "a": (0, 0), "b": (1, 0), "c": (2, 0), "e": (2, 1), "d": (3, 0)
    }  # fmt: skip
    assert [(wire.source, wire.target) for wire in found.wires if wire.skips] == [("a", "c")]
    assert found.planes["c"].width > found.planes["b"].width


def test_channels_are_arranged_as_a_square_or_in_a_row():
    assert columns_and_rows((64, 7, 7)) == (8, 8)
    assert columns_and_rows((8, 10, 40)) == (2, 4)
    assert columns_and_rows((10,)) == (10, 1)
    assert columns_and_rows((1000,)) == (32, 32)


def test_what_only_passes_on_shares_a_plane():
    """A norm and a rectifier; a block, by its last layer; a pool keeps its own plane, and maps are preferred."""
    inputs = {
        "input": (), "conv": ("input",), "bn": ("conv",), "relu": ("bn",), "block": ("relu",), "pool": ("block",),
        "flat": ("pool",), "sum": ("flat", "block"), "act": ("conv",),
    }  # fmt: skip
    shapes = dict.fromkeys(inputs, (4, 8, 8)) | {"flat": (256,), "sum": (256,)}
    each = dict.fromkeys(["bn", "relu", "flat", "act"], "each by itself")
    found = folded(inputs, {**each, "block": "same"}, shapes, {"sum"})
    assert "relu" in folded(inputs, {**each, "block": "same"}, shapes, {"block"})
    assert found == {
        "input": ("input",), "conv": ("conv",), "block": ("bn", "relu", "block"), "pool": ("pool", "flat"),
        "sum": ("sum",), "act": ("act",),
    }  # fmt: skip
    assert between(found, inputs) == {
        "input": (), "conv": ("input",), "block": ("conv",), "pool": ("block",), "sum": ("pool", "block"),
        "act": ("conv",),
    }  # fmt: skip


def test_in_a_chain_blocks_share_the_plane_of_their_last_part():
    shapes = {"input": (3, 8, 8), "a.0": (4, 8, 8), "a.1": (4, 8, 8), "a": (4, 8, 8), "ab": (4, 8, 8), "b": (5,)}
    assert blocks_of_chain(shapes) == {"a": "same"}


def in_space(net):
    """The planes of a network, as the page shows them at first."""
    inputs, passing = layer_graph(net), passing_layers(net)
    assert passing is not None
    shapes = {name: row.shape for name, row in net.layers.items()}
    planes = folded(inputs, passing, shapes)
    assert sorted(itertools.chain(*planes.values())) == sorted(net.layers)
    check(inputs, shapes)
    return check(between(planes, inputs), {name: shapes[name] for name in planes})


def test_lenet_is_a_chain_of_what_it_learned_and_pools():
    found = in_space(mnist())
    assert [*found.planes] == ["input", "1", "2", "4", "5", "logits"]
    assert not any(wire.skips or found.planes[wire.source].lane for wire in found.wires)


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("name", "planes", "lanes", "skips"),
    [
        ("resnet18", 32, 2, 5),  # an arc for each block without a convolution in its skip
        ("resnet50", 73, 2, 12),
        ("densenet121", 188, 1, 535),
        ("mobilenet_v2", 65, 1, 10),
        ("googlenet", 82, 4, 0),
    ],
)
def test_real_networks(name, planes, lanes, skips):
    found = in_space(cs.load(f"torchvision:{name}", weights=None))
    across = {plane.lane for plane in found.planes.values()}
    assert (len(found.planes), len(across), sum(wire.skips for wire in found.wires)) == (planes, lanes, skips)


@pytest.mark.sweep
def test_lite0_is_one_lane_and_an_arc_for_each_sum(lite0):
    found = in_space(lite0)
    assert {plane.lane for plane in found.planes.values()} == {0} and sum(wire.skips for wire in found.wires) == 9
