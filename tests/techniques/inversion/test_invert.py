"""Inversions: the paper's objective written out, pictures that must come back, and runs that stop, fail and go on."""

import contextlib
import copy
import json

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.progress import Cancelled
from convscope.execution.features import looking
from convscope.network.layer_choice import spread_layers
from convscope.optimize.canvas import Frame
from convscope.techniques.inversion.invert import invert
from convscope.techniques.inversion.layers import read_depths
from convscope.techniques.inversion.target import INVERSION_PRESETS, Inverting, Target, natural

PICTURE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)


class Deep(nn.Module):
    """A convolution that loses nothing, and others that lose more and more; `off` is zero, `cut` has no gradient."""

    def __init__(self, channels=3):
        super().__init__()
        torch.manual_seed(0)
        self.turn = nn.Conv2d(channels, channels, 1)
        self.turn.weight.data = torch.linalg.qr(torch.randn(channels, channels))[0][..., None, None]
        self.first = nn.Conv2d(channels, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.third = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.off, self.cut, self.head = nn.ReLU(), nn.Identity(), nn.Linear(8, 4)

    def forward(self, x):
        x = torch.relu(self.first(self.turn(x)))
        x = torch.relu(self.second(x))
        self.off(x - 1e6)
        self.cut(x.detach())
        return self.head(self.third(x).mean((2, 3)))


@pytest.fixture(scope="module")
def net():
    return cs.Network(Deep(), size=32, name="deep")


@contextlib.contextmanager
def cancelled_at(last):
    def listen(step, total, preview):
        if step >= last:
            raise Cancelled

    with cs.listening(listen):
        yield


def test_objective_and_gradient_are_those_of_the_paper(net):
    rng = torch.Generator().manual_seed(1)
    given, x = (torch.rand(1, 3, 32, 32, generator=rng) for _ in range(2))
    penalty = natural(0.7, 0.4, (32, 32))
    with looking(net, ["second"], "fp32") as eye:
        values, slopes = Target(eye, "second", given).goal(x, False)
    leaf = x.clone().requires_grad_()
    regular = penalty(leaf)
    slopes = slopes - torch.autograd.grad(regular.sum(), leaf)[0]

    mean, std = (
        torch.tensor(v, dtype=torch.float64)[:, None, None]
        for v in (cs.Network(Deep()).preprocessing.mean, (0.229, 0.224, 0.225))
    )
    module = copy.deepcopy(net.module).double()
    layer = lambda p: module.second(torch.relu(module.first(module.turn((p - mean) / std))))  # noqa: E731
    slow = x.double().requires_grad_()
    error = (layer(slow) - layer(given.double())).square().sum() / layer(given.double()).square().sum()
    rough = sum(
        ((slow[0, :, i, j + 1] - slow[0, :, i, j]) ** 2 + (slow[0, :, i + 1, j] - slow[0, :, i, j]) ** 2).sum()
        for i in range(31)
        for j in range(31)
    ) / (32 * 32 * (0.5 / 6.5) ** 2)
    outside = ((slow - 0.5) ** 6).sum() / (32 * 32 * 0.5**6)
    (0.7 * rough + 0.4 * outside + error).backward()
    assert -values.item() == pytest.approx(error.item(), rel=1e-5)
    assert regular.item() == pytest.approx((0.7 * rough + 0.4 * outside).item(), rel=1e-5)
    assert torch.allclose(-slopes.double(), slow.grad, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("layer", ["input", "turn"])
def test_what_forgets_nothing_gives_the_picture_back(net, layer):
    found = invert(net, "sample:cat", layer, steps=250)
    assert found.image.shape == (32, 32, 3) and found.values[0] < 1e-3
    assert np.abs(found.image - found.seen / 255).mean() < 0.02


@pytest.mark.parametrize("preset", sorted(INVERSION_PRESETS))
def test_the_error_falls_and_deeper_layers_forget_more(net, preset):
    found = invert(net, "sample:cat", "third; turn; first", preset=preset, steps=100)
    assert found.layers == ("turn", "first", "third")
    assert (found.values < 0.5 * np.array(found.evidence["start"])).all()
    assert (found.values < 0.5 * np.array(found.evidence["of_another_photo"])).all()
    lost = np.abs(found.images - found.seen / 255).mean((1, 2, 3))
    assert lost[0] < lost[1] < lost[2]


def test_the_error_does_not_rise_on_the_way(net):
    settings, penalty = INVERSION_PRESETS["convscope"], natural(0, 0, (32, 32))
    frame = Frame([torch.Generator().manual_seed(0)], 3, 32, 32, torch.device("cpu"))
    given = torch.rand(1, 3, 32, 32, generator=frame.rngs[0])
    with looking(net, ["second"], "fp32") as eye:
        made = Inverting(Target(eye, "second", given), settings, penalty, frame, torch.full((3,), 0.5))
        errors = []
        for _ in range(60):
            made.step()
            errors.append(-made.ascent.values.item())
    smooth = np.convolve(errors, np.ones(8) / 8, "valid")
    assert (np.diff(smooth) < 0).all() and errors[-1] < 0.2 * errors[0]


def test_more_smoothness_makes_smoother_pictures(net):
    rough = [
        np.abs(np.diff(invert(net, "sample:cat", "second", steps=60, smoothness=s).image, axis=0)).mean()
        for s in (0, 1, 30)
    ]
    assert rough[0] > rough[1] > 1.5 * rough[2]


def test_range_keeps_off_black_and_white(net):
    far = [
        np.abs(invert(net, PICTURE, "third", steps=60, preset="mahendran", range=r).image - 0.5).max() for r in (0, 100)
    ]
    assert far[1] < 0.45 < far[0]


def test_the_error_is_that_of_the_picture_as_returned(net):
    found = invert(net, "sample:cat", "second; logits", steps=5)
    assert found.images.dtype == np.float32 and found.evidence["errors"]["second"] == found.values[0]
    for name, image, value in zip(found.layers, found.images, found.values, strict=True):
        with torch.no_grad():
            own, made = (net.read(net.feed(p), name)[name] for p in (found.seen, np.rint(image * 255).astype(np.uint8)))
        assert value == pytest.approx(((made - own).square().sum() / own.square().sum()).item(), rel=1e-4)


def test_another_photo_is_never_the_image_itself(net):
    assert invert(net, "sample:coffee", "first", steps=1).evidence["another_photo"] == "sample:rocket"
    assert invert(net, "sample:cat", "first", steps=1).evidence["another_photo"] == "sample:coffee"


@pytest.mark.parametrize("module", [Deep(1), Deep(3)], ids=["grey", "color"])
def test_any_number_of_colors_and_any_layer(module):
    color = {"mean": (0.5,), "std": (0.3,)} if module.turn.in_channels == 1 else {}
    net = cs.Network(module, size=(24, 32), **color)
    found = invert(net, "sample:cat", "input; third; logits", steps=40)
    assert found.images.shape == (3, 24, 32, 3) and (found.values < np.array(found.evidence["start"])).all()
    if color:
        assert np.ptp(found.images, axis=3).max() == 0


def test_the_subject_is_one_layer_several_or_depth(net):
    assert str(read_depths(net, "first")) == "first"
    assert read_depths(net, ["third", "first; turn", "first"]).layers == ("turn", "first", "third")
    found = read_depths(net, "depth")
    assert found == read_depths(net, str(found)) == read_depths(net, found)
    assert len(found.layers) == 6 and found.layers[-1] == "logits"
    one, several = (invert(net, "sample:cat", given, steps=2) for given in ("first", ["turn", "first"]))
    assert str(one.unit) == "first" and str(several.unit) == "several layers"
    assert several.request.subjects["layer"] == {"reference": "turn; first"}
    assert np.array_equal(one.image, several.images[1])  # whatever it is asked for with


def test_depth_of_the_embedded_network(lite0):
    assert spread_layers(lite0) == ["conv_stem", "blocks.1", "blocks.2", "blocks.4", "conv_head", "logits"]


def test_depth_ends_where_weights_are_missing(net):
    other = net.with_module(net.module)
    other.untrained = frozenset(["third"])
    assert set(spread_layers(other)) <= {"turn", "first", "second", "off", "cut"}
    other.untrained = frozenset(["turn"])
    with pytest.raises(cs.ConvscopeError, match="turn of deep needs weights"):
        read_depths(other, "depth")


@pytest.mark.parametrize(
    ("layer", "error", "says"),
    [
        ("off", "BadKnob", "layer must hold something of this image, not off, .* nothing to invert"),
        ("cut", "ForwardFailed", "cut has no gradient"),
        ("nothing", "UnknownLayer", "no layer 'nothing'"),
        ("first:3", "UnknownUnit", "needs a whole layer"),
        ([], "BadKnob", "layer must be at least one layer, not an empty list"),
    ],
)
def test_what_cannot_be_inverted_is_refused(net, layer, error, says):
    with pytest.raises(cs.ConvscopeError, match=says) as raised:
        invert(net, "sample:cat", layer, steps=1)
    assert type(raised.value).__name__ == error


class Fragile(nn.Module):
    """Not a number for pictures of more contrast than `least`."""

    def __init__(self, least):
        super().__init__()
        self.least, self.keep = least, nn.Identity()

    def forward(self, x):
        odd = (x[:, :, :1, :1] * 0).masked_fill(x.std() > self.least, float("nan"))
        return self.keep(x + odd).mean((2, 3))


def test_where_numbers_end_the_best_picture_is_kept():
    seen = np.full((16, 16, 3), 140, np.uint8)
    seen[4:12, 4:12] = 120
    net = cs.Network(Fragile(0.16), size=16, mean=(0.5,) * 3, std=(1.0,) * 3)
    found = invert(net, seen, "keep", steps=30, preset="mahendran")
    assert "not_finite" not in found.evidence
    net = cs.Network(Fragile(0.045), size=16, mean=(0.5,) * 3, std=(1.0,) * 3)
    found = invert(net, seen, "keep", steps=30, preset="mahendran", smoothness=0)
    assert (
        "numbers were not finite at step" in found.evidence["not_finite"] and "of keep" in found.evidence["not_finite"]
    )
    assert np.isfinite(found.images).all() and found.picture()


class Stairs(nn.Module):
    """Slopes of zero everywhere."""

    def __init__(self):
        super().__init__()
        self.keep = nn.Identity()

    def forward(self, x):
        return self.keep(torch.floor(2 * x)).mean((2, 3))


def test_where_no_slope_leads_it_says_so():
    found = invert(cs.Network(Stairs(), size=16), "sample:cat", "keep", steps=20)
    assert found.evidence["unmoved"].startswith("no slope leads from noise to keep")


def test_activations_that_are_not_finite_are_refused():
    net = cs.Network(Fragile(0.0), size=16)
    with pytest.raises(cs.ConvscopeError, match=r"keep must hold finite numbers of this image"):
        invert(net, "sample:cat", "keep", steps=1)


@pytest.mark.parametrize(("stop", "layers"), [(1, 1), (7, 1), (8, 1), (11, 2)])
def test_cancelled_it_holds_the_best_so_far_of_the_layers_begun(net, stop, layers):
    with cancelled_at(stop):
        found = invert(net, "sample:cat", "first; second; third", steps=8)
    assert found.layers == ("first", "second", "third")[:layers] and len(found.images) == len(found.values) == layers
    assert found.evidence["partial"] == f"cancelled after {stop} of 24 steps"
    assert list(found.evidence["errors"]) == list(found.layers) and "cancelled" in json.dumps(found.summary())


@pytest.mark.parametrize(
    ("preset", "stop"),
    [
        ("convscope", 3),
        ("convscope", 20),
        ("mahendran", 45),
        pytest.param("convscope", 45, marks=pytest.mark.sweep),
        pytest.param("mahendran", 3, marks=pytest.mark.sweep),
        pytest.param("mahendran", 20, marks=pytest.mark.sweep),
    ],
)
def test_taken_up_again_it_has_the_same_bytes(net, tmp_path, preset, stop):
    knobs = {"steps": 20, "preset": preset}
    whole = invert(net, "sample:cat", "first; second; third", **knobs)
    with cs.checkpoint(tmp_path / "state"), cancelled_at(stop):
        assert "partial" in invert(net, "sample:cat", "first; second; third", **knobs).evidence
    with cs.checkpoint(tmp_path / "state"):
        again = invert(net, "sample:cat", "first; second; third", **knobs)
    assert again.save(tmp_path / "a.npz").read_bytes() == whole.save(tmp_path / "b.npz").read_bytes()
    assert again.evidence == whole.evidence


def test_a_seed_makes_the_same_picture_and_another_one_another(net):
    one, same, other = (invert(net, "sample:cat", "third", steps=4, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.images, same.images) and not np.array_equal(one.images, other.images)


def test_the_module_is_left_alone(net):
    net.module.train()
    before = copy.deepcopy(net.module.state_dict())
    invert(net, "sample:cat", "second", steps=2)
    assert net.module.training and all(torch.equal(v, before[k]) for k, v in net.module.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in net.module.parameters())
    net.module.eval()


def test_the_strip_names_layers_and_errors(net):
    from convscope.view.figures.registry import draw

    found = invert(net, "sample:cat", "second; first", steps=2)
    view = draw(found)
    assert view.title == "deep · invert of 2 layers, shallow to deep" and len(view.arrays["images"]) == 3
    assert view.panels[0].labels == (
        "given",
        *(f"{n} · {v:.3g}" for n, v in zip(found.layers, found.values, strict=True)),
    )
    assert np.array_equal(view.arrays["images"][0], found.seen)
    assert draw(invert(net, "sample:cat", "first", steps=1)).title == "deep · invert of first"


@pytest.mark.parametrize("layer", ["blocks.2"])
def test_a_photo_comes_back_from_the_embedded_network(lite0, layer):
    found = invert(lite0, "sample:cat", layer, steps=24)
    photo = np.asarray(found.seen / 255)
    alike = np.corrcoef(found.image.ravel(), photo.ravel())[0, 1]
    assert found.values[0] < 0.25 < 1 < found.evidence["of_another_photo"][0] and alike > 0.8
