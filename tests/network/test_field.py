"""Receptive fields: published sizes, and the support of gradients on networks that branch, dilate and pad unevenly."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.network.field import receptive_boxes


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("alexnet", {"features.11": 163, "features.12": 195}),
        ("vgg16", {"features.28": 196, "features.30": 212}),
        ("resnet18", {"layer1": 43, "layer2": 99, "layer3": 211, "layer4": 435}),
        ("resnet50", {"layer1": 35, "layer2": 91, "layer3": 267, "layer4": 427}),
    ],
)
def test_published_sizes(name, layers):
    net = cs.Network(cs.load(f"torchvision:{name}", weights=None).module, size=608)
    for layer, side in layers.items():
        middle = np.array([net.layers[layer].shape[1:]]) // 2
        top, left, bottom, right = receptive_boxes(net, layer, middle)[0]
        assert (bottom - top, right - left) == (side, side)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, (3, 2), padding="same"), nn.Conv2d(4, 4, 3, dilation=2, padding=(2, 1))
        self.c, self.gate = nn.Conv2d(4, 8, 3, stride=2), nn.Conv2d(8, 8, 1)

    def forward(self, x):
        x = self.a(F.pad(x, (0, 1, 2, 0)))
        y = F.max_pool2d(self.b(x), 3, 1, (1, 1))
        x = self.c(torch.cat([y[:, :2], x[:, 2:, :, : y.shape[3]]], 1) if y.shape == x.shape else y)
        return self.gate(x)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_gradients_stay_inside_and_reach_the_edges():
    torch.manual_seed(0)
    net = cs.Network(Branches().double(), size=(40, 36))
    x = torch.randn(1, 3, 40, 36, dtype=torch.float64)
    _, height, width = net.layers["gate"].shape
    for y, z in [(0, 0), (3, 7), (height - 1, width - 1), (height // 2, width // 2)]:
        support = torch.zeros(40, 36, dtype=torch.bool)
        for seed in range(20):  # a maximum looks at one place only: many pictures show all of them
            leaf = (x * (seed + 1)).sin().requires_grad_()
            net.module(leaf)[0, :, y, z].sum().backward()
            support |= (leaf.grad[0] != 0).any(0)
        top, left, bottom, right = receptive_boxes(net, "gate", np.array([[y, z]]))[0]
        rows, columns = np.flatnonzero(support.any(1).numpy()), np.flatnonzero(support.any(0).numpy())
        assert (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) == (top, bottom, left, right)


def test_behind_a_global_operation_it_is_everything(tiny):
    assert receptive_boxes(tiny, "logits", np.zeros((1, 2), int)).tolist() == [[0, 0, 32, 32]]
    assert receptive_boxes(tiny, "0", np.array([[0, 0], [5, 6]])).tolist() == [[0, 0, 2, 2], [4, 5, 7, 8]]
