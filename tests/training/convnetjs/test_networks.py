"""The networks are those of the demos: the sizes and numbers of weights that their pages show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.training.convnetjs.networks import cifar10, mnist


@pytest.mark.parametrize(
    ("make", "weights", "shapes"),
    [
        (mnist, [208, 3216, 2570], [(8, 24, 24), (8, 12, 12), (16, 12, 12), (16, 4, 4)]),
        (cifar10, [1216, 8020, 10020, 3210], [(16, 32, 32), (16, 16, 16), (20, 16, 16), (20, 8, 8), (20, 4, 4)]),
    ],
)
def test_layers_are_as_published(make, weights, shapes):
    net = make()
    own = [sum(w.numel() for w in part.parameters()) for part in net.module if list(part.parameters())]
    assert own == weights
    found = [tuple(layer.shape) for layer in net.layers.values() if layer.kind in ("Conv2d", "MaxPool2d")]
    assert [shape for shape in shapes if shape not in found] == []
    assert len(net.labels) == 10


def test_weights_begin_as_in_convnetjs():
    torch.manual_seed(0)
    module = cifar10().module
    assert (module[3].bias == 0.1).all()
    assert (module[10].bias == 0).all()
    np.testing.assert_allclose(module[3].weight.std().item(), (16 * 25) ** -0.5, rtol=0.05)
