"""Ctrl-C at every line of what changes a module and undoes it: all is as before."""

import random
import sys
import threading

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base import undo
from convscope.network.isolation import alone, attributes, eager, frozen, hooks, modes, randomness
from convscope.network.layers import taps

IMAGE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
WATCHED = {module.__file__ for module in (frozen, hooks, alone, taps, eager, modes, randomness, attributes, undo)}
TECHNIQUES = {
    "saliency": lambda net: cs.saliency(net, IMAGE, "logits:1"),
    "guided": lambda net: cs.guided_backprop(net, IMAGE, "logits:1"),
    "gradcam": lambda net: cs.gradcam(net, IMAGE, "logits:1"),
    "predict": lambda net: net.predict(IMAGE),
}


def network():
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    module = nn.Sequential(*layers).train()
    module[1].eval()
    module[0].weight.requires_grad_(False)
    module[5].weight.grad = torch.ones_like(module[5].weight)
    module[2].register_forward_hook(lambda *given: None)
    return cs.Network(module, size=16)


def state(net):
    parameters = [(id(p), p.requires_grad, id(p.grad), p._version) for p in net.module.parameters()]
    parts = [(p.training, list(p._forward_hooks), list(p._forward_pre_hooks)) for p in net.module.modules()]
    buffers = [(id(b), b.tolist()) for b in net.module.buffers()]
    modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch._C._len_torch_function_stack()
    return parameters, parts, buffers, modes, torch.get_rng_state().tolist(), random.getstate(), net._settled


class Interrupt:
    """Raises KeyboardInterrupt at the line of this number of what is watched; `where` it was."""

    def __init__(self, number):
        self.left, self.where = number, ""

    def __call__(self, frame, event, _):
        return self.line if frame.f_code.co_filename in WATCHED else None

    def line(self, frame, event, _):
        if event == "line":
            self.left -= 1
            if self.left < 0:
                sys.settrace(None)
                self.where = f"{frame.f_code.co_qualname} {frame.f_lineno}"
                raise KeyboardInterrupt
        return self.line


@pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger or coverage watches lines itself")
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_an_interrupt_at_any_line_leaves_the_module_as_it_was(technique):
    net = network()
    TECHNIQUES[technique](net)
    before, number = state(net), 0
    while True:
        interrupt = Interrupt(number)
        sys.settrace(interrupt)
        try:
            TECHNIQUES[technique](net)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        if not interrupt.where:
            break
        assert state(net) == before, interrupt.where
        number += 3
    assert number > 100
    other = threading.Thread(target=TECHNIQUES[technique], args=(net,), daemon=True)
    other.start()
    other.join(120)
    assert not other.is_alive(), "the network stayed locked"
