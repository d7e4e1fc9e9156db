"""What the digest covers: all that a network's numbers hang on beside its saved tensors, and nothing else."""

import functools
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs

HERE = Path(__file__)


class Head(nn.Module):
    """A linear layer, and attributes of any kind."""

    def __init__(self, **attributes):
        super().__init__()
        self.f = nn.Linear(3, 2)
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.f(x.mean((2, 3)))


class Settings:
    """A plain object that holds values."""

    def __init__(self, scale):
        self.scale = scale


def times(factor):
    return lambda x: x * factor


def scaled(x, by=1):
    return x * by


def shifted(x, by=1):
    return x + by


def filled(cls, value, *how):
    module = cls(*how)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(value)
    return module


VALUES = {
    "float": (0.5, 0.25),
    "bool": (True, False),
    "string": ("relu", "gelu"),
    "list": ([1, 2.0], [1, 2.5]),
    "order of a list": ([1, 2], [2, 1]),
    "dict": ({"a": [1]}, {"a": [2]}),
    "set": ({"a", "b"}, {"a", "c"}),
    "array": (np.arange(3), np.arange(1, 4)),
    "type of an array": (np.arange(3, dtype=np.int32), np.arange(3, dtype=np.int64)),
    "NumPy number": (np.float32(1), np.float32(2)),
    "tensor": (torch.ones(3), torch.zeros(3)),
    "tensors in a list": ([torch.ones(2)], [torch.zeros(2)]),
    "type": (torch.float32, torch.float16),
    "closure": (times(2), times(3)),
    "constant of a lambda": (lambda x: x * 2, lambda x: x * 3),
    "method of a lambda": (lambda x: x.sin(), lambda x: x.cos()),
    "function": (scaled, shifted),
    "partial": (functools.partial(scaled, by=2), functools.partial(scaled, by=3)),
    "function of PyTorch": (torch.relu, torch.sigmoid),
    "object": (Settings(1), Settings(2)),
    "modules in a list": ([filled(nn.Linear, 1.0, 2, 2)], [filled(nn.Linear, 2.0, 2, 2)]),
    "settings of modules in a list": ([filled(Head, 1.0)], [filled(functools.partial(Head, scale=2), 1.0)]),
}


def digest(value=None, **attributes):
    held = attributes if value is None else {"held": value}
    return cs.Network(filled(functools.partial(Head, **held), 0.5), size=8).digest


@pytest.mark.parametrize("kind", VALUES)
def test_another_attribute_is_another_digest(kind):
    one, other = VALUES[kind]
    assert digest(one) != digest(other)
    assert digest(one) == digest(one)


def digests():
    return [digest(value) for pair in VALUES.values() for value in pair]


def printed():
    """The digests in a process of its own, where strings have other hashes and objects other addresses."""
    paths = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    told = [sys.executable, "-c", "import test_settings; print(*test_settings.digests())"]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}
    return subprocess.run(told, env=environment, capture_output=True, text=True, check=True).stdout.split()


def test_the_same_state_has_the_same_digest_in_another_process():
    spec = importlib.util.spec_from_file_location("test_settings", HERE)  # under the name it has there
    here = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(here)
    assert printed() == here.digests()


def test_unsaved_buffers_count_and_are_looked_at_again():
    def build(value):
        module = filled(Head, 0.5)
        module.register_buffer("scale", torch.full((2,), value), persistent=False)
        return cs.Network(module, size=8)

    net = build(1.0)
    assert net.digest == build(1.0).digest != build(2.0).digest
    before = net.digest
    net.module.scale.mul_(2)
    assert net.digest == build(2.0).digest != before


def test_a_hook_that_changes_outputs_counts_and_a_list_that_it_fills_does_not():
    def build(*hooks):
        module = filled(Head, 0.5)
        for hook in hooks:
            module.f.register_forward_hook(hook)
        return cs.Network(module, size=8)

    seen = []
    digests = {
        build().digest,
        build(lambda m, x, y: y * 2).digest,
        build(lambda m, x, y: y * 3).digest,
        build(lambda m, x, y: y.mul_(4) and None).digest,
    }
    assert len(digests) == 4
    assert build(lambda m, x, y: seen.append(y.mean().item())).digest == build().digest, "it only watches"
    net = build(lambda m, x, y: seen.append(y.detach()))
    before = net.digest
    net.predict(np.zeros((8, 8, 3), np.uint8))
    net.predict(np.zeros((8, 8, 3), np.uint8))
    assert seen and net.digest == before


def test_where_weights_came_from_does_not_count():
    assert digest(pretrained_cfg={"url": "one"}) == digest(pretrained_cfg={"url": "two"})


def test_what_a_hook_makes_of_parameters_is_told_by_these():
    def build():
        return cs.Network(nn.Sequential(nn.utils.spectral_norm(filled(nn.Conv2d, 0.5, 3, 2, 3))).eval(), size=8)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = build()
        before = net.digest
        net.module(torch.zeros(1, 3, 8, 8))  # writes the weight
    assert net.digest == before


def body(scale):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    with torch.no_grad():
        module[4].weight.mul_(scale)
    return module.eval()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_weights_of_a_dynamically_quantized_layer_count():
    def build(scale):
        return cs.Network(torch.ao.quantization.quantize_dynamic(body(scale), {nn.Linear}, dtype=torch.qint8), size=8)

    assert build(1).digest == build(1).digest != build(2).digest


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_a_statically_quantized_network_is_read_as_numbers_and_its_weights_count():
    def build(scale):
        wrapped = torch.ao.quantization.QuantWrapper(body(scale))
        wrapped.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
        prepared = torch.ao.quantization.prepare(wrapped)
        prepared(torch.linspace(-1, 1, 2 * 3 * 64).reshape(2, 3, 8, 8))
        return cs.Network(torch.ao.quantization.convert(prepared), size=8)

    net = build(1)
    assert net.digest == build(1).digest != build(2).digest
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert net.layers["module.0"].shape == (4, 6, 6)
    x = net.prepare(image)
    wanted = net.module.module[0](net.module.quant(x)).dequantize()[0]
    np.testing.assert_allclose(cs.activations(net, image, "module.0").values, wanted)
    np.testing.assert_allclose(cs.weights(net, "module.0").values, net.module.module[0].weight().dequantize())
    assert "occlusion" in cs.saliency(net, image, "logits:1").evidence["vanished"]
