"""Sums a channel, in every layout, equal those of NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from convscope.training.statistics.channel_statistics import channel_axis, channel_sums, saturated_values


def some(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).relu()
    x.flatten()[:: x.numel() // 3] = torch.inf
    return x


LAYOUTS = {
    "planes": lambda: (some((3, 5, 7, 9)), 1),
    "channels last": lambda: (some((3, 5, 7, 9)).contiguous(memory_format=torch.channels_last), 1),
    "rows": lambda: (some((300, 6)), 1),
    "tokens": lambda: (some((3, 400, 6)), 2),
    "volumes": lambda: (some((2, 3, 4, 5, 6)), 1),
    "strided": lambda: (some((3, 10, 7, 9))[:, ::2], 1),
    "bfloat16": lambda: (some((3, 5, 7, 9)).bfloat16(), 1),
    "float64": lambda: (some((3, 5, 7, 9)).double(), 1),
    "one axis": lambda: (some((12,)), 0),
    "needs a gradient": lambda: (some((3, 5, 7, 9)).requires_grad_(), 1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_equal_the_slow_ones(layout):
    x, axis = LAYOUTS[layout]()
    values = np.moveaxis(x.detach().double().numpy(), axis, 0).reshape(x.shape[axis], -1)
    with np.errstate(invalid="ignore"):
        slow = np.stack([values.sum(1), (values**2).sum(1), (values == 0).sum(1), (~np.isfinite(values)).sum(1)])
    np.testing.assert_allclose(channel_sums(x, axis), slow, rtol=1e-5)
    assert not channel_sums(x, axis).requires_grad


def test_where_the_channels_are():
    assert channel_axis(nn.Conv2d(1, 1, 1), 4) == 1
    assert channel_axis(nn.Conv1d(1, 1, 1), 3) == 1
    assert channel_axis(nn.Linear(1, 1), 3) == 2
    assert channel_axis(nn.GELU(), 3) == 2
    assert channel_axis(nn.ReLU(), 2) == 1
    assert channel_axis(nn.ReLU(), 1) == 0


def test_saturated_values_are_those_where_a_layer_is_flat():
    x = torch.tensor([-20.0, 0.0, 20.0])
    for layer, count in ((nn.Sigmoid(), 2), (nn.Tanh(), 2), (nn.ReLU6(), 1), (nn.Hardtanh(), 2)):
        found = saturated_values(layer, layer(x))
        assert found is not None
        assert int(found) == count
    assert saturated_values(nn.ReLU(), x) is None
