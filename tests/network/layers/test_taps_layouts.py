"""The layer table holds every module with a tensor per image, and its tensors come with the channels first."""

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs

IMAGE = np.random.default_rng(7).integers(0, 256, (40, 48, 3), dtype=np.uint8)


def outputs(module, x):
    """What each module put out at its last call, by name, in the order in which they finished: the slow way."""
    found = {}

    def note(name):
        def hook(_module, _inputs, output):
            found.pop(name, None)
            found[name] = output.detach().clone() if isinstance(output, torch.Tensor) else output

        return hook

    handles = [part.register_forward_hook(note(name)) for name, part in module.named_modules() if name]
    with torch.no_grad():
        module.eval()(x)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("name", ["torchvision:resnet18", "torchvision:mobilenet_v3_small", "timm:convnext_atto"])
def test_the_table_is_all_modules_in_the_order_they_finish_with_their_shapes(name):
    net = cs.load(name, weights=None)
    found = outputs(net.module, net.prepare(IMAGE))
    rows = list(net.layers.values())
    assert [row.name for row in rows] == ["input", *found, "logits"]
    assert [row.shape for row in rows[1:-1]] == [tuple(output.shape[1:]) for output in found.values()]
    kinds = [type(part).__name__ for part in map(dict(net.module.named_modules()).get, found)]
    assert [row.kind for row in rows] == ["input", *kinds, "output"]
    assert (rows[0].shape, rows[-1].shape) == ((3, *net.preprocessing.size), (1000,))
    assert all(row.units == row.shape[0] for row in rows)


@pytest.mark.parametrize("name", ["torchvision:swin_t", pytest.param("timm:convnext_tiny", marks=pytest.mark.sweep)])
def test_layers_that_keep_channels_last_are_given_channels_first(name):
    net = cs.load(name, weights=None)
    x = net.prepare(IMAGE)
    found = {name: out for name, out in outputs(net.module, x).items() if out.ndim in (2, 4)}
    assert list(net.layers) == ["input", *found, "logits"]
    last = [name for name, row in net.layers.items() if row.layout == "NHWC"]
    assert len(last) > 100
    for row in list(net.layers.values())[1:-1]:
        if len(row.shape) == 3:
            channels, height, width = row.shape
            assert height == width and row.units == channels
            assert found[row.name].shape == ((1, *row.shape) if row.layout == "NCHW" else (1, height, width, channels))
    for address in (last[0], last[len(last) // 2], last[-1]):
        values = cs.activations(net, IMAGE, address).values
        np.testing.assert_allclose(values, found[address][0].movedim(-1, 0).numpy(), rtol=1e-4, atol=1e-5)


class Mixed(nn.Module):
    """Channels first, then last, then first again, on maps that are not square."""

    def __init__(self, channels):
        super().__init__()
        self.stem, self.norm, self.up = nn.Conv2d(3, channels, 4, 4), nn.LayerNorm(channels), nn.Linear(channels, 7)
        self.act, self.drop, self.tail, self.first = nn.GELU(), nn.Identity(), nn.Conv2d(7, 5, 1), nn.ReLU()
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        x = self.drop(self.act(self.up(self.norm(x))))
        return self.head(self.first(self.tail(x.permute(0, 3, 1, 2))).mean((2, 3)))


@pytest.mark.parametrize("channels", [3, 10, 12, 14])
@pytest.mark.parametrize("size", [(40, 48), (48, 40), 40])
def test_a_neuron_of_a_channels_last_layer_is_the_one_at_its_place(size, channels):
    net = cs.Network(Mixed(channels).double(), size=size)
    height, width = (side // 4 for side in net.preprocessing.size)
    layouts = {name: (row.shape, row.layout) for name, row in net.layers.items()}
    assert layouts == {
        "input": ((3, 4 * height, 4 * width), "NCHW"),
        "stem": ((channels, height, width), "NCHW"),
        "norm": ((channels, height, width), "NHWC"),
        "up": ((7, height, width), "NHWC"),
        "act": ((7, height, width), "NHWC"),
        "drop": ((7, height, width), "NHWC"),
        "tail": ((5, height, width), "NCHW"),
        "first": ((5, height, width), "NCHW"),
        "head": ((2,), "NC"),
        "logits": ((2,), "NC"),
    }
    found = outputs(net.module, net.prepare(IMAGE))
    for address in ("norm:1@2,7", "act:6@9,1", "drop:2@0,0", "stem:2@3,4"):
        unit = net.unit(address)
        c, (y, x) = unit.channel, unit.position
        out = found[unit.layer][0]
        wanted = out[c, y, x] if unit.layer == "stem" else out[y, x, c]
        assert cs.saliency(net, IMAGE, address).value == pytest.approx(wanted.item(), rel=1e-9)
    seen = np.argwhere(cs.saliency(net, IMAGE, "act:6@9,1").values.any(0))
    assert seen.min(0).tolist() == [36, 4] and seen.max(0).tolist() == [39, 7]


def test_a_layer_norm_over_whole_maps_keeps_channels_first():
    module = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.LayerNorm([4, 8, 8]), nn.Flatten())
    net = cs.Network(module, size=8)
    assert net.layers["1"].shape == (4, 8, 8)
    with torch.no_grad():
        wanted = module[:2](net.prepare(IMAGE))[0].numpy()
    np.testing.assert_allclose(cs.activations(net, IMAGE, "1").values, wanted, rtol=1e-5, atol=1e-6)


def test_modules_named_like_the_ends_of_the_table_do_not_replace_them():
    module = nn.Sequential()
    module.add_module("input", nn.Conv2d(3, 4, 3))
    module.add_module("flat", nn.Flatten())
    module.add_module("logits", nn.Linear(144, 3))
    module.add_module("probs", nn.Softmax(1))
    net = cs.Network(module, size=8)
    assert {name: row.shape for name, row in net.layers.items()} == {"input": (3, 8, 8), "flat": (144,), "logits": (3,)}
    assert cs.saliency(net, IMAGE, "input:1@2,3").values.sum() == 1
    assert cs.saliency(net, IMAGE, "logits").value == pytest.approx(1)
