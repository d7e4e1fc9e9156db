"""Random weights that begin with a scale of zero: said, from the module itself, wherever they are looked at."""

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.zoo.silent_branches import silent_branches

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def zeroed(*which):
    module = nn.Sequential(nn.BatchNorm2d(2), nn.GroupNorm(1, 2), nn.LayerNorm(2), nn.BatchNorm2d(2, affine=False))
    for part in which:
        nn.init.zeros_(module[part].weight)
    return module


def test_norms_that_scale_by_zero_are_counted_and_the_first_is_named():
    assert silent_branches(zeroed(), "it") == ()
    (one,) = silent_branches(zeroed(1), "it")
    assert one.startswith("1 norm of it scales by zero with random weights, 1 first")
    (all_,) = silent_branches(zeroed(0, 1, 2), "it")
    assert all_.startswith("3 norms of it scale by zero with random weights, 0 first")
    partly = zeroed()
    with torch.no_grad():
        partly[0].weight[0] = 0
    assert silent_branches(partly, "it") == ()


def test_a_network_with_random_weights_says_so_and_its_results_too(tmp_path):
    net = cs.load("timm:resnet18", weights=None)
    (told,) = net.notices
    assert told.startswith("8 norms of timm:resnet18 scale by zero with random weights, layer1.0.bn2 first")
    assert cs.saliency(net, IMAGE, "logits:0").evidence["notice"] == told
    path = tmp_path / "a.pth"
    torch.save(net.module.state_dict(), path)
    assert cs.load("timm:resnet18", weights=path).notices == ()


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:tf_efficientnet_lite0"])
def test_others_say_nothing(name):
    net = cs.load(name, weights=None)
    assert net.notices == ()
    assert "notice" not in cs.saliency(net, IMAGE, "logits:0").evidence
