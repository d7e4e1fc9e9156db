"""Recipes: the numbers of the papers and of the code their authors published, and a canvas for each."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.optimize.canvas import Fourier, MagnitudeConstrained, Pixels, Pyramid, Tempered
from convscope.optimize.draws import generator
from convscope.optimize.regularizer import L2, BlurEvery, Clip, Decay
from convscope.optimize.transform import Crop, Jitter, Noise, Pad, RandomScale, Rotate
from convscope.techniques.visualization.presets import CANVASES, PRESETS, stretched


@pytest.mark.parametrize(
    ("name", "steps", "rule", "updates"),
    [
        ("yosinski1", 500, ("progress", 2, 100), (BlurEvery(0.5, 4), Clip("norm", 50))),
        ("yosinski2", 750, ("gradient", 100, math.inf), (Decay(0.3), Clip("norm", 20))),
        ("yosinski3", 1000, ("gradient", 100, math.inf), (Decay(1e-4), BlurEvery(1.0, 4))),
        ("yosinski4", 1000, ("progress", 2, 1e8), (BlurEvery(0.5, 4), Clip("absolute", 90))),
    ],
)
def test_yosinskis_four_rows(name, steps, rule, updates, frame):
    recipe = PRESETS[name]
    assert recipe.steps == steps and recipe.optimizer.updates == updates
    assert (recipe.optimizer.kind, recipe.optimizer.rate, recipe.optimizer.most) == rule
    assert recipe.looks == 1 and recipe.transforms(0.5, 224) == () and not recipe.optimizer.penalties
    canvas = recipe.paint(frame(1, 3, 64, 64), torch.tensor([0.4, 0.5, 0.6]), "")
    assert isinstance(canvas, Pixels)
    assert (canvas.image() - torch.tensor([0.4, 0.5, 0.6]).reshape(3, 1, 1)).std().item() == pytest.approx(
        10 / 255, rel=0.03
    )


def test_simonyan_starts_at_the_mean_and_weighs_the_norm(frame):
    recipe, mean = PRESETS["simonyan"], torch.tensor([0.4, 0.5, 0.6])
    assert recipe.optimizer.kind == "gradient" and [type(p) for p in recipe.optimizer.penalties] == [L2]
    image = recipe.paint(frame(2, 3, 5, 6), mean, "").image()
    assert torch.equal(image, mean.reshape(3, 1, 1).expand(2, 3, 5, 6)) and not recipe.above


def test_lucid(frame):
    recipe = PRESETS["lucid"]
    assert (recipe.optimizer.kind, recipe.optimizer.rate, recipe.steps) == ("adam", 0.05, 512)
    assert recipe.optimizer.betas == (0.9, 0.999) and recipe.optimizer.schedule == "constant"
    # jitter(8) of Lucid cuts 8 pixels off a side at random: 4 either way
    assert recipe.transforms(0.3, 224) == (Pad(12, 0.5), Jitter(4), RandomScale(0.9, 1.1), Rotate(10), Jitter(2))
    assert recipe.transforms(0.3, 448)[:2] == (Pad(24, 0.5), Jitter(8))
    canvas = recipe.paint(frame(1, 3, 32, 32), torch.zeros(3), "")
    assert isinstance(canvas, Fourier) and canvas.scale[0, 2].item() == pytest.approx(16)
    assert canvas.parameters[0].std().item() == pytest.approx(0.01, rel=0.05)


def test_maco():
    recipe = PRESETS["maco"]
    assert (recipe.optimizer.kind, recipe.optimizer.rate, recipe.steps, recipe.looks) == ("nadam", 1.0, 256, 32)
    for share, side in [(0, 0.5), (0.5, 0.275), (1, 0.05)]:
        crop, noise = recipe.transforms(share, 512)
        assert isinstance(crop, Crop) and noise == Noise(0.08)
        assert (crop.low, crop.high, crop.spread) == (pytest.approx(side), pytest.approx(side), 0.15)


def test_chollets_script_step_by_step():
    """Written down from its description: −1 to 1, ten times the unit gradient of the map's middle, a stretch."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 5, 3, padding=1)).double()
    module(torch.zeros(1, 3, 40, 40).double())
    net = cs.Network(copy.deepcopy(module).float(), size=40, mean=(0.5,) * 3, std=(0.5,) * 3)
    found = cs.maximize(net, "2:3", preset="chollet2020", precision="fp32")
    uniform = torch.rand(3, 40, 40, generator=generator(0, 0, 0)).double()
    x, curve = (uniform - 0.5)[None] / 4, []
    for _ in range(30):
        x = x.detach().requires_grad_()
        loss = module(x)[0, 3, 2:-2, 2:-2].mean()
        (slope,) = torch.autograd.grad(loss, x)
        curve.append(loss.item())
        x = x + 10 * slope / slope.square().sum().sqrt()
    shown = x.detach()[0] - x.detach().mean()
    shown = (shown / (shown.std(correction=0) + 1e-5) * 0.15)[:, 6:-6, 6:-6] + 0.5  # of 180 pixels, 25 a side
    assert np.allclose(found.curve[:, 0], curve, rtol=1e-4)
    assert np.allclose(found.images[0], shown.clamp(0, 1).permute(1, 2, 0).numpy(), atol=1e-4)
    assert "stretched" in found.evidence["developed"]


def test_chollets_side_is_180_where_a_network_takes_more():
    assert PRESETS["chollet2020"].side == 180
    assert stretched(torch.rand(1, 3, 180, 180)).shape == (1, 3, 130, 130)
    module = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, stride=4))
    small, large = (cs.Network(module, size=side) for side in (32, 200))
    made = [cs.maximize(one, "0:1", preset="chollet2020", steps=1).images for one in (small, large)]
    assert [one.shape[1] for one in made] == [24, 130]
    with pytest.raises(cs.ConvscopeError, match="alpha must be off"):
        cs.maximize(small, "0:1", preset="chollet2020", alpha=True)


@pytest.mark.parametrize("shape", [(2, 3, 24, 30), (1, 1, 17, 9)])
def test_every_canvas_and_every_recipe_paints(frame, shape):
    kinds = {
        "pixels": Pixels, "fourier": Fourier, "tempered": Tempered, "pyramid": Pyramid, "maco": MagnitudeConstrained
    }  # fmt: skip
    assert CANVASES.keys() == kinds.keys()
    mean = torch.full((shape[1],), 0.4)
    for name, kind in kinds.items():
        assert isinstance(CANVASES[name](frame(*shape), mean, ""), kind)
    for name, recipe in PRESETS.items():
        image = recipe.paint(frame(*shape), mean, "").image()
        assert image.shape == shape and 0 <= image.min() <= image.max() <= 1, name
        assert recipe.steps > 0 and recipe.looks > 0 and math.isfinite(recipe.optimizer.rate)
        for step in (0, recipe.steps - 1):
            shown = image.detach()
            for transform in recipe.transforms(step / recipe.steps, 24):
                shown = transform(shown, [generator(0)] * len(shown))
            assert shown.isfinite().all() and shown.shape[:2] == shape[:2]
