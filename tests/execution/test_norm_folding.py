"""Folding: norms go into convolutions that nothing else reads, into no others, and nothing comes out differently."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from convscope.execution.norm_folding import Folded, Listening

SIDE = 9


class Net(nn.Module):
    """A stem, `body` on it, and a second layer, so that what is wrong inside shows at the end."""

    def __init__(self, body):
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.other, self.end = nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)
        self.bare = nn.Conv2d(4, 4, 3, stride=2, padding=1, bias=False)
        self.grouped = nn.Conv2d(4, 8, 3, groups=2, padding=2, dilation=2, padding_mode="reflect")
        self.wide = nn.BatchNorm2d(8, affine=False)
        self.live = nn.BatchNorm2d(4, track_running_stats=False)
        self.body = body
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None:
                part.running_mean.normal_()
                part.running_var.uniform_(0.3, 3)
            if isinstance(part, nn.BatchNorm2d) and part.affine:
                nn.init.normal_(part.weight)
                nn.init.normal_(part.bias)

    def forward(self, x):
        x = self.body(self, F.relu(self.stem(x)))
        return self.end(F.relu(x[:, :4]))


def functional(norm, **given):
    names = ("running_mean", "running_var", "weight", "bias")
    return {name: getattr(norm, name) for name in names} | given


def residual(net, x):
    y = net.conv(x)
    return net.norm(y) + y


def in_place(net, x):
    y = net.conv(x)
    y += 1
    return net.norm(y)


def two_norms(net, x):
    y = net.conv(x)
    return net.norm(y) + net.other(y)


def read_by_data(net, x):
    y = net.conv(x)
    return net.norm(y) * y.data.mean()


def reused_after(net, x):
    return net.conv(net.norm(net.conv(x)))


def ids_come_back(net, x):
    """Norms of what is gone by the time a convolution makes a tensor at the same place in memory."""
    for _ in range(20):
        x = net.norm(x * 1.0)
    return net.other(net.conv(x))


def ids_of_norms_come_back(net, x):
    kept = [net.norm(x * 1.0) for _ in range(5)]
    return net.conv(x).relu() + kept[0]


FOLDED = {
    "bias": lambda net, x: net.norm(net.conv(x)),
    "no bias": lambda net, x: net.norm(net.bare(x)),
    "groups, no affine": lambda net, x: net.wide(net.grouped(x)),
    "then in place": lambda net, x: net.norm(net.conv(x)).relu_(),
    "functional": lambda net, x: F.batch_norm(net.conv(x), **functional(net.norm)),
    "functional, other eps": lambda net, x: F.batch_norm(net.conv(x), **functional(net.norm, eps=0.5)),
    "functional, no affine": lambda net, x: F.batch_norm(net.conv(x), **functional(net.norm, weight=None, bias=None)),
    "by name": lambda net, x: F.batch_norm(input=net.conv(x), **functional(net.norm)),
    "functional convolution": lambda net, x: net.norm(F.conv2d(x, net.bare.weight, stride=2)),
    "its shape is looked at": lambda net, x: net.norm(y := net.conv(x)) * y.shape[1] * y.dim() / y.size(2),
    "one norm for two": lambda net, x: net.norm(net.conv(x))[:, :, ::2, ::2] + net.norm(net.bare(x))[:, :, :5, :5],
    "ids come back": ids_come_back,
}
EACH = {  # heard, and then never met again
    "weights made on the spot": lambda net, x: net.norm(F.conv2d(x, net.bare.weight * 2)),
}
LEFT = {
    "residual on the convolution": residual,
    "changed in place between": in_place,
    "two norms": two_norms,
    "read by data": read_by_data,
    "in a list": lambda net, x: torch.cat([(y := net.conv(x)), net.norm(y)]),
    "reused weight": lambda net, x: net.norm(net.conv(x)) + net.conv(net.norm(net.conv(x))),
    "reused weight, two norms": lambda net, x: net.other(net.conv(net.norm(net.conv(x)))),
    "reused weight after": reused_after,
    "statistics of the batch": lambda net, x: net.live(net.conv(x)),
    "functional training": lambda net, x: F.batch_norm(net.conv(x), None, None, training=True),
    "norm before": lambda net, x: net.conv(net.norm(x)),
    "transposed": lambda net, x: net.norm(F.conv_transpose2d(x, net.bare.weight)),
    "ids of norms come back": ids_of_norms_come_back,
    "rectified between": lambda net, x: net.norm(net.conv(x).relu()),
}


def network(body):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net(body).eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("body", "folds"),
    [pytest.param(body, True, id=name) for name, body in (FOLDED | EACH).items()]
    + [pytest.param(body, False, id=name) for name, body in LEFT.items()],
)
def test_what_is_folded_and_that_it_makes_no_difference(body, folds):
    net = network(body)
    x = torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    before = {name: t.clone() for name, t in net.state_dict().items()}
    heard = Listening()
    with heard:
        net(x[:1])
    assert bool(heard.pairs) is folds
    plain, folded = x.clone().requires_grad_(), x.clone().requires_grad_()
    wanted, mode = net(plain), Folded(heard)
    for _ in range(2):
        with mode:
            found = net(folded)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())
    weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(2))
    one, two = (
        torch.autograd.grad((wanted * weights).sum(), plain)[0],
        torch.autograd.grad((found * weights).sum(), folded)[0],
    )
    torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-4 * one.abs().max().item())
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    assert torch.equal(net(x), wanted), "outside the block nothing is folded"


def test_folding_is_the_textbooks():
    net = network(FOLDED["bias"])
    heard = Listening()
    with heard:
        net(torch.zeros(1, 3, SIDE, SIDE))
    ((weight, norm),) = heard.pairs.values()
    assert weight is net.conv.weight
    for c in range(4):
        scale = net.norm.weight[c] / (net.norm.running_var[c] + 1e-5) ** 0.5
        torch.testing.assert_close(norm.scale[c], scale)
        torch.testing.assert_close(norm.shift[c], net.norm.bias[c] - scale * net.norm.running_mean[c])


def test_what_is_read_outside_is_left():
    net = network(FOLDED["bias"])
    heard, seen = Listening(), []
    hook = net.conv.register_forward_hook(lambda module, given, made: seen.append(made))
    with heard:
        net(torch.zeros(1, 3, SIDE, SIDE))
    hook.remove()
    assert heard.pairs
    heard.reads(*seen)
    assert not heard.pairs


def test_a_forward_that_fails_midway_leaves_nothing_wrong():
    net, fail = network(FOLDED["bias"]), [False]

    def maybe(module, given):
        if fail[0]:
            raise RuntimeError("stop")

    net.norm.register_forward_pre_hook(maybe)
    x = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    heard = Listening()
    with heard:
        net(x)
    mode = Folded(heard)
    for failing in (True, False, True, False):
        fail[0] = failing
        if failing:
            with pytest.raises(RuntimeError, match="stop"), mode:
                net(x)
        else:
            with mode:
                found = net(x)
            torch.testing.assert_close(found, net(x), rtol=1e-4, atol=1e-5)
