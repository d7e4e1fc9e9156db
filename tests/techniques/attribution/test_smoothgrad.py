"""SmoothGrad and VarGrad: parity with Captum on the same noise, and what must hold whatever the network."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, ForwardFailed
from convscope.base.progress import Cancelled, listening
from convscope.techniques.attribution.smoothgrad import _noise, smoothgrad, vargrad

from ...short import random

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from captum.attr import NoiseTunnel, Saliency

IMAGE = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)


def close(found, wanted, tolerance=1e-6):
    assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max() > 0


def ours(net, image, samples, noise, seed):
    """The noisy inputs, drawn again."""
    x = net.prepare(image)
    std = noise * (x.max() - x.min())
    return torch.cat([x + std * _noise(x, seed, range(i, i + 1)) for i in range(samples)])


@pytest.mark.parametrize(
    "name", ["resnet18", *(pytest.param(name, marks=pytest.mark.sweep) for name in ("densenet", "vgg16"))]
)
def test_it_is_the_mean_and_the_variance_of_captums_gradients(name):
    net = cs.Network(random(name).double(), size=64)
    x = ours(net, IMAGE, 4, 0.2, 7)
    gradients = Saliency(net.module.eval()).attribute(x.requires_grad_(), target=7, abs=False).detach().numpy()
    found = smoothgrad(net, IMAGE, "logits:7", samples=4, noise=0.2, seed=7)
    close(found.values, gradients.mean(0))
    close(found.error, gradients.std(0, ddof=1) / 2)
    close(vargrad(net, IMAGE, "logits:7", samples=4, noise=0.2, seed=7).values, gradients.var(0))
    assert found.value == pytest.approx(net.module(net.prepare(IMAGE))[0, 7].item(), rel=1e-9)


def test_it_is_the_mean_of_captums_gradients_on_the_embedded_network(lite0):
    x = ours(lite0, "sample:cat", 2, 0.15, 0)
    wanted = Saliency(lite0.module.eval()).attribute(x.requires_grad_(), target=281, abs=False).detach().mean(0)
    found = smoothgrad(lite0, "sample:cat", "logits:281", samples=2)
    assert found.evidence["engine"] == "the executed graph in reverse"
    apart = np.linalg.norm(found.values - wanted.numpy())  # roundings tip rectifiers, here as in Captum's passes
    assert apart <= 1e-2 * np.linalg.norm(wanted.numpy()) > 0


def test_captums_noise_tunnel_takes_the_variance_of_the_population_too(tiny, monkeypatch):
    net = cs.Network(tiny.module.double(), size=32)
    draws = iter(ours(net, IMAGE, 5, 0.15, 3) - net.prepare(IMAGE))
    monkeypatch.setattr(torch, "normal", lambda mean, std: torch.stack([next(draws) for _ in std]))
    tunnel = NoiseTunnel(Saliency(net.module))
    x = net.prepare(IMAGE).requires_grad_()
    theirs = tunnel.attribute(x, nt_type="vargrad", nt_samples=5, stdevs=1.0, target=2, abs=False)[0]
    close(vargrad(net, IMAGE, "logits:2", samples=5, seed=3).values, theirs.detach().numpy())


def test_without_noise_it_is_the_gradient(tiny):
    wanted = cs.saliency(tiny, IMAGE, "logits:1")
    found = smoothgrad(tiny, IMAGE, "logits:1", samples=3, noise=0)
    close(found.values, wanted.values, 1e-5)
    assert found.value == pytest.approx(wanted.value, rel=1e-5)
    assert found.evidence["noise_std"] == 0 and np.abs(found.error).max() <= 1e-5 * np.abs(found.values).max()


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**63 - 1), st.integers(1, 8), st.integers(1, 9))
def test_the_noise_of_a_sample_hangs_on_the_seed_and_its_number_only(seed, count, start):
    x = torch.zeros(1, 2, 5, 6)
    together = _noise(x, seed, range(start + count))
    assert torch.equal(together[start:], _noise(x, seed, range(start, start + count)))
    assert torch.equal(together.double(), _noise(x.double(), seed, range(start + count)))
    assert not torch.equal(together[0], together[1])
    assert not torch.equal(together[0], _noise(x, seed ^ 1, range(1))[0])


def test_the_noise_is_standard_normal_and_no_global_state_matters():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    drawn = _noise(torch.zeros(1, 3, 32, 32), 0, range(30))
    assert torch.equal(state, torch.get_rng_state())
    assert abs(drawn.mean()) < 0.02 and abs(drawn.std() - 1) < 0.02
    assert abs((drawn[:-1] * drawn[1:]).mean()) < 0.02


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 1000))
def test_the_size_of_a_batch_changes_roundings_only(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)).double()
    net = cs.Network(module, size=8)
    for technique in (smoothgrad, vargrad):
        first, *others = (
            technique(net, IMAGE, "logits:1", samples=7, seed=seed, batch_size=size) for size in (1, 3, 7, "auto")
        )
        for other in others:
            close(other.values, first.values)
            assert other.evidence == first.evidence


def test_more_samples_continue_the_same_noise_and_the_error_falls(tiny):
    few, many = (smoothgrad(tiny, IMAGE, "logits:1", samples=n, noise=0.3) for n in (8, 128))
    assert 0.15 < many.error.mean() / few.error.mean() < 0.45
    apart = np.abs(many.values - few.values) / np.sqrt(few.error**2 + 1e-12)
    assert np.median(apart) < 1.5


def cancel_at(last):
    def listener(step, _total, _preview):
        if step == last:
            raise Cancelled

    return listening(listener)


@pytest.mark.parametrize("technique", [smoothgrad, vargrad])
def test_cancelled_it_keeps_the_samples_that_are_done(technique, tiny):
    with cancel_at(2):
        found = technique(tiny, IMAGE, "logits:1", samples=50, batch_size=3)
    wanted = technique(tiny, IMAGE, "logits:1", samples=6, batch_size=3)
    assert np.array_equal(found.values, wanted.values)
    assert found.evidence["samples"] == 6 and "partial" in found.evidence and "partial" not in wanted.evidence


def test_a_listener_sees_the_mean_so_far(tiny):
    heard = []
    with listening(lambda *step: heard.append(step)):
        found = smoothgrad(tiny, IMAGE, "logits:1", samples=5, batch_size=2)
    assert [step[:2] for step in heard] == [(1, 3), (2, 3), (3, 3)]
    assert np.array_equal(heard[-1][2], found.values) and not np.array_equal(heard[0][2], found.values)


def test_one_sample_has_no_standard_error(tiny):
    found = smoothgrad(tiny, IMAGE, "logits:1", samples=1)
    assert np.isnan(found.error).all() and np.isfinite(found.values).all()
    assert found.evidence["forward_passes"] == found.evidence["backward_passes"] == 2


def test_a_gradient_that_is_zero_or_steady_is_named(tiny):
    with torch.no_grad():
        tiny.module[6].weight[2] = 0
    assert "vanished" in smoothgrad(tiny, IMAGE, "logits:2", samples=2).evidence
    assert "vanished" in vargrad(tiny, IMAGE, "logits:2", samples=2).evidence
    linear = cs.Network(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), size=4)
    evidence = vargrad(linear, IMAGE, "logits:1", samples=3, batch_size=1).evidence
    assert "constant" in evidence and "vanished" not in evidence


class Wrapped(nn.Module):
    def __init__(self, inner, wrap):
        super().__init__()
        self.inner, self.wrap = inner, wrap

    def forward(self, x):
        return self.wrap(self.inner(x))


@pytest.mark.parametrize("wrap", [lambda y: {"logits": y, "aux": y}, lambda y: (y, None)], ids=["dict", "tuple"])
def test_outputs_may_be_wrapped_and_modes_entered(wrap, tiny):
    net = cs.Network(Wrapped(tiny.module, wrap), size=32)
    wanted = smoothgrad(tiny, IMAGE, "logits:1", samples=3).values
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert np.array_equal(smoothgrad(net, IMAGE, "logits:1", samples=3).values, wanted)


@pytest.mark.parametrize(
    "knobs", [{"samples": 0}, {"noise": -0.1}, {"noise": float("nan")}, {"seed": -1}, {"batch_size": 0}]
)
def test_knobs_out_of_bounds_are_refused(knobs, tiny):
    with pytest.raises(BadKnob, match=next(iter(knobs))):
        smoothgrad(tiny, IMAGE, "logits:1", **knobs)


def test_a_value_that_is_not_finite_is_refused(tiny):
    with torch.no_grad():
        tiny.module[6].bias[2] = torch.nan
    with pytest.raises(ForwardFailed, match="not finite"):
        smoothgrad(tiny, IMAGE, "logits:2")
