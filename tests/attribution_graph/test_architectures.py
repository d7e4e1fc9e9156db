"""Whole architectures close as the small ones do: ledger and edges, in double precision, with random weights."""

from __future__ import annotations

import pytest
import torch

import convscope as cs

from .test_flows import check, found, picture

torchvision = pytest.importorskip("torchvision")
MORE = [
    "resnet18", "resnet50", "densenet121", "mobilenet_v2", "mobilenet_v3_small", "googlenet", "efficientnet_b0",
    "shufflenet_v2_x1_0", "regnet_y_400mf", "convnext_atto", "lite0",
]  # fmt: skip
TIMM = {"lite0": "tf_efficientnet_lite0", "convnext_atto": "convnext_atto"}
SIDE = 64


def network(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if name in TIMM:
            timm = pytest.importorskip("timm")
            module = timm.create_model(TIMM[name], pretrained=False)
        else:
            more = {"init_weights": True, "aux_logits": False} if name == "googlenet" else {}
            module = torchvision.models.get_model(name, weights=None, **more)
    return cs.Network(module.double().eval(), size=SIDE, name=name)


@pytest.mark.sweep
@pytest.mark.parametrize("name", MORE)
def test_ledger_and_edges_of_whole_architectures_close(name):
    _, flows, value = found(network(name), "logits:3", picture(SIDE))
    check(flows, value)
