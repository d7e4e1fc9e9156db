"""Integrated gradients: published answers, parity with Captum, and completeness, which nothing may be far from."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, ForwardFailed
from convscope.base.progress import Cancelled, listening
from convscope.techniques.attribution.integrated_gradients import integrated_gradients

from ...short import random

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from captum.attr import IntegratedGradients

IMAGE = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)


def close(found, wanted, tolerance=1e-6):
    assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max() > 0


class OfTwo(nn.Module):
    """A function of the two pixels of a picture."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x[:, 0, 0, 0], x[:, 0, 0, 1])[:, None]


def ask_two(function, pixels, **knobs):
    net = cs.Network(OfTwo(function), size=(1, 2), mean=(0.0,), std=(1 / 255,))
    return integrated_gradients(net, np.array([pixels], np.uint8), "logits:0", **knobs)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 50, 51])
@pytest.mark.parametrize(
    "function", [lambda a, b: F.relu(F.relu(a) - 1 - F.relu(b)), lambda a, b: F.relu(F.relu(a - 1) - F.relu(b))]
)
def test_the_two_published_networks_have_the_same_answer(function, steps):
    found = ask_two(function, (3, 1), steps=steps, tolerance=1e-3, limit=1000)
    np.testing.assert_allclose(found.values[0, 0], (1.5, -0.5), atol=2e-3)
    assert (found.value, found.evidence["value_at_baseline"]) == (1, 0)
    assert found.evidence["relative_gap"] <= 1e-3 and "not_converged" not in found.evidence


@pytest.mark.parametrize(
    "name", ["resnet18", *(pytest.param(name, marks=pytest.mark.sweep) for name in ("densenet", "vgg16"))]
)
def test_it_is_captums_where_nothing_is_refined(name):
    net = cs.Network(random(name).double().eval(), size=64)
    x = net.prepare(IMAGE)
    found = integrated_gradients(net, IMAGE, "logits:7", steps=4, limit=4, batch_size=3)
    theirs, gap = IntegratedGradients(net.module).attribute(
        x, target=7, n_steps=4, method="gausslegendre", return_convergence_delta=True
    )
    close(found.values, theirs[0].detach().numpy())
    assert found.evidence["completeness_gap"] == pytest.approx(abs(gap.item()), rel=1e-6, abs=1e-12)
    assert (found.evidence["steps"], found.evidence["refinements"]) == (4, 0)
    assert (found.evidence["forward_passes"], found.evidence["backward_passes"]) == (6, 4)


def test_it_is_captums_on_the_embedded_network(lite0):
    found = integrated_gradients(lite0, "sample:cat", "logits:281", steps=3, limit=3)
    theirs = IntegratedGradients(lite0.module.eval()).attribute(lite0.prepare("sample:cat"), target=281, n_steps=3)
    wanted = theirs[0].detach().numpy()  # roundings tip rectifiers, there as here
    assert np.linalg.norm(found.values - wanted) <= 1e-2 * np.linalg.norm(wanted) > 0
    assert "not_converged" in found.evidence
    assert found.evidence["engine"] == "the executed graph in reverse"


def steep(a, b):
    """Rises in one hundredth of the way."""
    return torch.sigmoid(5 * (a - 33)) + 0.1 * F.relu(b - 2)


def test_it_refines_until_the_sum_is_right_where_even_points_would_not_do():
    found = ask_two(steep, (90, 4), steps=5, tolerance=1e-3)
    once = ask_two(steep, (90, 4), steps=found.evidence["steps"], limit=1, tolerance=1e-3)
    assert found.evidence["refinements"] > 0 and "not_converged" not in found.evidence
    assert found.evidence["relative_gap"] <= 1e-3 < once.evidence["relative_gap"]
    np.testing.assert_allclose(found.values[0, 0], (1, 0.2), atol=2e-3)


def test_it_says_when_the_limit_was_reached():
    found = ask_two(steep, (90, 4), steps=5, limit=12, tolerance=1e-6)
    assert found.evidence["steps"] == 12 and found.evidence["refinements"] == 2
    assert "raise limit" in found.evidence["not_converged"]
    assert found.evidence["backward_passes"] == 5 + 10 + 12


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 1000), st.sampled_from(["mean", "grey", "blur", "noise", "#ff8000"]))
def test_the_values_sum_to_the_rise_and_batches_change_roundings_only(seed, fill):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)).double()
    net = cs.Network(module, size=8)
    first, *others = (
        integrated_gradients(net, IMAGE, "logits:1", fill=fill, seed=seed, steps=7, limit=4000, batch_size=size)
        for size in (1, 3, 7)
    )
    assume(first.values.any())  # of so few rectifiers all may be closed
    rise = first.value - first.evidence["value_at_baseline"]
    assert abs(first.values.sum(dtype=np.float64) - rise) <= 0.0101 * abs(rise) + 1e-6
    assert first.evidence["completeness_gap"] <= 0.01 * abs(rise)
    for other in others:
        close(other.values, first.values)


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 1000))
def test_of_a_linear_network_it_is_the_input_times_the_weights(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = cs.Network(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)).double(), size=4)
    wanted = net.prepare(IMAGE)[0] * net.module[1].weight[1].reshape(3, 4, 4)
    found = integrated_gradients(net, IMAGE, "logits:1", steps=1)
    close(found.values, wanted.detach().numpy())
    assert found.evidence["refinements"] == 0


def test_a_noise_baseline_hangs_on_the_seed(tiny):
    one, same, other = (
        integrated_gradients(tiny, IMAGE, "logits:1", fill="noise", seed=s, steps=4, limit=4) for s in (1, 1, 2)
    )
    assert np.array_equal(one.values, same.values) and not np.array_equal(one.values, other.values)


def test_a_unit_as_large_for_the_baseline_is_named():
    found = ask_two(lambda a, b: a - 3 * b + 5, (3, 1))
    assert found.values[0, 0].tolist() == pytest.approx([3, -3])
    assert "no_difference" in found.evidence and "not_converged" not in found.evidence
    dead = ask_two(lambda a, b: F.relu(-1 - a - b), (3, 1))
    assert not dead.values.any()
    assert "vanished" in dead.evidence and dead.evidence["relative_gap"] == 0


def test_cancelled_in_the_first_round_it_is_the_mean_over_what_is_done(tiny):
    found = cancelled(tiny, lambda heard: len(heard) == 8)
    wanted = integrated_gradients(tiny, IMAGE, "logits:1", steps=400, limit=1)
    assert found.evidence["steps"] == 8 and "cancelled after 8 of 16" in found.evidence["partial"]
    assert np.corrcoef(found.values.ravel(), wanted.values.ravel())[0, 1] > 0.97


def test_cancelled_in_a_refinement_it_is_the_round_before(tiny):
    found = cancelled(tiny, lambda heard: len(heard) == 20)
    wanted = integrated_gradients(tiny, IMAGE, "logits:1", steps=16, limit=1, batch_size=1)
    assert np.array_equal(found.values, wanted.values)
    assert (found.evidence["steps"], found.evidence["refinements"], found.evidence["backward_passes"]) == (16, 0, 20)
    assert "partial" in found.evidence


def cancelled(net, when):
    heard = []

    def listener(*step):
        heard.append(step)
        if when(heard):
            raise Cancelled

    with listening(listener):
        return integrated_gradients(net, IMAGE, "logits:1", steps=16, tolerance=1e-9, batch_size=1)


class Wrapped(nn.Module):
    def __init__(self, inner, wrap):
        super().__init__()
        self.inner, self.wrap = inner, wrap

    def forward(self, x):
        return self.wrap(self.inner(x))


@pytest.mark.parametrize("wrap", [lambda y: {"logits": y, "aux": y}, lambda y: (y, None)], ids=["dict", "tuple"])
def test_outputs_may_be_wrapped_and_modes_entered(wrap, tiny):
    net = cs.Network(Wrapped(tiny.module, wrap), size=32)
    wanted = integrated_gradients(tiny, IMAGE, "logits:1", steps=3, limit=6).values
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert np.array_equal(integrated_gradients(net, IMAGE, "logits:1", steps=3, limit=6).values, wanted)


@pytest.mark.parametrize(
    "knobs", [{"steps": 0}, {"tolerance": 0}, {"limit": 0}, {"fill": "black"}, {"batch_size": 0}, {"seed": -1}]
)
def test_knobs_out_of_bounds_are_refused(knobs, tiny):
    with pytest.raises(BadKnob, match=next(iter(knobs))):
        integrated_gradients(tiny, IMAGE, "logits:1", **knobs)


def test_a_baseline_whose_value_is_not_finite_is_refused():
    with pytest.raises(ForwardFailed, match="not finite"):
        ask_two(lambda a, b: torch.log(a + b), (3, 1))
