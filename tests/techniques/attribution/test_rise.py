"""RISE against a slow rewrite of the paper and against models whose expectation is known."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.techniques.attribution.rise import mask, rise

PIXELS = np.random.default_rng(1).integers(0, 256, (12, 15), dtype=np.uint8)


class Total(nn.Module):
    """The sum of all pixels: of E[value | pixel kept] the exact value is known."""

    def forward(self, x):
        return x.flatten(1).sum(1, keepdim=True)


def total(**given):
    return cs.Network(Total(), size=PIXELS.shape, mean=(0.0,), std=(1.0,), **given)


def slow(net, pixels, unit, samples, cells, keep, seed):
    """The paper, a mask at a time: the grid is enlarged to (cells + 1) · cell size and cropped."""
    x, (height, width) = net.prepare(pixels), net.preprocessing.size
    tall, wide = -(-height // cells), -(-width // cells)
    masks, values = [], []
    for i in range(samples):
        rng = np.random.default_rng(np.random.SeedSequence([seed, i]))
        grid = torch.from_numpy(rng.random((cells, cells)) < keep).float()[None, None]
        large = F.interpolate(grid, ((cells + 1) * tall, (cells + 1) * wide), mode="bilinear", align_corners=False)
        y, left = int(rng.integers(tall)), int(rng.integers(wide))
        masks.append(large[..., y : y + height, left : left + width])
        values.append(net.value(x * masks[-1], unit).item())
    masks = torch.cat(masks)[:, 0].double().numpy()
    return masks, np.array(values)


@pytest.mark.parametrize(("cells", "keep"), [(7, 0.5), (3, 0.2), (1, 0.9), (20, 0.5)])
def test_it_is_the_papers_estimate_with_the_mean_value_as_control(tiny, cells, keep):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    found = rise(tiny, pixels, "probs:3", samples=20, cells=cells, keep=keep, seed=5)
    with torch.no_grad():
        masks, values = slow(tiny, pixels, "probs:3", 20, cells, keep, 5)
    paper = np.tensordot(values, masks, 1) / (20 * keep)
    control = values.mean() * (1 - masks.mean(0) / keep)
    bessel = (paper + control - values.mean()) * 20 / 19 + values.mean()
    np.testing.assert_allclose(found.values, bessel, atol=1e-5)
    each = (values - values.mean())[:, None, None] * masks / keep
    centred = (each**2).mean(0) - each.mean(0) ** 2 * (20 / 19) ** 2
    np.testing.assert_allclose(found.error, np.sqrt(centred.clip(0) / 19), atol=1e-5)


def test_the_sum_of_pixels_is_estimated_within_its_error_bar():
    found = rise(total(), PIXELS, "logits:0", samples=4000, cells=4, keep=0.3)
    masks = np.stack([mask(9, i, 4, 0.3, PIXELS.shape) for i in range(20_000)])
    x = PIXELS / 255
    wanted = np.einsum("nij,n->ij", masks, (masks * x).sum((1, 2)), optimize=True) / len(masks) / 0.3
    noise = np.hypot(found.error, found.error * np.sqrt(4000 / 20_000) * 4)  # the plain estimate is a worse one
    assert (np.abs(found.values - wanted) < 4 * noise).all()
    assert found.value == pytest.approx(x.sum())


def test_a_single_pixel_that_alone_matters_has_the_known_answer():
    """With one cell a mask is all or nothing: E[value | kept] is the value itself, wherever the pixel."""
    found = rise(total(), PIXELS, "logits:0", samples=3000, cells=1, keep=0.5)
    assert (np.abs(found.values - found.value) <= 4 * found.error).all()
    assert found.error.min() > 0


def test_the_error_bar_is_the_deviation_between_seeds_and_halves_with_four_times_the_samples():
    def ask(samples, seed):
        return rise(total(), PIXELS, "logits:0", samples=samples, cells=4, seed=seed, batch_size=100)

    several = [ask(200, seed) for seed in range(30)]
    deviation = np.std([one.values for one in several], 0, ddof=1)
    assert np.mean([one.error for one in several]) == pytest.approx(deviation.mean(), rel=0.15)
    assert ask(800, 0).evidence["mean_error"] == pytest.approx(several[0].evidence["mean_error"] / 2, rel=0.15)


@hypothesis.given(batch=st.integers(1, 40), seed=st.integers(0, 2**63 - 1))
@hypothesis.settings(max_examples=10, deadline=None)
def test_the_batch_size_changes_roundings_only(batch, seed):
    one, other = (rise(total(), PIXELS, "logits:0", samples=30, seed=seed, batch_size=size) for size in (batch, 7))
    np.testing.assert_allclose(one.values, other.values, rtol=1e-5)
    np.testing.assert_allclose(one.error, other.error, rtol=1e-4, atol=1e-6)


@hypothesis.given(keep=st.floats(0.05, 0.95), cells=st.integers(1, 9), index=st.integers(0, 99))
@hypothesis.settings(max_examples=20, deadline=None)
def test_masks_are_from_0_to_1_and_of_the_size(keep, cells, index):
    found = mask(0, index, cells, keep, (11, 23))
    assert found.shape == (11, 23) and found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 1 + 1e-6


def test_the_mean_mask_is_keep_up_to_the_edges():
    masks = np.stack([mask(0, i, 3, 0.3, (10, 10)) for i in range(4000)])
    assert np.abs(masks.mean(0) - 0.3).max() < 4 * np.sqrt(0.3 * 0.7 / 4000)


def test_a_cancelled_estimate_has_fewer_samples_and_says_so():
    def stop(step, _total, preview):
        assert preview.shape == PIXELS.shape
        if step == 3:
            raise cs.Cancelled

    with cs.listening(stop):
        found = rise(total(), PIXELS, "logits:0", samples=100, batch_size=4)
    whole = rise(total(), PIXELS, "logits:0", samples=12, batch_size=4)
    assert "cancelled" in found.evidence["partial"]
    assert (found.evidence["samples"], found.evidence["forward_passes"]) == (12, 13)
    assert np.array_equal(found.values, whole.values)


def test_one_sample_has_no_error_bar():
    def stop(*_):
        raise cs.Cancelled

    with cs.listening(stop):
        found = rise(total(), PIXELS, "logits:0", batch_size=1)
    assert found.evidence["samples"] == 1 and np.isinf(found.error).all()


def test_a_unit_that_does_not_hang_on_the_picture_says_so():
    class Constant(nn.Module):
        def forward(self, x):
            return torch.full((len(x), 2), 3.5)

    found = rise(cs.Network(Constant(), size=8), PIXELS, "logits:1", samples=10)
    assert "no mask changed" in found.evidence["unmoved"]
    assert (found.values == 3.5).all() and (found.error == 0).all()
    assert found.evidence["relative_error"] == np.inf


@pytest.mark.parametrize("bad", [{"samples": 1}, {"keep": 0}, {"keep": 1}, {"cells": 0}, {"fill": "fog"}, {"seed": -1}])
def test_bad_knobs(bad):
    with pytest.raises(cs.ConvscopeError, match=next(iter(bad))):
        rise(total(), PIXELS, "logits:0", **bad)


@pytest.mark.parametrize("wrap", [lambda y: {"out": y}, lambda y: (y, None)], ids=["dict", "tuple"])
def test_the_module_stays_as_it_is_whatever_it_returns(tiny, wrap):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = tiny.module

        def forward(self, x):
            return wrap(self.inner(x))

    module = Wrapped().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    found = rise(cs.Network(module, size=32), "sample:cat", "inner.3:2", samples=8, fill="noise")
    assert found.values.shape == found.error.shape == (32, 32)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training and not any(part._forward_hooks for part in module.modules())
    assert all(p.requires_grad and p.grad is None for p in module.parameters())


def test_lite0(lite0):
    found = rise(lite0, "sample:cat", "probs:285", samples=10)
    assert found.values.shape == (224, 224) and found.evidence["label"] == "Egyptian cat"
    assert 0 < found.evidence["mean_error"] <= found.evidence["largest_error"]
