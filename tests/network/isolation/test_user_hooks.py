"""A user's own hooks: those that watch are never handed what is no real tensor, those that change keep their effect."""

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor

import convscope as cs

IMAGE = np.random.default_rng(8).integers(0, 256, (12, 12, 3), dtype=np.uint8)


class Watched:
    """A network whose convolution has hooks; `seen` is what the watching ones were handed."""

    def __init__(self, *changing):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.module = nn.Sequential(
                nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
            ).eval()
        self.seen = []
        self.module[0].register_forward_pre_hook(self.watch)
        self.module[1].register_forward_hook(lambda m, x, y: self.watch(m, (*x, y)))
        for hook in changing:
            self.module[0].register_forward_hook(hook)
        self.net = cs.Network(self.module, size=12)

    def watch(self, _module, inputs):
        for tensor in inputs:
            assert not isinstance(tensor, FakeTensor), "no real tensor"
            self.seen.append(tensor.detach().numpy().mean())  # as recording hooks do; a fake one has no numbers


ASKED = {
    "occlusion": lambda net: cs.occlusion(net, IMAGE, "logits:1", size=4, stride=4).values,
    "receptive field": lambda net: net.receptive_field("0:1@3,4").box,
    "scan": lambda net: cs.scan(net, [IMAGE], layers="0").statistics("0:1")["mean"],
    "saliency": lambda net: cs.saliency(net, IMAGE, "logits:1").values,
}


@pytest.mark.parametrize("name", ASKED)
def test_hooks_that_watch_see_real_tensors_and_change_nothing(name):
    watched, plain = Watched(), Watched()
    for part in plain.module:
        part._forward_hooks.clear()
        part._forward_pre_hooks.clear()
    hooks = [(list(part._forward_pre_hooks.items()), list(part._forward_hooks.items())) for part in watched.module]
    assert np.array_equal(ASKED[name](watched.net), ASKED[name](plain.net))
    assert watched.seen, "they are called where the module itself is"
    after = [(list(part._forward_pre_hooks.items()), list(part._forward_hooks.items())) for part in watched.module]
    assert after == hooks


def test_hooks_that_change_keep_their_effect():
    found = Watched(lambda m, x, y: y * y + 1)
    x = found.net.prepare(IMAGE)
    hidden = x.clone()
    hidden[..., 4:8, 4:8] = 0
    with torch.no_grad():
        drop = (found.module(x) - found.module(hidden))[0, 1].item()
        mean = found.module[0](x)[0, 1].mean().item()
    occluded = cs.occlusion(found.net, IMAGE, "logits:1", size=4, stride=4)
    assert occluded.drops[1, 1] == pytest.approx(drop, abs=1e-5)
    assert "dense_because" not in occluded.evidence or "cannot be exported" not in occluded.evidence["dense_because"]
    assert ASKED["scan"](found.net) == pytest.approx(mean, rel=1e-5)
    assert found.net.receptive_field("0:1@3,4").box == (3, 4, 6, 7)
