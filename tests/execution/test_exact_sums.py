"""In bfloat16 gradients are those of float32 but for a few per cent, however many add up in one number."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.execution.exact_sums import Exact
from convscope.execution.features import along, looking

SIDE = 80
FIRST = torch.zeros(2000, dtype=torch.long)
OPERATIONS = {
    "area": lambda x: F.interpolate(x[..., :5, :5], size=(200, 160), mode="area"),
    "area, a little": lambda x: F.interpolate(x, size=(96, 90), mode="area"),
    "area, smaller": lambda x: F.interpolate(x, size=(20, 30), mode="area"),
    "nearest": lambda x: F.interpolate(x, scale_factor=20),
    "bilinear": lambda x: F.interpolate(x, scale_factor=20, mode="bilinear"),
    "adaptive mean": lambda x: F.adaptive_avg_pool2d(x[..., :3], (900, 96)),
    "adaptive mean of all": lambda x: F.adaptive_avg_pool2d(x, 1),
    "adaptive mean, 7": nn.AdaptiveAvgPool2d(7),
    "adaptive maximum": lambda x: F.adaptive_max_pool2d(x[..., :5, :5], 200),
    "mean of 33": lambda x: F.avg_pool2d(x, 33, 1),
    "mean of 33, named": lambda x: F.avg_pool2d(input=x, kernel_size=33, stride=(1, 1)),
    "mean of 3": nn.AvgPool2d(3, 1),
    "maximum of 33": nn.MaxPool2d(33, 1),
    "maximum of 33 and where": lambda x: F.max_pool2d(x, 33, 1, return_indices=True)[0],
    "torch's maximum of 33": lambda x: torch.max_pool2d(x, 33, 1),
    "maximum of 2": nn.MaxPool2d(2),
    "power mean of 33": nn.LPPool2d(2, 33, 1),
    "an index": lambda x: x[:, :, FIRST[:60]],
    "an index, many times": lambda x: x[:, :, FIRST, 2:9],
    "a list": lambda x: x[:, :, [3] * 900],
    "slices": lambda x: x[:, :, 1:5, None],
    "index_select": lambda x: torch.index_select(x, 2, FIRST),
    "take": lambda x: x.take(FIRST[None]),
    "unfolded": nn.Unfold(33),
    "transposed convolution": lambda x: F.conv_transpose2d(x, torch.ones(4, 4, 16, 16), stride=16),
    "repeated": lambda x: x.repeat(1, 1, 8, 8),
    "padded": lambda x: F.pad(x, [90] * 4, mode="replicate"),
}


class Followed(nn.Module):
    """An operation on pictures' first maps, whose numbers are told apart by eighths: nothing of them is rounded."""

    def __init__(self, operation):
        super().__init__()
        self.first, self.operation = nn.Conv2d(3, 4, 1), operation
        with torch.no_grad():
            self.first.weight.copy_(torch.eye(4)[:, :3, None, None])
            self.first.bias.fill_(1)

    def forward(self, x):
        return self.operation(self.first(x)).flatten(1).sum(1, keepdim=True)


def pictures():
    """Each color's maximum is at one place."""
    x = torch.randint(0, 6, (2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0)) / 8
    x[:, :, SIDE // 2, SIDE // 2] = 0.875
    return x


def slopes(operation, precision):
    net = cs.Network(Followed(operation), size=SIDE, mean=(0, 0, 0), std=(1, 1, 1))
    with looking(net, ["logits"], precision) as eye:
        return along(pictures(), lambda leaf: eye(leaf)["logits"][:, 0], "it")


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_in_half_precision_are_near(name):
    (_, exact), (_, half) = (slopes(OPERATIONS[name], precision) for precision in ("fp32", "bf16"))
    assert (half - exact).norm() < 0.04 * exact.norm() and exact.any()


def dtypes(operation, x):
    """What an operation computes in, seen by a mode within."""
    seen = []

    class Seen(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.extend(one.dtype for one in (*args, *(kwargs or {}).values()) if isinstance(one, torch.Tensor))
            return func(*args, **(kwargs or {}))

    with torch.autocast("cpu", dtype=torch.bfloat16), Seen(), Exact():
        found = operation(x)
    return set(seen), found.dtype


@pytest.mark.parametrize(
    ("operation", "wide"),
    [
        (nn.MaxPool2d(2), False), (nn.MaxPool2d(3, 2), False), (nn.MaxPool2d(3, 1), False), (nn.AvgPool2d(3, 1), False),
        (nn.AdaptiveAvgPool2d(1), False), (nn.AdaptiveAvgPool2d(7), False), (lambda x: x[:, :2, 1], False),
        (nn.MaxPool2d(5, 1), True), (nn.AvgPool2d(13, 1), True), (nn.AdaptiveAvgPool2d(99), True),
    ],
)  # fmt: skip
def test_poolings_of_ordinary_networks_stay_in_half_precision(operation, wide):
    x = torch.rand(1, 2, 16, 16, dtype=torch.bfloat16, requires_grad=True)
    seen, out = dtypes(operation, x)
    assert (torch.float32 in seen) is wide and out == torch.bfloat16
