"""Modules that mix the images of a batch: every image is answered for as if it were alone."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.network.batch_size import fitting_batch_size, mixes

RNG = np.random.default_rng(6)
IMAGES = [RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(3)]
IMAGE = IMAGES[0]


class Mixer(nn.Module):
    """A convolution, what a module makes of the vectors of a batch, and a head; `first` is for its maps."""

    def __init__(self, way, first=None):
        super().__init__()
        self.conv, self.head, self.way = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), way
        self.first = nn.Identity() if first is None else first

    def forward(self, x):
        return self.head(self.way(self.first(self.conv(x)).relu().mean((2, 3))))


def distances(y):
    return y * torch.cdist(y, y).sum(1, keepdim=True).add(1)


def same(y):
    return y


WAYS = {
    "statistics of the batch": lambda: Mixer(same, nn.BatchNorm2d(4, track_running_stats=False)),
    "minus the mean": lambda: Mixer(lambda y: y - 0.5 * y.mean(0)),
    "batch_norm in training": lambda: Mixer(same, Trained()),
    "distances": lambda: Mixer(distances),
    "softmax over the batch": lambda: Mixer(lambda y: y * y.softmax(0)),
    "a batch size written in": lambda: Mixer(lambda y: y.view(1, 4)),
    "a batch size that goes unnoticed": lambda: Mixer(lambda y: y.view(1, -1, 4).mean(1)),
}


class Trained(nn.Module):
    def forward(self, x):
        return F.batch_norm(x, None, None, training=True)


@pytest.fixture(params=WAYS)
def net(request):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return cs.Network(WAYS[request.param]().eval().double(), size=8)


def scores(net, x):
    """Of each image alone."""
    with torch.no_grad():
        return torch.cat([net.module(one[None]) for one in x])


def test_a_module_that_mixes_is_found_and_never_given_two(net):
    assert mixes(net, "logits") and not mixes(net, "conv")
    assert (
        fitting_batch_size(net, "logits", 8)
        == fitting_batch_size(net, "logits")
        == 1
        < fitting_batch_size(net, "conv", 8)
    )


def test_ordinary_networks_do_not_mix(tiny):
    assert not any(mixes(tiny, layer) for layer in tiny.layers)


def test_a_list_of_images_is_predicted_one_by_one(net):
    wanted = [net.predict(image) for image in IMAGES]
    assert net.predict(IMAGES) == wanted
    chances = scores(net, torch.cat([net.prepare(image) for image in IMAGES])).softmax(1)
    assert [found[0][2] for found in wanted] == pytest.approx(chances.amax(1).tolist())


@pytest.mark.parametrize("technique", ["smoothgrad", "vargrad", "integrated_gradients", "rise"])
def test_batched_methods_give_what_single_passes_give(net, technique):
    knobs = {"rise": {"samples": 12}, "integrated_gradients": {"steps": 8, "limit": 8}}.get(technique, {"samples": 6})
    method = getattr(cs, technique)
    found = method(net, IMAGE, "logits:1", batch_size=4, **knobs)
    alone = method(net, IMAGE, "logits:1", batch_size=1, **knobs)
    np.testing.assert_allclose(found.values, alone.values, rtol=1e-6, atol=1e-9)
    assert "each was run alone" in found.evidence["one_by_one"]


def test_integrated_gradients_are_the_mean_of_the_gradients_on_the_way():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = cs.Network(WAYS["statistics of the batch"]().eval().double(), size=8)
    found = cs.integrated_gradients(net, IMAGE, "logits:1", steps=32, limit=512, batch_size=8)
    x = net.prepare(IMAGE)
    assert found.values.sum() == pytest.approx(float((scores(net, x) - scores(net, x * 0))[0, 1]), abs=0.05)


def test_curves_are_those_of_images_alone(net):
    found = cs.insertion_deletion(net, IMAGE, "logits:1", method="saliency", steps=4)
    assert found.values[0, 0] == pytest.approx(scores(net, net.prepare(IMAGE))[0, 1].item(), rel=1e-5)
    np.testing.assert_allclose(
        found.values, cs.insertion_deletion(net, IMAGE, "logits:1", method="saliency", steps=4, batch_size=1).values
    )


def test_a_perturbation_mask_and_a_maximized_picture_come_of_single_images(net):
    mask = cs.perturbation_mask(net, IMAGE, "logits:1", steps=2, seed=0)
    assert mask.value == pytest.approx(scores(net, net.prepare(IMAGE))[0, 1].item(), rel=1e-5)
    both = cs.maximize(net, ["logits:0", "logits:1"], steps=2, seed=0).images
    alone = cs.maximize(net, "logits:1", steps=2, seed=0).images
    assert both.shape == (2, *alone.shape[1:]) and np.isfinite(both).all()
    np.testing.assert_allclose(cs.maximize(net, ["logits:0", "logits:1"], steps=2, seed=0, batch_size=2).images, both)
