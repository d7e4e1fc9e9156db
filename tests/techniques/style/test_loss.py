"""The goal of a stylized picture: its loss and slope against the whole written out in float64, tiles, and masks."""

import copy

import pytest
import torch
from torch import nn

import convscope as cs
from convscope.execution.features import looking
from convscope.optimize.regularizer import TotalVariation
from convscope.optimize.tiling import Tiling
from convscope.techniques.style.loss import LossWeights, StyleLoss
from convscope.techniques.style.tiled_features import ActivationSmoothing, TiledFeatures, evenly, tile_windows

LAYERS = ("1", "4", "7")
WHOLE = Tiling((4096, 4096), 0, 1)


@pytest.fixture(scope="module")
def net():
    """Three blocks as VGG's; a neuron of layer 7 sees 22 pixels, and lies 4 from the next."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 10, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
    return cs.Network(module, size=64, name="blocks")


def picture(height, width, seed):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def balance(statistic="gram", relative=True):
    return LossWeights({"4": 0.5, "7": 0.25}, dict.fromkeys(LAYERS, 0.4), statistic, relative)


def goal(eye, tiles=WHOLE, regions=None, statistic="gram", styles=2, shares=(0.7, 0.3), softened=False, **kinds):
    content = picture(96, 120, 0)
    features = TiledFeatures(eye, tiles, ActivationSmoothing.of(eye, content) if softened else None)
    paintings = [picture(100 + 11 * k, 90, k + 1) for k in range(styles)]
    what = balance(statistic, **kinds)
    return StyleLoss(features, what, content, paintings, shares, regions or [None] * styles, TotalVariation(1e-4))


def slowly(net, x):
    """The loss of two styles with shares 0.7 and 0.3, from the definition, all at once and in float64."""
    module = copy.deepcopy(net.module).double()
    mean, std = (torch.tensor(v).double()[:, None, None] for v in (net.preprocessing.mean, net.preprocessing.std))

    def seen(y):
        found, y = {}, (y.double() - mean) / std
        for name, part in module.named_children():
            y = part(y)
            found[name] = y
        return found

    def gram(y):
        return y[0].flatten(1) @ y[0].flatten(1).T / y[0, 0].numel()

    mine, content = seen(x), seen(picture(96, 120, 0))
    loss = sum(
        w * (mine[n] - content[n]).square().sum() / content[n].square().sum() for n, w in (("4", 0.5), ("7", 0.25))
    )
    for k, share in enumerate((0.7, 0.3)):
        style = seen(picture(100 + 11 * k, 90, k + 1))
        for name in LAYERS:
            wanted = gram(style[name])
            loss = loss + share * 0.4 * (gram(mine[name]) - wanted).square().sum() / wanted.square().sum()
    return loss + TotalVariation(1e-4)(x.double()).sum()


def test_loss_and_slope_are_those_of_the_definition(net):
    x = picture(96, 120, 9)
    leaf = x.clone().double().requires_grad_()
    slow = slowly(net, leaf)
    slope = torch.autograd.grad(slow, leaf)[0]
    with looking(net, LAYERS, "fp32") as eye:
        one = goal(eye)
        value, along = one(x, False)
    assert value.item() == pytest.approx(-slow.item(), rel=1e-5)
    assert ((along + slope).norm() / slope.norm()).item() < 1e-5
    assert sum(one.losses.values()) == pytest.approx(slow.item(), rel=1e-5)


@pytest.mark.parametrize("statistic", ["gram", "wasserstein"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("softened", [False, True])
@pytest.mark.parametrize("size", [(96, 120), (101, 119)])
def test_tiled_is_untiled(net, statistic, masked, softened, size):
    x = picture(*size, 9)
    half = torch.zeros(size)
    half[:, : size[1] // 3] = 1
    regions = [half, 1 - half] if masked else None
    tiles = tile_windows(net, LAYERS, 128, 64)
    assert len(evenly(tiles, 0, size[0])) > 1 and tiles.halo == 8
    with looking(net, LAYERS, "fp32") as eye:
        found = []
        for one in (WHOLE, tiles):
            content = picture(*size, 0)
            features = TiledFeatures(eye, one, ActivationSmoothing.of(eye, content) if softened else None)
            styles = [picture(100, 90, 1), picture(111, 90, 2)]
            loss = StyleLoss(features, balance(statistic), content, styles, (0.7, 0.3), regions or [None, None])
            found.append(loss(x, False))
    (value, slope), (tiled_value, tiled_slope) = found
    assert tiled_value.item() == pytest.approx(value.item(), rel=1e-5)
    assert ((slope - tiled_slope).norm() / slope.norm()).item() < 1e-5


def test_softened_maps_are_a_softmax_at_each_position_less_what_all_pictures_share():
    maps = torch.randn(1, 5, 2, 3, generator=torch.Generator().manual_seed(0))
    powers = (maps / 0.5).exp()
    expected = powers / powers.sum(1, keepdim=True) - 0.2
    torch.testing.assert_close(ActivationSmoothing({"a": 0.5})("a", maps), expected)
    assert ActivationSmoothing({"a": 0.5})("a", torch.ones(1, 5, 2, 3)).abs().max() < 1e-6


def test_a_copy_of_the_content_has_no_content_loss_and_one_of_the_style_no_style_loss(net):
    with looking(net, LAYERS, "fp32") as eye:
        one = goal(eye, styles=1, shares=(1.0,))
        one(picture(96, 120, 0), False)
        assert one.losses["content"] == 0 and one.losses["style"] > 1e-3
        same = StyleLoss(
            TiledFeatures(eye, WHOLE), balance(), picture(96, 120, 0), [picture(96, 120, 3)], (1.0,), [None]
        )
        same(picture(96, 120, 3), False)
        assert same.losses["style"] == pytest.approx(0, abs=1e-9) and same.losses["content"] > 1e-3


def test_a_region_that_is_everywhere_is_none_to_the_byte(net):
    x = picture(96, 120, 9)
    with looking(net, LAYERS, "fp32") as eye:
        plain = goal(eye, styles=1, shares=(1.0,))(x, False)
        masked = goal(eye, styles=1, shares=(1.0,), regions=[torch.ones(96, 120)])(x, False)
    assert torch.equal(plain[0], masked[0]) and torch.equal(plain[1], masked[1])


def test_a_style_pulls_only_where_its_region_is(net):
    """Beyond what neurons at the border see, a region of a style with no share has no slope."""
    x, left = picture(96, 120, 9), torch.zeros(96, 120)
    left[:, :48] = 1
    with looking(net, LAYERS, "fp32") as eye:
        styles = [picture(100, 90, 1), picture(111, 90, 2)]
        features = TiledFeatures(eye, WHOLE)
        only_style = LossWeights({}, dict.fromkeys(LAYERS, 1.0))
        slope = StyleLoss(features, only_style, x, styles, (1.0, 0.0), [left, 1 - left])(x, False)[1]
    assert slope[..., : 48 - 24].abs().min() >= 0 and slope[..., :24].any()
    assert not slope[..., 48 + 24 :].any()


def test_means_of_squares_are_gatys_own(net):
    x = picture(96, 120, 9)
    with looking(net, LAYERS, "fp32") as eye:
        one = goal(eye, styles=1, shares=(1.0,), relative=False)
        one(x, False)
        seen, content, style = eye(x), eye(picture(96, 120, 0)), eye(picture(100, 90, 1))
    expected = sum(w * (seen[n] - content[n]).square().mean() for n, w in (("4", 0.5), ("7", 0.25)))
    assert one.losses["content"] == pytest.approx(expected.item(), rel=1e-4)

    def gram(y):
        return y[0].flatten(1) @ y[0].flatten(1).T / y[0].numel()

    style_loss = sum(0.4 * (gram(seen[n]) - gram(style[n])).square().mean() for n in LAYERS)
    assert one.losses["style"] == pytest.approx(style_loss.item(), rel=1e-4)


def test_relative_losses_do_not_hang_on_how_a_network_is_scaled(net):
    """Twice the first layer's numbers are twice all that follows where there are no biases."""
    module = copy.deepcopy(net.module)
    for part in module:
        if isinstance(part, nn.Conv2d):
            part.bias.data.zero_()
    scaled = copy.deepcopy(module)
    scaled[0].weight.data *= 2
    losses = []
    for one in (module, scaled):
        with looking(cs.Network(one, size=64, name="one"), LAYERS, "fp32") as eye:
            found = goal(eye)
            found(picture(96, 120, 9), False)
            losses.append((found.losses["content"], found.losses["style"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("length", [65, 96, 120, 200, 1001])
def test_windows_are_few_alike_and_hold_every_pixel_once(length):
    tiles = Tiling((64, 64), 8, 4)
    spans = evenly(tiles, 0, length)
    assert [span.first for span in spans] == [0, *(span.last for span in spans[:-1])] and spans[-1].last == length
    assert all(span.stop - span.start <= 64 and span.first % 4 == 0 == span.start % 4 for span in spans)
    assert max(s.last - s.first for s in spans) - min(s.last - s.first for s in spans) <= 8
    assert len(spans) <= len(tiles.spans(0, length, 0.5))
