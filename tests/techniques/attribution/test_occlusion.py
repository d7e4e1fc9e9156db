"""Occlusion: published answers to the digit, parity with Captum, what must hold, and what goes wrong."""

import copy
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import BadImage, BadKnob, ForwardFailed

from ...short import random

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from captum.attr import Occlusion

few = settings(deadline=None, max_examples=8)


def exact(module, x, mean=0):
    """A network that is fed the numbers x as they are, less `mean`, and the picture that does it."""
    pixels = np.array(x, np.uint8)
    return cs.Network(module, size=pixels.shape, mean=(mean / 255,), std=(1 / 255,)), pixels


class N2(nn.Module):
    """Captum's BasicModel_MultiLayer without its first layer."""

    def __init__(self):
        super().__init__()
        self.linear1, self.relu, self.linear2 = nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)
        with torch.no_grad():
            self.linear1.weight.fill_(1)
            self.linear1.bias.copy_(torch.tensor([-10.0, 1, 1, 1]))
            self.linear2.weight.fill_(1)
            self.linear2.bias.copy_(torch.tensor([-1.0, 1]))

    def forward(self, x):
        return self.linear2(self.relu(self.linear1(x.flatten(1))))


@pytest.mark.parametrize(
    ("x", "width", "stride", "fill", "wanted"),
    [
        ([20, 50, 30], 1, 1, "mean", [80, 200, 120]),
        ([20, 50, 30], 2, 1, "#0a0a0a", [200, 220, 240]),
        ([20, 50, 30], 2, 2, "mean", [280, 280, 120]),
        ([2, 10, 3], 1, 1, "mean", [8, 35, 12]),
    ],
)
def test_n2_gives_what_captum_publishes(x, width, stride, fill, wanted):
    net, image = exact(N2(), [x])
    wanted = [220 if fill != "mean" and w == 220 else w for w in wanted]
    found = cs.occlusion(net, image, "logits:0", size=1, width=width, stride=stride, fill=fill)
    np.testing.assert_allclose(found.values, [wanted], rtol=1e-5)


class Sum(nn.Module):
    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x):
        return self.factor * x.sum((1, 2, 3), keepdim=True)[:, :, 0, 0]


def test_pairs_sums_over_windows():
    image = np.zeros((5, 5), np.uint8)
    image[1, 1] = image[3, 3] = 1
    net, image = exact(Sum(3.0), image)
    found = cs.occlusion(net, image, "logits:0", size=3, stride=1)
    count = np.outer(*[[1, 2, 3, 2, 1]] * 2)
    summed = found.values * count
    np.testing.assert_allclose(summed[0], [3, 6, 6, 3, 0], atol=1e-5)
    assert summed[2, 2] == pytest.approx(24) and found.drops.shape == (3, 3)


@pytest.mark.parametrize(
    ("name", "size", "patch", "stride"),
    [
        ("resnet18", 64, 24, 17),
        pytest.param("densenet", 64, 16, 16, marks=pytest.mark.sweep),
        pytest.param("vgg16", 64, 24, 13, marks=pytest.mark.sweep),
    ],
)
def test_it_is_captums_on_random_networks(name, size, patch, stride):
    module = random(name).to(memory_format=torch.contiguous_format)
    parity(cs.Network(module.double(), size=size), patch, stride, 1e-6)


def test_it_is_captums_on_lite0(lite0):
    parity(lite0, 96, 90, 1e-4)


def parity(net, patch, stride, tolerance):
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        wanted = Occlusion(net.module).attribute(
            net.prepare("sample:cat"), strides=(3, stride, stride), sliding_window_shapes=(3, patch, patch), target=7,
            perturbations_per_eval=8,
        )[0, 0].numpy()  # fmt: skip
    found = cs.occlusion(net, "sample:cat", "logits:7", size=patch, stride=stride)
    assert np.abs(found.values - wanted).max() <= tolerance * np.abs(wanted).max() > 0
    assert found.evidence["relative_difference"] < 1e-5


@few
@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 99))
def test_patches_of_a_sum_add_up(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 9, (9, 12), dtype=np.uint8)
    net, image = exact(Sum(), image)
    found = cs.occlusion(net, image, "logits:0", size=height, width=width, stride=max(height, width))
    covered = np.nan_to_num(found.values)
    assert np.isfinite(found.values[-1]).any() and np.isfinite(found.values[:, -1]).any()
    if height == width:
        total = sum(
            covered[t, left] for t in found.tops for left in found.lefts
        )  # disjoint windows, each with its one drop
        assert total == pytest.approx(image.sum())


class Roll(nn.Module):
    """Looks everywhere in the same way, around the edges too."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular")

    def forward(self, x):
        return self.conv(x).relu().sum((2, 3))


def test_the_map_moves_with_the_picture():
    torch.manual_seed(0)
    image = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    net = cs.Network(Roll().double(), size=16, mean=(0.5,), std=(0.2,))
    one, other = (cs.occlusion(net, np.roll(image, by, 1), "logits:1", size=4, stride=4).values for by in (0, 4))
    np.testing.assert_allclose(np.roll(one, 4, 1), other, atol=1e-5 * np.abs(one).max())
    assert np.ptp(one) > 0


def test_a_neuron_gives_zero_to_what_it_cannot_see(tiny):
    found = cs.occlusion(tiny, "sample:cat", "0:3@10,20", size=2, stride=1)
    seen = np.zeros((32, 32), bool)
    seen[8:13, 18:23] = True  # 3 × 3, and one more around it that shares a window
    assert not found.values[~seen].any() and found.values[9:12, 19:22].any() and found.value != 0
    assert found.logits.shape == (31, 31, 5) and found.grid.shape == (31, 31)


def test_changing_the_class_costs_nothing(tiny):
    found = cs.occlusion(tiny, "sample:cat", "logits:1", size=8)
    assert found.grid.shape == (*found.drops.shape, 5) and found.correct == 1
    for unit, other in (("logits:3", found.for_class(3)), ("probs:3", found.for_class(3, probability=True))):
        fresh = cs.occlusion(tiny, "sample:cat", unit, size=8)
        np.testing.assert_allclose(other.values, fresh.values, atol=1e-6)
        assert other.unit == fresh.unit and other.value == pytest.approx(fresh.value, rel=1e-5) and other.correct == 3
    shares = torch.from_numpy(found.logits).softmax(2).numpy()
    np.testing.assert_allclose(found.probability, shares[..., 1], rtol=1e-5)
    assert np.array_equal(found.top_class, shares.argmax(2))
    counted = {row["class"]: row["windows"] for row in found.evidence["most_probable"]}
    assert counted == {int(c): int((found.top_class == c).sum()) for c in np.unique(found.top_class)}


def test_the_correct_class_may_be_named(tiny):
    assert cs.occlusion(tiny, "sample:cat", "2:0", size=16, correct="4").correct == 4
    top = tiny.predict("sample:cat", 1)[0][1]
    assert cs.occlusion(tiny, "sample:cat", "2:0", size=16).correct == top
    with pytest.raises(BadKnob, match="correct must be the number or label of a class, not 'cow'"):
        cs.occlusion(tiny, "sample:cat", "2:0", correct="cow")


@pytest.mark.parametrize("fill", ["grey", "blur", "noise", "#ff0000"])
def test_what_hides_is_what_was_asked_for(tiny, fill):
    found = cs.occlusion(tiny, "sample:cat", "logits:1", size=8, stride=8, fill=fill, seed=3)
    seen = found.seen.copy()
    hidden = {"grey": (128, 128, 128), "#ff0000": (255, 0, 0)}.get(fill)
    if hidden is not None:
        seen[:8, 8:16] = hidden
        wanted = tiny.value(tiny.feed(seen), "logits:1").item()
        assert found.unit_values[0, 1] == pytest.approx(wanted, rel=1e-4)
    assert np.array_equal(
        found.values, cs.occlusion(tiny, "sample:cat", "logits:1", size=8, stride=8, fill=fill, seed=3).values
    )
    if fill == "noise":
        other = cs.occlusion(tiny, "sample:cat", "logits:1", size=8, stride=8, fill=fill, seed=4)
        assert not np.array_equal(found.values, other.values)


def test_the_batch_size_changes_roundings_only_and_bf16_little(lite0):
    def ask(**knobs):
        return cs.occlusion(lite0, "sample:cat", "logits:285", size=96, stride=64, **knobs)

    first, *others = (ask(batch_size=size) for size in (1, 4, 64))
    for other in others:
        assert np.abs(other.values - first.values).max() <= 1e-4 * np.abs(first.values).max()
    rough = ask(precision="bf16")
    assert np.abs(rough.logits - first.logits).max() < 0.6
    least = 0 if "cpu support" in rough.evidence.get("dense_because", "") else 1e-4  # then in float32
    assert least < rough.evidence["relative_difference"] < 0.05


def test_patches_and_strides_that_cannot_be(tiny):
    with pytest.raises(BadKnob, match=r"size and width must be at most 32 × 32.*not 33 × 33. Give a smaller"):
        cs.occlusion(tiny, "sample:cat", "logits:1", size=33)
    with pytest.raises(BadKnob, match="stride must be greater than or equal to 1 or 'auto', not 0"):
        cs.occlusion(tiny, "sample:cat", "logits:1", stride=0)
    with pytest.raises(BadKnob, match=r"fill must be .* not 'pink'"):
        cs.occlusion(tiny, "sample:cat", "logits:1", fill="pink")


def test_with_gaps_the_last_row_and_column_are_covered_and_the_gaps_are_nan(tiny):
    found = cs.occlusion(tiny, "sample:cat", "logits:1", size=5, stride=11)
    assert found.tops.tolist() == [0, 11, 22, 27]
    assert np.isfinite(found.values[-1, -5:]).all() and np.isnan(found.values[5:11]).all()
    found = cs.occlusion(tiny, "sample:cat", "logits:1", size=10, stride=7)
    assert found.tops.tolist() == [0, 7, 14, 21, 28] and np.isfinite(found.values).all()


class Hollow(nn.Module):
    """Puts out NaN when something is hidden, or always."""

    def __init__(self, always):
        super().__init__()
        self.conv, self.always = nn.Conv2d(3, 2, 3), always

    def forward(self, x):
        y = self.conv(x).mean((2, 3))
        return y * torch.where((x == 0).any() | torch.tensor(self.always), torch.nan, 1.0)


@pytest.mark.parametrize("always", [True, False])
def test_numbers_that_are_not_finite_are_refused(always):
    with pytest.raises(ForwardFailed, match="not finite"):
        cs.occlusion(cs.Network(Hollow(always), size=20, mean=(-1,) * 3), "sample:cat", "logits:1", size=5)


def test_cancelled_in_the_middle_it_gives_what_is_done(tiny):
    previews = []

    def listener(step, total, preview):
        previews.append(preview)
        assert preview.shape == (32, 32) and total > 2
        if step == 2:
            raise cs.Cancelled

    with cs.listening(listener):
        found = cs.occlusion(tiny, "sample:cat", "logits:1", size=8, stride=2, batch_size=2)
    whole = cs.occlusion(tiny, "sample:cat", "logits:1", size=8, stride=2, batch_size=2)
    done = np.isfinite(found.unit_values)
    assert 0 < done.sum() < done.size and found.evidence["partial"].startswith("cancelled after 2 of")
    np.testing.assert_allclose(found.unit_values[done], whole.unit_values[done], rtol=1e-5)
    assert np.isnan(found.values).any() and np.isfinite(found.values).any() and len(previews) == 2
    assert set(found.top_class[~done]) == {-1}
    assert found.picture().width > 500


def test_another_exception_throws_it_away_and_leaves_the_module_alone(tiny):
    before = copy.deepcopy(tiny.module.state_dict())

    def listener(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), cs.listening(listener):
        cs.occlusion(tiny, "sample:cat", "logits:1", size=8)
    assert all(torch.equal(v, before[k]) for k, v in tiny.module.state_dict().items())
    assert all(type(p) is nn.Parameter and p.requires_grad for p in tiny.module.parameters())


class Wrapped(nn.Module):
    def __init__(self, inner, wrap):
        super().__init__()
        self.inner, self.wrap = inner, wrap

    def forward(self, x):
        return self.wrap(self.inner(x))


@pytest.mark.parametrize("wrap", [lambda y: {"logits": y, "aux": y * 2}, lambda y: (y, None)], ids=["dict", "tuple"])
def test_outputs_may_be_wrapped_and_images_many(tiny, wrap):
    plain = cs.occlusion(tiny, "sample:cat", "logits:2", size=16)
    net = cs.Network(Wrapped(tiny.module, wrap), size=32)
    several = cs.occlusion(net, ["sample:cat", "sample:rocket"], "logits:2", size=16)
    np.testing.assert_allclose(several[0].values, plain.values, atol=1e-6)
    assert several[1].image.reference == "sample:rocket" and "windowed_convolutions" in several[0].evidence
    by_unit = cs.occlusion(net, ["sample:cat", "sample:cat"], ["logits:2", "logits:3"], size=16)
    assert [str(one.unit) for one in by_unit] == ["logits:2", "logits:3"]
    with pytest.raises(BadKnob, match="one for each of the 2 images, not 1 units"):
        cs.occlusion(net, ["sample:cat", "sample:cat"], ["logits:2"])
    with pytest.raises(BadImage):
        cs.occlusion(net, [3], "logits:2")
