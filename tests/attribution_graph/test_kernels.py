"""Kernels behind edges: their products with the slopes along them are the edges, of convolutions and linear layers."""

from __future__ import annotations

import pytest
import torch

from convscope.attribution_graph.edges import edges_into
from convscope.attribution_graph.kernels import kernels_into

from .test_flows import NETS, found, network


@pytest.mark.parametrize("name", ["chain", "by channel", "split", "shuffled", "pooled"])
def test_products_of_kernels_and_slopes_are_the_edges(name):
    _, flows, _ = found(network(NETS[name]), "logits:1")
    seen = 0
    for box in flows.graph.boxes[1:]:
        edges = edges_into(flows, box, range(box.count))
        pairs = [(int(unit), int(channel)) for channel, unit in torch.nonzero(edges)]
        kernels = kernels_into(flows, box, pairs)
        for (unit, channel), (kernel, slope) in zip(pairs, kernels, strict=True):
            if kernel.size:
                assert float((kernel * slope).sum()) == pytest.approx(float(edges[channel, unit]), rel=1e-11, abs=1e-14)
                seen += 1
    assert seen > 10


def test_a_kernel_is_the_slice_of_the_weights_and_a_pool_has_none():
    net = network(NETS["residual"])
    graph, flows, _ = found(net, "logits:1")
    image, first, *_ = graph.boxes.boxes
    kernel, _slope = kernels_into(flows, first, [(image.first + 1, 4)])[0]
    torch.testing.assert_close(torch.from_numpy(kernel), net.module.a.weight[4, 1].detach())
    assert kernels_into(flows, first, [(first.first, 4)])[0].shape == (2, 0, 0)
