"""Modules that `torch.compile` has seen, in either of its forms, give what they gave before and stay compiled."""

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs

IMAGE = np.random.default_rng(3).integers(0, 256, (10, 10, 3), dtype=np.uint8)


def plain():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3), nn.ReLU(), nn.Flatten()
        )


class Backend:
    """Compiles nothing and counts how often what it compiled is run."""

    def __init__(self):
        self.runs = 0

    def __call__(self, graph, _inputs):
        def run(*args):
            self.runs += 1
            return graph.forward(*args)

        return run


def compile_outside(module, backend):
    return torch.compile(module, backend=backend)


def compile_in_place(module, backend):
    module.compile(backend=backend)
    return module


def compile_inside(module, backend):
    return nn.Sequential(torch.compile(module[:3], backend=backend), *module[3:])


@pytest.mark.parametrize("warm", [True, False], ids=["run before", "not yet run"])
@pytest.mark.parametrize("compiled", [compile_outside, compile_in_place, compile_inside])
def test_a_compiled_module_is_read_eagerly_and_stays_compiled(compiled, warm):
    torch._dynamo.reset()
    backend = Backend()
    module = compiled(plain(), backend).eval()
    reference, net = cs.Network(plain(), size=10), cs.Network(module, size=10)
    x = net.prepare(IMAGE)
    with torch.no_grad():
        if warm:
            module(x)
        ran = backend.runs
        for technique in (cs.saliency, cs.guided_backprop, cs.deconvnet):
            found, wanted = technique(net, IMAGE, "logits:5"), technique(reference, IMAGE, "logits:5")
            assert np.array_equal(found.values, wanted.values)
            assert found.evidence == wanted.evidence
        assert net.predict(IMAGE) == reference.predict(IMAGE)
        assert backend.runs == ran, "compiled code would run around hooks and rules"
        module(x)
        assert backend.runs > ran, "the module must still be compiled afterwards"
