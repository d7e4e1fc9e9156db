"""Sanity checks: similarities against their definitions, and randomization that leaves the user's module alone."""

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.techniques.evaluation.attribution_methods import attribution_map
from convscope.techniques.evaluation.sanity_check import rank_correlation, sanity_check, structural_similarity

MAPS = hnp.arrays(np.float32, (6, 9), elements=st.integers(0, 20).map(float))


def slow_rank_correlation(a, b):
    """By definition: the mean rank of equal values, by counting; then Pearson's correlation."""

    def ranks(values):
        flat = values.ravel()
        return [(flat < v).sum() + ((flat == v).sum() + 1) / 2 for v in flat]

    return np.corrcoef(ranks(a), ranks(b))[0, 1]


@hypothesis.given(MAPS, MAPS)
@hypothesis.settings(max_examples=30, deadline=None)
def test_the_rank_correlation_is_spearmans(a, b):
    hypothesis.assume(np.ptp(a) > 0 < np.ptp(b))
    assert rank_correlation(a, b) == pytest.approx(slow_rank_correlation(a, b), abs=1e-9)
    assert rank_correlation(a, b) == pytest.approx(rank_correlation(np.exp(a / 9), b), abs=1e-9)
    assert rank_correlation(a, a) == pytest.approx(1) and rank_correlation(a, -a) == pytest.approx(-1)


def test_a_known_rank_correlation():
    one, other = np.array([[1, 2, 3, 4, 5]], np.float32), np.array([[5, 6, 7, 8, 7]], np.float32)
    assert rank_correlation(one, other) == pytest.approx(0.8207826817)
    assert rank_correlation(one, np.ones_like(one)) == 0


@hypothesis.given(MAPS)
@hypothesis.settings(max_examples=15, deadline=None)
def test_structural_similarity_is_1_for_a_map_and_its_multiples(a):
    assert structural_similarity(a, a) == pytest.approx(1)
    assert structural_similarity(a, 3 * a + 2) == pytest.approx(1, abs=1e-4)


def test_structural_similarity_a_window_at_a_time():
    a, b = np.random.default_rng(0).random((2, 10, 12)).astype(np.float32)
    x, y = ((m - m.min()) / np.ptp(m) for m in (a, b))
    found = []
    for i in range(4):
        for j in range(6):
            p, q = x[i : i + 7, j : j + 7], y[i : i + 7, j : j + 7]
            covariance = ((p - p.mean()) * (q - q.mean())).mean()
            light = (2 * p.mean() * q.mean() + 1e-4) / (p.mean() ** 2 + q.mean() ** 2 + 1e-4)
            found.append(light * (2 * covariance + 9e-4) / (p.var() + q.var() + 9e-4))
    assert structural_similarity(a, b) == pytest.approx(np.mean(found), abs=1e-5)


def test_a_cascade_goes_from_the_output_down_and_keeps_what_is_random(tiny):
    found = sanity_check(tiny, "sample:cat", "logits:2")
    assert found.names == ("6", "3", "0")
    assert found.maps.shape == (4, 32, 32) and found.values.shape == found.ssim.shape == (3,)
    original = np.abs(cs.saliency(tiny, "sample:cat", "logits:2").values).sum(0)
    np.testing.assert_allclose(found.maps[0], original, rtol=1e-6)
    for value, map_ in zip(found.values, found.maps[1:], strict=True):
        assert value == pytest.approx(slow_rank_correlation(original, map_), abs=1e-5)
    assert found.evidence["passes"] is bool(abs(found.values[-1]) < 0.5)
    assert f"{found.values[-1]:.2f}" in found.evidence["verdict"]


def test_independent_randomization_changes_one_layer_at_a_time(tiny):
    cascade, alone = (sanity_check(tiny, "sample:cat", "logits:2", mode=m) for m in ("cascading", "independent"))
    assert alone.names == cascade.names
    assert np.array_equal(alone.maps[1], cascade.maps[1])  # the first step is the same
    assert not np.array_equal(alone.maps[2], cascade.maps[2])
    assert "passes" not in alone.evidence and "changes least" in alone.evidence["verdict"]


def test_the_weights_become_noise_of_the_same_scale(tiny, monkeypatch):
    seen, real = [], attribution_map

    def watch(net, *rest):
        seen.append({name: value.clone() for name, value in net.module.state_dict().items()})
        return real(net, *rest)

    monkeypatch.setattr("convscope.techniques.evaluation.sanity_check.attribution_map", watch)
    sanity_check(tiny, "sample:cat", "logits:2")
    before, *_, after = seen
    for name, value in before.items():
        assert torch.equal(after[name], value) is (name.startswith("1.")), name  # batch norm keeps its numbers
    assert after["6.weight"].std().item() == pytest.approx(before["6.weight"].std().item(), rel=0.2)
    assert torch.equal(seen[1]["3.weight"], before["3.weight"]) and not torch.equal(
        seen[1]["6.weight"], before["6.weight"]
    )


def test_a_map_that_ignores_the_weights_fails(tiny):
    found = sanity_check(tiny, "sample:cat", "logits:2", method="random")
    assert found.values.tolist() == pytest.approx([1, 1, 1])
    assert found.evidence["passes"] is False and "hardly" in found.evidence["verdict"]


def test_only_layers_up_to_the_unit_count_and_few_may_be_asked_for(tiny):
    assert sanity_check(tiny, "sample:cat", "3:1").names == ("3", "0")
    assert sanity_check(tiny, "sample:cat", "logits:1", layers=1).names == ("0",)
    whole, one = (sanity_check(tiny, "sample:cat", "logits:1", layers=n) for n in (12, 1))
    np.testing.assert_allclose(whole.maps[-1], one.maps[-1], rtol=1e-6)  # a cascade takes all layers in any case


def test_a_unit_without_weights_before_it_is_refused(tiny):
    with pytest.raises(cs.ConvscopeError, match="must have layers with weights"):
        sanity_check(tiny, "sample:cat", "input:0")


def test_the_seed_decides(tiny):
    torch.manual_seed(1)
    one = sanity_check(tiny, "sample:cat", "logits:1", seed=2**63 - 1)
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    same = sanity_check(tiny, "sample:cat", "logits:1", seed=2**63 - 1)
    other = sanity_check(tiny, "sample:cat", "logits:1", seed=0)
    assert np.array_equal(one.maps, same.maps) and not np.array_equal(one.maps[1], other.maps[1])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_cancelled_work_has_the_steps_that_were_done_and_no_verdict(tiny):
    def stop(step, total, _preview):
        assert total == 3
        if step == 2:
            raise cs.Cancelled

    with cs.listening(stop):
        found = sanity_check(tiny, "sample:cat", "logits:1")
    assert found.names == ("6", "3") and found.values.shape == (2,) and found.maps.shape == (3, 32, 32)
    assert "cancelled" in found.evidence["partial"] and "passes" not in found.evidence


def test_a_map_that_vanishes_gives_no_verdict():
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 2))
    nn.init.zeros_(module[0].weight)
    found = sanity_check(cs.Network(module, size=8), "sample:cat", "logits:0")
    assert "after nothing was randomized" in found.evidence["vanished"]
    assert "passes" not in found.evidence and "map_vanished" in found.evidence


def test_weights_that_are_computed_are_randomized_too():
    module = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 2, 3)), nn.Flatten(), nn.Linear(72, 2))
    found = sanity_check(cs.Network(module, size=8), "sample:cat", "logits:0")
    assert found.names == ("2", "0")
    assert not np.array_equal(found.maps[1], found.maps[2])


def test_modules_with_weights_that_are_no_maps_are_randomized_too():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.mix, self.last = nn.Conv2d(3, 4, 2, 2), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.last(self.mix(self.first(x).flatten(2).mT).mean(1))

    found = sanity_check(cs.Network(Tokens(), size=8), "sample:cat", "logits:0")
    assert found.names == ("last", "mix", "first") and "not_randomized" not in found.evidence


def test_weights_that_other_modules_use_are_randomized_too():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.attend, self.last = nn.Conv2d(3, 4, 2, 2), nn.MultiheadAttention(4, 2), nn.Linear(4, 2)
            self.places = nn.Parameter(torch.randn(1, 16, 4))

        def forward(self, x):
            tokens = self.first(x).flatten(2).mT + self.places
            return self.last(self.attend(tokens, tokens, tokens)[0].mean(1))

    found = sanity_check(cs.Network(Attends(), size=8), "sample:cat", "logits:0")
    assert set(found.names) == {
        "last",
        "attend",
        "attend.out_proj",
        "first",
        "",
    }


def test_a_module_that_cannot_be_copied_says_so(tiny):
    tiny.module.open = (line for line in ())
    with pytest.raises(cs.ConvscopeError, match="must be a module that can be copied"):
        sanity_check(tiny, "sample:cat", "logits:0")


@pytest.mark.parametrize("bad", [{"method": "x"}, {"mode": "x"}, {"layers": 0}, {"seed": -1}])
def test_bad_knobs(tiny, bad):
    with pytest.raises(cs.ConvscopeError, match=next(iter(bad))):
        sanity_check(tiny, "sample:cat", "logits:0", **bad)


@pytest.mark.parametrize("wrap", [lambda y: {"out": y}, lambda y: (y, None)], ids=["dict", "tuple"])
def test_the_module_stays_as_it_is_whatever_it_returns(tiny, wrap):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = tiny.module

        def forward(self, x):
            return wrap(self.inner(x))

    module = Wrapped().train()
    net = cs.Network(module, size=32)
    before, digest = {name: value.clone() for name, value in module.state_dict().items()}, net.digest
    found = sanity_check(net, "sample:cat", "logits:1")
    assert found.names == ("inner.6", "inner.3", "inner.0")
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert net.module is module and net.digest == digest
    assert module.training and not any(part._forward_hooks for part in module.modules())
    assert all(p.requires_grad and p.grad is None for p in module.parameters())


def test_lite0(lite0):
    found = sanity_check(lite0, "sample:cat", "logits:285", layers=3)
    assert found.names[-1] == "conv_stem" and len(found.names) == 3
    assert found.evidence["passes"] is True
