"""Learned masks: on models where it is known what decides, and what they promise about their numbers."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.techniques.attribution.perturbation_mask import (
    _area_error,
    _Hide,
    _moved,
    _Scene,
    _smooth_maximum,
    perturbation_mask,
)
from convscope.techniques.attribution.target import AttributionTarget


class Patch(nn.Module):
    """The mean of one patch of a picture, in `logits:0`; its negative in `logits:1`; a constant in `logits:2`."""

    def forward(self, x):
        mean = x[..., 4:12, 16:28].mean((1, 2, 3))
        return torch.stack([mean, -mean, torch.ones_like(mean)], 1)


PIXELS = np.full((32, 32), 200, np.uint8)
INSIDE = np.zeros((32, 32), bool)
INSIDE[4:12, 16:28] = True


@pytest.fixture
def net():
    return cs.Network(Patch(), size=32, mean=(0.0,), std=(1.0,))


@pytest.mark.parametrize("unit", ["logits:0", "logits:1"], ids=["raised", "lowered"])
def test_what_must_be_hidden_is_the_patch_that_decides(net, unit):
    found = perturbation_mask(net, PIXELS, unit, fill="mean", steps=100, smoothness=0.1, sparsity=0.2)
    assert found.values[INSIDE].mean() > 0.7 and found.values[~INSIDE].mean() < 0.1
    assert abs(found.evidence["value_masked"]) < 0.3 * abs(found.value)
    assert found.evidence["value_hidden"] == 0
    assert ("lowered" in found.evidence) is (unit == "logits:1")


@pytest.mark.parametrize("area", [0.05, 0.2])
def test_what_is_kept_is_the_patch_and_of_the_area_asked_for(net, area):
    found = perturbation_mask(net, PIXELS, "logits:0", area=area, fill="mean", steps=100)
    assert found.evidence["area"] == pytest.approx(area, abs=0.05) == found.values.mean()
    hardly = ((found.values > 0.1) & (found.values < 0.9)).mean()
    assert hardly < 0.3
    share = found.values[INSIDE].sum() / found.values.sum()
    assert share > min(0.6, 0.6 * INSIDE.mean() / area)


@hypothesis.given(area=st.floats(0.05, 0.5), seed=st.integers(0, 2**63 - 1), size=st.integers(5, 40))
@hypothesis.settings(max_examples=6, deadline=None)
def test_masks_are_from_0_to_1_of_any_size_and_the_same_again(area, seed, size):
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()), size=(size, size + 3))
    for share in (0, area):
        one, same = (perturbation_mask(net, "sample:cat", "0:1", area=share, seed=seed, steps=3) for _ in range(2))
        assert one.values.shape == (size, size + 3)
        assert one.values.min() >= 0 and one.values.max() <= 1
        assert np.array_equal(one.values, same.values)


def test_the_area_is_that_of_the_sorted_mask():
    values = torch.tensor([0.9, 0.0, 0.2, 0.6])
    assert _area_error(values, 0.5).item() == pytest.approx((0**2 + 0.2**2 + 0.4**2 + 0.1**2) / 4)
    assert _area_error(torch.tensor([[1.0, 0, 0, 1]]), 0.5) == 0


def test_the_smooth_maximum_is_slowly_written_again():
    mask = torch.rand(1, 1, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = _smooth_maximum(mask)[0, 0]
    for y, x in [(0, 0), (2, 3), (4, 5)]:
        reached = []
        for i in range(-4, 5):
            for j in range(-4, 5):
                value = mask[0, 0, y + i, x + j].item() if 0 <= y + i < 5 and 0 <= x + j < 6 else 0
                reached.append(value * np.exp(-2 * max(np.hypot(i, j) / 2 - 0.5, 0) ** 2))
        weights = np.exp(20 * np.array(reached))
        assert found[y, x].item() == pytest.approx((weights * reached).sum() / weights.sum())


def test_a_picture_is_moved_with_its_edges_repeated():
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal(_moved(x, (0, 0)), x)
    assert _moved(x, (1, -2))[0, 0].tolist() == [[2, 3, 3, 3], [2, 3, 3, 3], [6, 7, 7, 7]]
    assert _moved(x, (-1, 0))[0, 0].tolist() == [[4, 5, 6, 7], [8, 9, 10, 11], [8, 9, 10, 11]]


def test_the_deletion_loss_is_the_papers(net):
    game = _Hide(_Scene.of(AttributionTarget.of(net, PIXELS, "logits:0"), "mean", 0), sparsity=0.5, smoothness=2)
    mask = np.random.default_rng(0).random((28, 28))
    game.mask.data.copy_(torch.from_numpy(mask))
    rough = (np.abs(np.diff(mask, axis=0)) ** 3).sum() + (np.abs(np.diff(mask, axis=1)) ** 3).sum()
    assert game.cost(0).item() == pytest.approx(0.5 * (1 - mask).mean() + 2 * rough / 784, rel=1e-5)
    whole = torch.ones(1, 1, 32, 32)
    assert game.scene.score(whole, (0, 0)).item() == pytest.approx(1)
    assert game.scene.score(0 * whole, (0, 0)).item() == 0


@pytest.mark.parametrize("area", [0, 0.2])
def test_a_unit_nothing_moves_says_so(net, area):
    found = perturbation_mask(net, PIXELS, "logits:2", area=area, steps=3)
    assert "gradient is zero" in found.evidence["vanished"] and "hiding everything" in found.evidence["unmoved"]
    assert np.isfinite(found.values).all()


def test_evidence_counts_the_passes(net):
    found = perturbation_mask(net, PIXELS, "logits:0", steps=5, fill="mean").evidence
    assert (found["steps"], found["forward_passes"], found["backward_passes"]) == (5, 8, 5)
    assert "vanished" not in found and "partial" not in found


@pytest.mark.parametrize("area", [0, 0.2])
def test_cancelled_work_is_the_mask_so_far(net, area):
    def stop(step, total, preview):
        assert total == 50 and preview.shape == (32, 32)
        if step == 4:
            raise cs.Cancelled

    with cs.listening(stop):
        found = perturbation_mask(net, PIXELS, "logits:0", area=area, steps=50)
    assert found.evidence["steps"] == 4 and "cancelled" in found.evidence["partial"]
    if area == 0:
        whole = perturbation_mask(net, PIXELS, "logits:0", steps=4)
        assert np.array_equal(found.values, whole.values)


@pytest.mark.parametrize("bad", [{"area": 1}, {"area": -0.1}, {"steps": 0}, {"fill": "fog"}, {"sparsity": -1}])
def test_bad_knobs(net, bad):
    with pytest.raises(cs.ConvscopeError, match=next(iter(bad))):
        perturbation_mask(net, PIXELS, "logits:0", **bad)


@pytest.mark.parametrize("area", [0, 0.2])
@pytest.mark.parametrize("wrap", [lambda y: {"out": y}, lambda y: (y, None)], ids=["dict", "tuple"])
def test_the_module_stays_as_it_is_whatever_it_returns(tiny, wrap, area):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = tiny.module

        def forward(self, x):
            return wrap(self.inner(x))

    module = Wrapped().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.inference_mode():
        found = perturbation_mask(cs.Network(module, size=32), "sample:cat", "probs:1", steps=2, area=area)
    assert found.values.shape == (32, 32) and "vanished" not in found.evidence
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training and not any(part._forward_hooks for part in module.modules())
    assert all(p.requires_grad and p.grad is None for p in module.parameters())


def test_lite0(lite0):
    found = perturbation_mask(lite0, "sample:cat", "probs:285", steps=5)
    assert found.values.shape == (224, 224) and found.evidence["value_masked"] < found.value
