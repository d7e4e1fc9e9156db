"""Taps: the tensors at layers as they were when the layer spoke, and a forward that goes no deeper than it must."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import ForwardFailed

IMAGE = np.random.default_rng(4).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def network(module, **how):
    return cs.Network(module, size=8, mean=(0.5,) * 3, std=(0.5,) * 3, **how)


@pytest.fixture(autouse=True)
def same_weights():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield


@pytest.mark.parametrize(
    "overwrite", [nn.ReLU(inplace=True), lambda x: x.relu_(), lambda x: x.zero_(), lambda x: x.add_(1)]
)
def test_an_in_place_layer_does_not_overwrite_the_tap_before_it(overwrite):
    class Overwritten(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.over, self.head = nn.Conv2d(3, 4, 3), overwrite, nn.Conv2d(4, 2, 3)

        def forward(self, x):
            return self.head(self.over(self.conv(x))).flatten(1)

    net = network(Overwritten())
    x = net.prepare(IMAGE)
    with torch.no_grad():
        wanted = net.module.conv(x)
        tapped = net.read(x, "head", "conv", "logits")
    assert (wanted < 0).any()
    assert torch.equal(tapped["conv"], wanted)
    assert torch.equal(tapped["logits"], net.module(x))
    np.testing.assert_array_equal(cs.activations(net, IMAGE, "conv").values, wanted[0].numpy())


def test_what_is_read_hangs_on_no_weights_even_where_gradients_are_on():
    net = network(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()))
    assert not any(tensor.requires_grad for tensor in net.read(net.prepare(IMAGE), "0", "logits").values())


def test_an_in_place_first_layer_does_not_overwrite_the_input():
    net = network(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 2, 3), nn.Flatten()))
    x = net.prepare(IMAGE)
    before = x.clone()
    tapped = net.read(x, "input", "1")
    assert torch.equal(tapped["input"], before)
    assert torch.equal(x, before)


class Ends(nn.Module):
    """Four steps; the one called `bomb` counts and, when armed, raises. `catch` swallows what the steps raise."""

    def __init__(self, catch=()):
        super().__init__()
        self.early, self.deep, self.bomb, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), Bomb(), nn.Conv2d(5, 2, 1)
        self.catch = catch

    def forward(self, x):
        try:
            return self.last(self.bomb(self.deep(self.early(x)))).mean((2, 3))
        except self.catch:
            return torch.zeros(1, 2)


class Bomb(nn.Module):
    armed, calls = False, 0

    def forward(self, x):
        self.calls += 1
        if self.armed:
            raise RuntimeError("It went off.")
        return x


@pytest.mark.parametrize("catch", [(), Exception, BaseException])
@pytest.mark.parametrize("layers", [["early"], ["deep"], ["early", "deep"], ["deep", "input", "early"], ["input"]])
def test_the_forward_stops_at_the_deepest_layer_asked_for(layers, catch):
    net = network(Ends(catch))
    assert net.layers
    net.module.bomb.armed, net.module.bomb.calls = True, 0
    tapped = net.read(net.prepare(IMAGE), *layers)
    assert list(tapped) == layers
    assert net.module.bomb.calls == 0
    assert {name: tuple(tensor.shape[1:]) for name, tensor in tapped.items()} == {
        name: net.layers[name].shape for name in layers
    }


@pytest.mark.parametrize("ask", [cs.saliency, cs.activations])
def test_each_technique_runs_no_deeper_than_its_unit(ask):
    net = network(Ends())
    ask(net, IMAGE, "deep")  # what is looked up but once may take a whole forward
    net.module.bomb.armed, net.module.bomb.calls = True, 0
    assert ask(net, IMAGE, "deep").values.any()
    assert net.module.bomb.calls == 0
    for deeper in ("bomb", "last", "logits"):
        with pytest.raises(ForwardFailed, match="It went off") as caught:
            ask(net, IMAGE, deeper)
        assert isinstance(caught.value.__cause__, RuntimeError)


class Reuses(nn.Module):
    """One ReLU module, in place or not, and one convolution, each called several times."""

    def __init__(self, inplace):
        super().__init__()
        self.conv, self.act, self.head = nn.Conv2d(3, 3, 3), nn.ReLU(inplace), nn.Linear(3, 2)

    def forward(self, x):
        for _ in range(3):
            x = self.act(self.conv(x))
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize("inplace", [False, True])
def test_a_reused_module_is_read_at_its_last_call(inplace):
    net = network(Reuses(inplace))
    conv = net.module.conv
    with torch.no_grad():
        last = conv(F.relu(conv(F.relu(conv(net.prepare(IMAGE))))))
    assert list(net.layers) == ["input", "conv", "act", "head", "logits"]
    assert (net.layers["conv"].calls, net.layers["act"].calls, net.layers["head"].calls) == (3, 3, 1)
    for name, wanted in (("conv", last), ("act", F.relu(last))):
        found = cs.activations(net, IMAGE, name)
        np.testing.assert_array_equal(found.values, wanted[0].numpy())
        assert "3 times" in found.evidence["calls"]
        assert net.layers[name].shape == (3, 2, 2)
        assert cs.saliency(net, IMAGE, name).value == pytest.approx(wanted.sum().item(), rel=1e-5)


def test_calls_whose_output_is_no_layer_do_not_count():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.act, self.conv = nn.ReLU(), nn.Conv2d(3, 4, 3)

        def forward(self, x):
            tokens = self.act(x.flatten(2))
            return self.act(self.conv(x)).mean((2, 3)) + tokens.mean()

    net = network(Shared())
    with torch.no_grad():
        wanted = net.module.conv(net.prepare(IMAGE)).relu()[0].numpy()
    assert net.layers["act"].shape == wanted.shape
    np.testing.assert_array_equal(cs.activations(net, IMAGE, "act").values, wanted)


def test_a_layer_that_is_not_run_this_time_is_reported():
    class Sometimes(Ends):
        def forward(self, x):
            return self.last(self.deep(self.early(x)) if not self.bomb.armed else x.new_zeros(1, 5, 2, 2)).mean((2, 3))

    net = network(Sometimes())
    assert "deep" in net.layers
    net.module.bomb.armed = True
    with pytest.raises(ForwardFailed, match="did not run deep this time"):
        net.settled(lambda: net.read(net.prepare(IMAGE), "deep"))
