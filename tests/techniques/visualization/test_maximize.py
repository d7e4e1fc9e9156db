"""Pictures that excite units: raised on every canvas, by every recipe, reported where not, made again exactly."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.progress import Cancelled
from convscope.techniques.visualization.maximize import maximize, read_objectives
from convscope.techniques.visualization.presets import CANVASES, PRESETS
from convscope.view.figures.paintings import _drawn

LABELS = [f"class {i}" for i in range(5)]


class Tiny(nn.Module):
    """Two convolutions and a classifier; channel 0 of `dead` never fires, logit 4 is constant."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 6, 5, padding=2)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 8, 3, padding=1, stride=2)
        self.dead = nn.ReLU()
        self.head = nn.Linear(8, 5)
        self.second.bias.data[0] = -100
        self.head.weight.data[4] = 0

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        return self.head(self.dead(self.second(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def net():
    return cs.Network(Tiny(), size=32, labels=LABELS, name="tiny")


@pytest.mark.parametrize("canvas", sorted(CANVASES))
@pytest.mark.parametrize("unit", ["logits:1", "second:3", "second:2@4,5", "probs:2", "-1*second:1", "dream(first)"])
def test_ascent_raises_every_objective_on_every_canvas(net, canvas, unit):
    found = maximize(net, unit, canvas=canvas, steps=25)
    assert found.driven.all() and found.values[0] > found.evidence["start"][0]
    assert found.images.shape == (1, 32, 32, 3) and 0 <= found.images.min() < found.images.max() <= 1


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_raises_a_class(net, preset):
    found = maximize(net, "logits:class 1", preset=preset, steps=12, precision="fp32")
    assert found.values[0] > found.evidence["start"][0]
    assert found.objectives == ("logits:1",) and found.evidence["labels"] == ["class 1"]


def test_the_final_value_is_what_the_network_makes_of_the_picture(net):
    found = maximize(net, ["second:3", "logits:2"], steps=5, precision="fp32")
    x = torch.from_numpy(found.images.transpose(0, 3, 1, 2))
    x = (x - torch.tensor(net.preprocessing.mean).reshape(3, 1, 1)) / torch.tensor(net.preprocessing.std).reshape(
        3, 1, 1
    )
    read = net.read(x, "second", "logits")
    expected = [read["second"][0, 3].mean().item(), read["logits"][1, 2].item()]
    assert np.allclose(found.values, expected, rtol=1e-4, atol=1e-5)


def test_units_in_one_batch_are_painted_as_alone_but_for_their_noise(net):
    together = maximize(net, ["second:1", "second:5"], steps=8)
    other = maximize(net, ["second:1", "logits:0"], steps=8)
    assert np.allclose(together.images[0], other.images[0], atol=2e-3)  # its neighbor does not matter
    assert not np.allclose(together.images[0], together.images[1], atol=0.05)


def test_a_unit_that_cannot_be_driven_is_reported_and_drawn_crossed(net):
    found = maximize(net, ["dead:0", "logits:4", "dead:3"], steps=20)
    assert found.driven.tolist() == [False, False, True]
    assert "dead:0, logits:4" in found.evidence["undriven"] and "show nothing" in found.evidence["undriven"]
    from convscope.view.figures.paintings import draw_maximized

    tiles = draw_maximized(found).arrays["images"]
    assert len(np.unique(tiles[0].reshape(-1, 3), axis=0)) == 2 and len(np.unique(tiles[2].reshape(-1, 3), axis=0)) > 2


def test_a_recipe_whose_steps_are_too_short_gives_grey_and_says_so():
    """Of a network that reacts to the faintest change: its score rises, and there is nothing to be seen."""
    module = Tiny()
    module.head.weight.data *= 1e4
    keen = cs.Network(module.eval(), size=16, labels=LABELS)
    found = maximize(keen, "logits:1", preset="yosinski1", steps=150)
    assert found.images.std((1, 2)).max() < 1 / 255 and found.driven.tolist() == [False]
    assert found.evidence["recipe"].startswith("lengths of steps were chosen on CaffeNet")
    assert "logits:1" in found.evidence["undriven"]
    assert "recipe" not in maximize(keen, "logits:1", steps=1).evidence


@pytest.mark.parametrize(("count", "side", "drawn"), [(1, 32, 160), (12, 28, 168), (2, 224, 224), (12, 224, 112)])
def test_small_pictures_are_enlarged_by_whole_factors(count, side, drawn):
    assert _drawn(side, count) == drawn


def test_redirected_gradients_wake_a_unit_that_begins_at_zero(net):
    module = copy.deepcopy(net.module)
    module.second.bias.data[0] = -1.2
    sleepy = cs.Network(module, size=32)
    found = maximize(sleepy, "dead:0", preset="convscope", steps=60)  # ours keeps to contrasts that do not wake it
    assert found.evidence["start"] == [0.0] and "redirected" in found.evidence
    assert found.driven.all() and found.values[0] > 0


def test_diverse_variants_differ_more(net):
    def likeness(diversity):
        found = maximize(net, "first:3", variants=3, diversity=diversity, steps=40)
        assert len(found.images) == 3 and set(found.objectives) == {"first:3"}
        x = torch.from_numpy(found.images.transpose(0, 3, 1, 2))
        maps = net.read((x - 0.45) / 0.22, "first")["first"].flatten(2)
        gram = nn.functional.normalize((maps @ maps.mT).flatten(1), dim=1)
        return (gram @ gram.T - torch.eye(3)).sum().item()

    assert likeness(5.0) < likeness(0.0)


def test_alpha_leaves_transparent_what_does_not_matter(net):
    found = maximize(net, "second:2@8,8", alpha=True, steps=40)
    assert found.images.shape == (1, 32, 32, 4)
    alpha = found.images[0, :, :, 3]
    assert alpha[12:21, 12:21].mean() > alpha[:8].mean() + 0.05  # the neuron sees 9 pixels around 16, 16
    found.picture()


def test_a_picture_is_made_again_bit_by_bit_and_another_seed_makes_another(net):
    first, again, other = (maximize(net, ["logits:0", "second:1"], steps=6, seed=seed) for seed in (3, 3, 4))
    assert first.images.tobytes() == again.images.tobytes() and first.curve.tobytes() == again.curve.tobytes()
    assert not np.allclose(first.images, other.images, atol=0.01)


def cancelled_at(step):
    def listen(done, total, preview):
        assert preview is None or preview.ndim == 4
        if done == step:
            raise Cancelled

    return cs.listening(listen)


@pytest.mark.parametrize(
    ("preset", "stop"), [("convscope", 1), ("convscope", 17), ("convscope", 18), ("convscope", 35), ("yosinski1", 23)]
)
def test_a_stopped_run_goes_on_to_the_same_bytes(net, tmp_path, preset, stop):
    asked = {"preset": preset, "steps": 18, "batch_size": 2}  # state is kept every 16
    units = ["logits:0", "second:1", "second:2"]
    whole = maximize(net, units, **asked)
    with cs.checkpoint(tmp_path / "state"), cancelled_at(stop):
        part = maximize(net, units, **asked)
    assert f"cancelled after {stop} of 36" in part.evidence["partial"]
    assert len(part.images) == (2 if stop < 19 else 3) and np.isfinite(part.values).all()
    with cs.checkpoint(tmp_path / "state"):
        rest = maximize(net, units, **asked)
    for name, array in whole.arrays().items():
        assert array.tobytes() == rest.arrays()[name].tobytes(), name
    assert {**whole.evidence} == {**rest.evidence}


def test_a_checkpoint_of_another_request_is_refused(net, tmp_path):
    with cs.checkpoint(tmp_path / "state"):
        maximize(net, "logits:0", steps=2)
        with pytest.raises(cs.ConvscopeError, match=r"holds the state of another request, maximize of .*logits:0"):
            maximize(net, "logits:1", steps=2)


def test_numbers_that_are_not_finite_end_it_with_the_last_good_picture(net):
    whole = maximize(net, "logits:1", steps=60)
    most = (whole.values[0] + whole.evidence["start"][0]) / 2

    class Breaks(Tiny):
        def forward(self, x):
            scores = super().forward(x)
            return torch.where(scores[:, 1:2] > most, torch.nan, scores)

    found = maximize(cs.Network(Breaks(), size=32), "logits:1", steps=60)
    assert (
        "step" in found.evidence["not_finite"] and np.isfinite(found.images).all() and np.isfinite(found.values).all()
    )
    assert 1 <= len(found.curve) < 60 and found.values[0] <= most


def test_the_module_is_as_before(net):
    before = copy.deepcopy(net.module.state_dict())
    maximize(net, ["dead:0", "logits:0"], steps=3)
    assert all(torch.equal(value, before[name]) for name, value in net.module.state_dict().items())
    assert not any(part._forward_hooks for part in net.module.modules()) and net.module.training
    assert all(p.requires_grad and p.grad is None for p in net.module.parameters())


def test_it_compares_with_a_scan_and_asks_judges(lite0, tmp_path):
    unit = "blocks.0.0.conv_dw:3"
    scan = cs.scan(lite0, "samples", tmp_path, layers="blocks.0.0.conv_dw", top=3, positions=0)
    found = maximize(lite0, [unit, "logits:207"], steps=20, scan=scan if scan.folder else tmp_path, judges="lite0")
    peak, over, high = (found.evidence[name] for name in ("peak", "over_maximum", "over_q999"))
    assert math.isclose(over[0], peak[0] / scan.statistics(unit)["max"]) and high[0] > over[0] > 0
    assert math.isnan(over[1])  # class scores were not scanned
    assert found.evidence["rank_lite0"] == [None, 1] and 0 < found.evidence["probability_lite0"][1] <= 1


def test_the_flamingo_becomes_the_arg_max_early_and_grows(lite0):
    """The shape of Yosinski's published run: −1.31 at first, the arg max from step 27 of 1000, 71 in the end."""
    found = maximize(lite0, "logits:130", preset="yosinski3", steps=48, judges="lite0")
    curve = found.curve[:, 0]
    assert abs(curve[0]) < 2 and found.evidence["rank_lite0"] == [1]
    assert curve[32:].mean() > curve[16:32].mean() > curve[:16].mean() > 3 * abs(curve[0])


def test_grey_small_networks_and_other_sizes_work():
    module = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Flatten(), nn.LazyLinear(4))
    module(torch.zeros(1, 1, 20, 24))
    grey = cs.Network(module, size=(20, 24), mean=(0.5,), std=(0.5,))
    found = maximize(grey, ["logits:1", "0:2"], steps=8)
    assert found.driven.all() and found.images.shape == (2, 20, 24, 3)
    assert (found.images[..., 0] == found.images[..., 2]).all()
    assert maximize(grey, "logits:1", size=12, steps=4).images.shape == (1, 12, 12, 3)
    assert maximize(grey, "logits:1", alpha=True, steps=4).images.shape == (1, 20, 24, 4)


def test_objectives_are_read_from_text_and_lists_and_printed_the_same(net):
    wanted = read_objectives(net, ["logits:class 2; second:1", cs.Unit("first", 3), "second:1 - 0.5*dream(first)"])
    assert str(wanted) == "logits:2; second:1; first:3; second:1 - 0.5*dream(first)"
    assert str(read_objectives(net, str(wanted))) == str(wanted)
    found = maximize(net, str(wanted), steps=2)
    assert found.request is not None and json.loads(found.request.to_json())["subjects"]["unit"] == {
        "reference": str(wanted)
    }


@pytest.mark.parametrize(
    ("unit", "knobs", "words"),
    [
        ("logits:1", {"steps": 0}, "steps must be"),
        ("logits:1", {"size": 7}, "size must be at least 8 for tiny, a quarter"),
        ("logits:9", {}, "has 5 channels"),
        ("nowhere:1", {}, "no layer 'nowhere'"),
        ([], {}, "at least one unit"),
        ("above(second:1)", {}, "must be of a class score"),
        ("logits:1", {"judges": "nonsense"}, "judges must be names of networks, not 'nonsense'"),
        ("logits:1", {"scan": "nonsense"}, "scan must be the folder of a finished scan, not 'nonsense'"),
        ("logits:1", {"spectrum": "nonsense"}, "spectrum must be a collection of images, not 'nonsense'"),
    ],
)
def test_bad_questions_are_refused_before_any_work(net, unit, knobs, words):
    with pytest.raises(cs.ConvscopeError, match=words):
        maximize(net, unit, **knobs)


def test_a_network_that_is_not_finite_from_the_start_is_refused(net):
    module = copy.deepcopy(net.module)
    module.head.bias.data[1] = torch.nan
    with pytest.raises(cs.ConvscopeError, match="not a number at step 1 of 4"):
        maximize(cs.Network(module, size=32), "logits:1", steps=4)


def test_a_layer_without_a_gradient_is_refused():
    class Signs(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return (self.inner(x) > 0).float().mean((2, 3))

    with pytest.raises(cs.ConvscopeError, match=r"logits:1 has no gradient.*Choose a layer before it"):
        maximize(cs.Network(Signs(), size=16), "logits:1", steps=3)
