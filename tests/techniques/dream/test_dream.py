"""Dreams: against the notebook of 2015 written slowly again, and what is promised of octaves, guides, tiles, frames."""

import copy
import json
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.catalog.rerun import rerun
from convscope.contract.request import Request
from convscope.optimize.resample import Travel
from convscope.techniques.dream.dream import read_dream
from convscope.techniques.dream.guide import Guided
from convscope.techniques.dream.octaves import octave_sizes, smoothed

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 48, 3)).astype(np.uint8)
QUICK = {"octaves": 2, "steps": 3, "jitter": 4}


@pytest.fixture
def net():
    """Layers 0 (stride 2), 1 (SiLU), 2; a neuron of the last sees 7 × 7 pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(5, 4, 3, padding=1))
    return cs.Network(module, size=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25), name="small")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def written(pixels, name="guide.png"):
    cs.open_image(pixels).pil().save(name)
    return name


def slope_of(net, x, objective):
    """Google's `g`, in float64: the slope of an objective of layer 2 along pixel values from 0 to 1."""
    module = copy.deepcopy(net.module).double()
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    mean, std = (
        torch.tensor(v, dtype=torch.float64)[:, None, None] for v in (net.preprocessing.mean, net.preprocessing.std)
    )
    objective(module((leaf - mean) / std)).backward()
    return leaf.grad.numpy()


def slowly(net, x, steps, rate=1.5, objective=lambda y: 0.5 * y.square().sum()):
    """The notebook's `make_step`, without jitter, over and over."""
    for _ in range(steps):
        g = slope_of(net, x, objective)
        x = np.clip(255 * x + rate / np.abs(g).mean() * g, 0, 255) / 255
    return x


def as_pixels(picture):
    return picture.transpose(2, 0, 1)[None] / 255.0


def test_one_octave_is_the_notebooks_loop(net):
    found = cs.dream(net, PIXELS, "2", octaves=1, jitter=0, steps=5, precision="fp32")
    expected = slowly(net, as_pixels(PIXELS), 5)
    assert np.abs(found.image - expected[0].transpose(1, 2, 0)).max() < 2e-5
    assert found.values.shape == (1, 5) and (np.diff(found.values[0]) > 0).all()


@pytest.mark.parametrize("highest", ["auto", 0.4])
def test_keras_example_step_by_step(net, highest):
    """Written down from its description, in its space from −1 to 1."""
    net = cs.Network(net.module, size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    found = cs.dream(net, PIXELS, "0 + 1.5*2", preset="chollet-dream", highest=highest, precision="fp32")
    module, most = copy.deepcopy(net.module).double(), 15.0 if highest == "auto" else highest

    def at(x, size):
        return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)

    def loss(x):
        total = torch.zeros(())
        for number, weight in ((0, 1.0), (2, 1.5)):
            maps = module[: number + 1](x)
            total = total + weight * maps[:, :, 2:-2, 2:-2].square().sum() / maps.numel()
        return total

    original = torch.from_numpy(as_pixels(PIXELS)) * 2 - 1
    sizes = [(round(40 / 1.4**k), round(48 / 1.4**k)) for k in (2, 1, 0)]
    smaller, x, curve = at(original, sizes[0]), original, np.full((3, 20), np.nan)
    for octave, size in enumerate(sizes):
        x = at(x, size)
        for step in range(20):
            x = x.detach().requires_grad_()
            value = loss(x)
            (slope,) = torch.autograd.grad(value, x)
            x = x + 0.01 * slope / slope.abs().mean()
            curve[octave, step] = value.item()
            if value > most:
                break
        lost = at(original, size) - at(smaller, size)
        x, smaller = x.detach() + lost, at(original, size)
    assert np.allclose(found.values, curve, rtol=1e-4, equal_nan=True)
    assert np.abs(found.image - (x[0].permute(1, 2, 0).numpy() + 1).clip(0, 2) / 2).max() < 2e-4
    assert ("ended" in found.evidence) == bool(np.isnan(curve).any()) == (highest != "auto")


def test_detail_is_carried_from_octave_to_octave(net):
    found = cs.dream(net, PIXELS, "2", octaves=3, scale=1.5, jitter=0, steps=2, precision="fp32")

    def at(x, size):
        return F.interpolate(torch.from_numpy(x), size, mode="bilinear", antialias=True, align_corners=False).numpy()

    whole = as_pixels(PIXELS)
    detail = np.zeros_like(whole)
    for size in ((18, 21), (27, 32), (40, 48)):
        base = at(whole, size)
        x = slowly(net, (base + at(detail, size)).clip(0, 1), 2)
        detail = x - base
    assert np.abs(found.image - x[0].transpose(1, 2, 0)).max() < 2e-5
    assert found.evidence["octaves"] == ["21 × 18", "32 × 27", "48 × 40"]


def test_jitter_shifts_the_picture_around_its_edges_before_the_step(net):
    found = cs.dream(net, PIXELS, "2", octaves=1, steps=1, jitter=3, seed=4, precision="fp32")
    steps = []
    for shift in [(y, x) for y in range(-3, 4) for x in range(-3, 4)]:
        x = slowly(net, np.roll(as_pixels(PIXELS), shift, (2, 3)), 1)
        steps.append(np.abs(np.roll(x, (-shift[0], -shift[1]), (2, 3))[0].transpose(1, 2, 0) - found.image).max())
    assert min(steps) < 2e-5 and np.median(steps) > 1e-3


def test_a_guide_raises_at_each_position_the_feature_it_is_most_like(net):
    guide = RNG.integers(0, 256, (24, 20, 3)).astype(np.uint8)
    with torch.no_grad():
        mean, std = (torch.tensor(v)[:, None, None] for v in (net.preprocessing.mean, net.preprocessing.std))
        y = net.module((torch.from_numpy(as_pixels(guide)).float() - mean) / std)[0].reshape(4, -1).double()

    def objective(x):
        dots = x[0].reshape(4, -1).T @ y
        return (x[0].reshape(4, -1) * y[:, dots.argmax(1)].detach()).sum()

    expected = slowly(net, as_pixels(PIXELS), 2, objective=objective)
    path = written(guide)
    found = cs.dream(net, PIXELS, "2", octaves=1, jitter=0, steps=2, guide=path, precision="fp32")
    assert np.abs(found.image - expected[0].transpose(1, 2, 0)).max() < 2e-5


def test_the_guided_value_is_the_slow_one():
    x, y = torch.randn(2, 3, 4, 5), torch.randn(3, 7)
    slow = [
        max((x[n, :, i, j] @ y[:, k]).item() for k in range(7)) for n in range(2) for i in range(4) for j in range(5)
    ]
    assert torch.allclose(Guided("a", y)({"a": x}), torch.tensor(slow).reshape(2, 20).mean(1), atol=1e-6)


def test_guided_by_itself_a_picture_still_dreams_and_another_guide_gives_another_dream(net):
    one, other = written(PIXELS, "one.png"), written(PIXELS[::-1, :, ::-1].copy(), "other.png")
    dreams = [cs.dream(net, PIXELS, "2", guide=guide, **QUICK).image for guide in ("", one, other)]
    assert all(np.abs(a - b).max() > 0.01 for a, b in [dreams[:2], dreams[1:], dreams[::2]])


@pytest.mark.parametrize(
    ("given", "told", "unit"),
    [
        ("2", "dream(2)", "2"),
        (cs.Unit("2"), "dream(2)", "2"),
        ("2:3", "2:3", "2:3"),
        ("dream(2) + 0.5*dream(1) - 2:1", "dream(2) + 0.5*dream(1) - 2:1", "several layers"),
        ("2 + 0.25*2:0", "dream(2) + 0.25*2:0", "2"),
    ],
)
def test_what_is_raised_is_told_so_that_it_can_be_asked_for_again(net, given, told, unit):
    found = cs.dream(net, PIXELS, given, octaves=1, steps=1)
    assert found.request.subjects["layer"] == {"reference": told} and str(found.unit) == unit
    assert str(read_dream(net, told)) == told
    again = cs.dream(net, PIXELS, told, octaves=1, steps=1)
    assert np.array_equal(again.image, found.image) and again.request == found.request


def test_a_channel_is_raised_more_by_its_own_dream(net):
    def mean_of(picture, channel):
        return net.read(net.feed((picture * 255).round().astype(np.uint8)), "2")["2"][0, channel].mean().item()

    photo = PIXELS // 2 + 64  # so that no step is clipped
    for channel in range(4):
        found, against = (
            cs.dream(net, photo, f"{weight}2:{channel}", octaves=1, steps=5, jitter=0) for weight in ("", "-1*")
        )
        assert mean_of(found.image, channel) > mean_of(photo / 255, channel) > mean_of(against.image, channel)


def test_tiles_give_the_dream_of_the_whole_picture(net):
    photo = np.asarray(cs.open_image("sample:cat").pixels)[:200, :160]
    whole = cs.dream(net, photo, "2", octaves=2, steps=3, jitter=0, precision="fp32")
    tiled = cs.dream(net, photo, "2", octaves=2, steps=3, jitter=0, tile=64, precision="fp32")
    assert "tiles" in tiled.evidence and "tiles" not in whole.evidence
    assert np.abs(tiled.image - whole.image).max() < 1e-4


def test_a_network_of_one_size_is_shown_windows_of_it(net):
    class Rigid(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.last = inner, nn.Linear(4 * 16 * 16, 3)

        def forward(self, x):
            return self.last(self.inner(x).flatten(1))

    rigid = cs.Network(Rigid(net.module), size=32, name="rigid")
    found = cs.dream(rigid, PIXELS, "logits:1", steps=2)
    assert found.evidence["octaves"] == ["48 × 40"] and "tiles" in found.evidence
    assert found.image.shape == (40, 48, 3) and np.abs(found.image - found.original / 255).mean() > 0.002
    small = cs.dream(rigid, PIXELS[:20, :40], "logits:1", steps=1)
    assert small.image.shape == (32, 64, 3)
    with pytest.raises(
        cs.ConvscopeError, match="size must be at least 39 for this image, not 36: rigid takes no other"
    ):
        cs.dream(rigid, PIXELS, "logits:1", size=36)


@pytest.mark.parametrize("channels", [1, 3])
def test_any_network_any_shape_of_picture(channels):
    module = nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU())
    net = cs.Network(module, size=28, mean=(0.5,) * channels, std=(0.5,) * channels)
    for shape in ((17, 90, 3), (60, 31)):
        found = cs.dream(net, PIXELS[: shape[0], :1].repeat(2, 0)[: shape[0]], "1", size=64, **QUICK)
        assert found.image.ndim == 3 and max(found.image.shape) == 64
        assert found.image.dtype == np.float32 and found.image.min() >= 0 and found.image.max() <= 1
        assert (np.ptp(found.image, axis=2).max() == 0) == (channels == 1)


def test_without_contrast_the_dream_is_finite_and_of_a_dead_layer_it_says_so(net):
    flat = np.full((32, 32, 3), 128, np.uint8)
    assert np.isfinite(cs.dream(net, flat, "2", **QUICK).image).all()
    dead = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.Flatten(1), nn.Unflatten(1, (2, 32, 32)))
    with torch.no_grad():
        dead[0].weight.zero_()
    found = cs.dream(cs.Network(dead, size=32), flat, "0", octaves=1, steps=2)
    assert "gradient is zero" in found.evidence["vanished"] and np.array_equal(
        found.image, found.original / np.float32(255)
    )


def test_what_smoothing_does():
    checks = torch.from_numpy(np.indices((16, 16)).sum(0) % 2 * 2.0 - 1)[None, None]
    even = torch.ones(1, 1, 16, 16, dtype=torch.float64)
    assert smoothed(checks, 0) is checks
    assert smoothed(checks, 2)[0, 0, 4:-4, 4:-4].abs().max() < 0.2 and torch.allclose(smoothed(even, 2), even)


def test_octave_sizes():
    assert octave_sizes((100, 140), 3, 2) == [(25, 35), (50, 70), (100, 140)]
    assert octave_sizes((40, 400), 4, 2) == [(20, 200), (40, 400)]
    assert octave_sizes((5, 8), 4, 2) == [(5, 8)]


def test_the_size_is_the_longest_side(net):
    assert cs.dream(net, PIXELS, "2", size=80, octaves=1, steps=1).image.shape == (67, 80, 3)
    large = np.zeros((300, 600, 3), np.uint8)
    assert cs.dream(net, large, "2", octaves=1, steps=1).image.shape == (48, 96, 3)


@pytest.mark.parametrize(
    ("travel", "there"),
    [
        (Travel(1.0, (2, 0)), (4, 7)),
        (Travel(1.0, (0, -3)), (1, 5)),
        (Travel(1.0, rotation=90), (5, 4)),
        (Travel(2.0), (4, 6)),
    ],
    ids=["right", "up", "clockwise", "nearer"],
)
def test_where_a_camera_sees_a_point_next(travel, there):
    picture = torch.zeros(1, 1, 9, 9)
    picture[0, 0, 4, 5] = 1  # beside the middle
    seen = travel(picture)[0, 0]
    assert divmod(int(seen.argmax()), 9) == there and seen.max() > 0.9


def test_a_camera_that_stays_sees_the_same_also_where_sides_differ():
    picture = torch.rand(1, 3, 20, 31)
    assert torch.allclose(Travel(1.0)(picture), picture, atol=1e-4)
    assert torch.allclose(Travel(1.0, rotation=180)(picture), picture.flip(2, 3), atol=1e-3)


def stop_after(count):
    def listen(step, total, preview):
        assert preview.ndim == 3 and preview.shape[2] == 3 and np.isfinite(preview).all()
        if step == count:
            raise cs.Cancelled

    return cs.listening(listen)


@pytest.mark.parametrize("steps", [1, 3, 4, 6])
def test_cancelled_it_holds_what_is_there(net, steps):
    with stop_after(steps):
        found = cs.dream(net, PIXELS, "2", frames=0, **QUICK)
    assert found.image.shape == (40, 48, 3) and np.abs(found.image - PIXELS / 255).max() > 0.001
    assert np.isfinite(found.values).sum() == steps
    assert ("partial" in found.evidence) is (steps < 6)
    if steps < 6:
        assert found.evidence["partial"] == f"cancelled after {steps} of 6 steps" and found.picture()


@pytest.mark.parametrize("stops", [[1], [3], [4, 5], [7, 13], [6, 12]])
@pytest.mark.parametrize("frames", [0, 3])
def test_taken_up_again_it_has_the_same_bytes(net, tmp_path, stops, frames):
    def ask():
        return cs.dream(net, PIXELS, "2", frames=frames, rotation=3, **QUICK)

    whole = ask()
    for stop in stops:
        with cs.checkpoint(tmp_path / "kept"), stop_after(stop):
            ask()
    with cs.checkpoint(tmp_path / "kept"):
        found = ask()
    for name, array in whole.arrays().items():
        assert np.array_equal(array, found.arrays()[name]), name
    assert found.evidence == whole.evidence


def test_killed_between_two_states_it_goes_on_from_the_last(net, tmp_path):
    def die(step, total, preview):
        if step == 18:  # state is kept every 16
            raise RuntimeError

    def ask():
        return cs.dream(net, PIXELS, "2", octaves=1, steps=20, tile=32, size=64)

    with cs.checkpoint(tmp_path / "kept"), cs.listening(die), pytest.raises(RuntimeError):
        ask()
    with cs.checkpoint(tmp_path / "kept"):
        taken_up = ask().image
    assert np.array_equal(taken_up, ask().image)


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_dream(net):
    one, same, other = (cs.dream(net, PIXELS, "2", seed=seed, **QUICK) for seed in (1, 1, 2))
    assert np.array_equal(one.image, same.image) and not np.array_equal(one.image, other.image)


@pytest.mark.parametrize("fails", [0, 2, 4])
def test_numbers_that_are_not_finite_end_it_with_the_last_good_picture(net, fails):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.count = net.module, 0

        def forward(self, x):
            self.count += torch.is_grad_enabled()
            return self.inner(x) * (torch.nan if self.count > fails else 1.0)

    made = Broken()
    broken = cs.Network(nn.Sequential(made), size=32)
    broken.layers, broken.receptive_field("0")
    made.count = 0
    found = cs.dream(broken, PIXELS, "0", **QUICK)
    octave, step = divmod(fails, 3)
    assert f"octave {octave + 1}, step {step + 1}: the picture before is kept" in found.evidence["not_finite"]
    assert np.isfinite(found.image).all() and "partial" not in found.evidence
    assert np.isfinite(found.values).sum() == fails


def test_the_module_stays_as_it_is(tiny):
    module = tiny.module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.inference_mode():
        found = cs.dream(tiny, PIXELS, "dream(2) + 3:1", **QUICK)
    assert "vanished" not in found.evidence
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training and not any(part._forward_hooks for part in module.modules())
    assert all(p.requires_grad and p.grad is None for p in module.parameters())


def test_a_zoom_begins_with_the_dream_and_goes_on_from_it(net):
    still = cs.dream(net, PIXELS, "2", **QUICK)
    found = cs.dream(net, PIXELS, "2", frames=3, zoom=1.2, drift_x=1, **QUICK)
    assert found.frames.shape == (3, 40, 48, 3) and np.array_equal(found.image, still.image)
    assert np.array_equal(found.frames[0], np.rint(still.image * 255).astype(np.uint8))
    assert found.values.shape == (2, 3)
    moved = Travel(1.2, (1, 0))(torch.from_numpy(still.image).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    step = np.abs(found.frames[1] / 255 - moved).mean()
    assert step < np.abs(found.frames[1] / 255 - still.image).mean()


@pytest.mark.parametrize("shape", [(40, 48), (41, 33)], ids=["even", "odd"])
def test_a_video_opens_again(net, tmp_path, shape):
    av = pytest.importorskip("av")
    photo = np.asarray(cs.open_image("sample:cat").pixels)[: shape[0], : shape[1]]
    found = cs.dream(net, photo, "2", frames=4, octaves=1, steps=1)
    path = found.save(tmp_path / "dream.mp4", fps=12.5)
    with av.open(str(path)) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert float(video.streams.video[0].average_rate) == 12.5
        assert Request.from_json(video.metadata["comment"]) == found.request
    assert len(frames) == 4 and frames[0].shape == (shape[0] // 2 * 2, shape[1] // 2 * 2, 3)
    difference = np.abs(frames[0].astype(int) - found.frames[0][: frames[0].shape[0], : frames[0].shape[1]])
    assert difference.mean() < 12  # of colors, a quarter is kept
    assert [path.name for path in tmp_path.iterdir()] == ["dream.mp4"]


def test_a_video_is_of_frames_and_needs_its_library(net, tmp_path, monkeypatch):
    still = cs.dream(net, PIXELS, "2", octaves=1, steps=1)
    with pytest.raises(cs.ConvscopeError, match=r"must end in .png, .npz or .json, not 'd.mp4'.*with frames, such as"):
        still.save(tmp_path / "d.mp4")
    found = cs.dream(net, PIXELS, "2", octaves=1, steps=1, frames=2)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'convscope\[video\]'"):
        found.save(tmp_path / "d.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    from convscope.view.encode.mp4 import mp4

    with pytest.raises(cs.ConvscopeError, match=r"pip install 'convscope\[video\]'"):
        mp4(found)
    assert not list(tmp_path.glob("*.mp4"))


def test_the_command_line_makes_a_video_and_refuses_one_without_frames_at_once(tmp_path):
    from click.testing import CliRunner

    from convscope.fronts.cli.main import convscope

    pytest.importorskip("av")
    words = ["dream", "lite0", "sample:cat", "conv_stem", "--size", "64", "--octaves", "1", "--steps", "1"]
    refused = CliRunner().invoke(convscope, [*words, "-o", "d.mp4"])
    assert isinstance(refused.exception, cs.ConvscopeError) and "with frames" in str(refused.exception)
    ran = CliRunner().invoke(convscope, [*words, "--frames", "2", "--fps", "10", "--json", "-o", "d.mp4"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.output)["output"] == "d.mp4" and (tmp_path / "d.mp4").stat().st_size > 500


def test_a_picture_shows_the_dream_and_is_made_again_by_its_request(lite0):
    found = cs.dream(lite0, "sample:cat", "conv_stem", octaves=1, steps=1, size=64, frames=2)
    alone, with_original = found.picture(), found.picture(original=True)
    assert alone.size[1] < with_original.size[1]
    again = rerun(found.request)
    assert np.array_equal(again.image, found.image) and np.array_equal(again.frames, found.frames)


@pytest.mark.parametrize(
    ("layer", "knobs", "words"),
    [
        ("2", {"steps": 0}, "steps must be greater than or equal to 1"),
        ("2", {"octaves": 0}, "octaves must be"),
        ("2", {"scale": 1}, "scale must be greater than 1"),
        ("2", {"tile": 8}, "tile must be"),
        ("2", {"guide": "nowhere.png"}, "guide must be an image, not 'nowhere.png'"),
        ("2:1", {"guide": "sample:cat"}, "guide must lead the dream of a whole layer, not 2:1"),
        ("2:1@3,3", {}, "layer must be layers, channels, classes or directions, not 2:1@3,3"),
        ("diversity(2)", {}, r"not diversity\(2\)"),
        ("9", {}, "has no layer '9'"),
        ("dream(9)", {}, "has no layer '9'"),
        ("2:9", {}, "has 4 channels"),
        ("", {}, "must not be empty"),
    ],
)
def test_refusals(net, layer, knobs, words):
    with pytest.raises(cs.ConvscopeError, match=words):
        cs.dream(net, PIXELS, layer, **knobs)


def test_a_guide_smaller_than_what_a_neuron_sees_is_refused(net):
    path = written(PIXELS[:6, :10])
    with pytest.raises(
        ValueError, match=r"guide must be at least 7 × 7 pixels, what a neuron of 2 sees, not 10 × 6\. Use"
    ):
        cs.dream(net, PIXELS, "2", guide=path)
    assert cs.dream(net, PIXELS, "2", guide=written(PIXELS[:7, :7]), **QUICK).image.any()


def test_a_layer_without_a_gradient_is_refused():
    class Rounds(nn.Module):
        def forward(self, x):
            return x.detach().round()

    net = cs.Network(nn.Sequential(Rounds(), nn.Identity()), size=16)
    with pytest.raises(cs.ConvscopeError, match=r"dream\(1\) has no gradient"):
        cs.dream(net, PIXELS, "1", octaves=1, steps=1)
