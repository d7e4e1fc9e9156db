"""Pictures do not depend on how many are painted at once, nor on which others are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.progress import Cancelled
from convscope.techniques.visualization.maximize import maximize
from convscope.techniques.visualization.presets import PRESETS


class Tiny(nn.Module):
    """Two convolutions and a classifier."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 6, 5, padding=2)
        self.second = nn.Conv2d(6, 8, 3, padding=1, stride=2)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))).mean((2, 3)))


@pytest.fixture(scope="module")
def net():
    return cs.Network(Tiny(), size=16, name="tiny")


@pytest.fixture(scope="module", autouse=True)
def few_looks():
    """MaCo looks at 32 crops a step; how many there are does not matter here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "maco", replace(PRESETS["maco"], looks=4))
        yield


FEW = ["logits:1", "first:5", "second:4@3,3", "-1*second:2", "dream(first)", "probs:0"]


def apart(first, other):
    """How far pictures of two results are apart, at most and in the mean."""
    off = np.abs(first.images - other.images)
    return off.max(), off.mean()


@pytest.mark.parametrize(
    "preset",
    [
        pytest.param(name, marks=[] if name in ("convscope", "maco", "yosinski1") else pytest.mark.sweep)
        for name in sorted(PRESETS)
    ],
)
@settings(max_examples=2)
@given(
    st.lists(st.sampled_from(FEW), min_size=1, max_size=3),
    st.integers(0, 2**63 - 1),
    st.integers(1, 3),
    st.booleans(),
)
def test_pictures_do_not_hang_on_batch_size(net, preset, units, seed, variants, alpha):
    """Roundings grow, as Adam takes whole steps along slopes that are all but nothing: few pixels after three."""
    asked = {"preset": preset, "seed": seed, "variants": variants, "alpha": alpha, "precision": "fp32"}
    for steps, most, mean in ((1, 1e-4, 1e-6), (3, 0.2, 1e-3)):
        first, *others = (maximize(net, units, steps=steps, batch_size=size, **asked) for size in (1, 2, "auto"))
        for other in others:
            off = apart(first, other)
            assert off[0] < most and off[1] < mean, (steps, off)
            assert np.allclose(first.values, other.values, rtol=1e-2, atol=1e-3)
            assert first.objectives == other.objectives


@pytest.mark.parametrize(
    ("units", "knobs"),
    [
        (["first:3", "second:1"], {"variants": 5, "diversity": 2.0}),
        (["logits:1"], {"variants": 3, "diversity": 1.0, "alpha": True}),
        ([f"second:{n} + 2*alignment(first)" for n in range(5)], {}),
        (["second:1 + 2*alignment(second)", "second:3"], {"variants": 3}),
        (["first:2 + diversity(second)"], {"variants": 4, "preset": "maco"}),
    ],
)
def test_pictures_that_are_compared_do_not_hang_on_batch_size_either(net, units, knobs):
    """Those of a batch are seen a few at a time, twice, and compared with all."""
    found = [maximize(net, units, steps=2, batch_size=size, **knobs) for size in (1, 2, 20)]
    for other in found[1:]:
        off = apart(found[0], other)
        assert off[0] < 0.05 and off[1] < 1e-4, off
        assert np.allclose(found[0].values, other.values, rtol=1e-3, atol=1e-4)
    without = [unit.split(" + ")[0] for unit in units]
    alone = maximize(net, without, steps=2, **{**knobs, "diversity": 0.0})
    assert apart(found[0], alone)[1] > 1e-3, "what compares them must count"


def test_pictures_of_the_embedded_network_do_not_hang_on_batch_size(lite0):
    units = ["logits:281", "blocks.2:5", "blocks.1:2@3,3"]
    one, other = (maximize(lite0, units, steps=2, size=64, batch_size=size, precision="fp32") for size in (1, 3))
    off = apart(one, other)
    assert off[0] < 0.1 and off[1] < 1e-4, off


def test_a_picture_is_the_same_whatever_else_is_asked_for_after_it(net):
    alone = maximize(net, "logits:1", steps=6)
    for others in (["second:3"], ["second:3@2,2"], ["-1*logits:2", "first:0", "first:1", "first:2"]):
        found = maximize(net, ["logits:1", *others], steps=6)
        assert np.allclose(found.images[0], alone.images[0], atol=1e-3)


def cancelled_at(step):
    def listen(done, total, preview):
        if done == step:
            raise Cancelled

    return cs.listening(listen)


SEVERAL = [
    (["first:3", "second:1"], {"variants": 3, "diversity": 2.0, "batch_size": 2}),
    (["second:1", "second:3@2,2"], {"alpha": True, "preset": "lucid", "batch_size": 2}),
    (["logits:1"], {"variants": 3, "batch_size": 2}),
]


@pytest.mark.parametrize(
    ("units", "knobs", "stop"),
    [  # at each kind of moment once; the other pairs are left to the sweep
        pytest.param(units, knobs, stop, marks=[] if number == which else pytest.mark.sweep)
        for which, (units, knobs) in enumerate(SEVERAL)
        for number, stop in enumerate((27, 3, 18))
    ],
)
def test_a_stopped_run_goes_on_to_the_same_bytes(net, tmp_path, units, knobs, stop):
    whole = maximize(net, units, steps=18, **knobs)
    with cs.checkpoint(tmp_path / "state"), cancelled_at(stop):
        part = maximize(net, units, steps=18, **knobs)
    assert f"cancelled after {stop} of 36" in part.evidence["partial"]
    with cs.checkpoint(tmp_path / "state"):
        rest = maximize(net, units, steps=18, **knobs)
    for name, array in whole.arrays().items():
        assert array.tobytes() == rest.arrays()[name].tobytes(), name
    assert {**whole.evidence} == {**rest.evidence}
    done = 3 if stop >= 18 and "variants" in knobs and len(units) > 1 else 1 if stop >= 18 and len(units) > 1 else 0
    assert part.images[:done].tobytes() == whole.images[:done].tobytes(), "what was finished is finished"


def test_diversity_is_of_variants_only(net):
    found = [maximize(net, ["first:3", "first:4"], steps=4, diversity=diversity) for diversity in (0.0, 5.0)]
    assert np.array_equal(found[0].images, found[1].images)


def test_a_picture_whose_numbers_are_not_finite_does_not_end_those_of_its_batch(net):
    class Breaks(Tiny):
        def forward(self, x):
            scores = super().forward(x)
            return torch.cat([torch.where(scores[:, :1] > start + 0.01, torch.nan, scores[:, :1]), scores[:, 1:]], 1)

    start = maximize(net, "logits:0", preset="lucid", steps=1).evidence["start"][0]
    module = Breaks()
    module.load_state_dict(net.module.state_dict())
    found = maximize(cs.Network(module, size=16), ["logits:0", "logits:1"], preset="lucid", steps=12)
    whole = maximize(net, ["logits:0", "logits:1"], preset="lucid", steps=12)
    assert "of logits:0:" in found.evidence["not_finite"] and "logits:1" not in found.evidence["not_finite"]
    assert np.isfinite(found.images).all() and np.isfinite(found.curve[:, 1]).all() and np.isnan(found.curve[-1, 0])
    assert np.allclose(found.images[1], whole.images[1], atol=1e-3)
