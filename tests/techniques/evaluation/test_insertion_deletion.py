"""Insertion and deletion: torch-cam's published areas, and curves a pixel at a time."""

from typing import get_args

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.techniques.evaluation.attribution_methods import MAPS, Method
from convscope.techniques.evaluation.insertion_deletion import curves, insertion_deletion


class Total(nn.Module):
    def forward(self, x):
        return x.flatten(1).sum(1, keepdim=True)


def fed(tenths, unit=10):
    """A network that sums, and the bytes it reads as `tenths / unit`."""
    pixels = np.array(tenths, np.uint8)
    return cs.Network(Total(), size=pixels.shape, mean=(0.0,), std=(unit / 255,)), pixels


def test_torch_cams_four_pixels():
    net, pixels = fed([[4, 3], [2, 1]])
    found = curves(net, pixels, "logits:0", pixels, steps=2, fill="mean")
    np.testing.assert_allclose(found.values, [[1, 0.3, 0], [0, 0.7, 1]], atol=1e-6)
    assert found.fractions.tolist() == [0, 0.5, 1]
    assert found.evidence["deletion"] == pytest.approx(0.4)
    assert found.evidence["insertion"] == pytest.approx(0.6)


def test_torch_cams_five_pixels_in_three_steps():
    net, pixels = fed([[30, 25, 20, 15, 10]], 100)
    found = curves(net, pixels, "logits:0", pixels, steps=3, fill="mean")
    assert found.evidence["deletion"] == pytest.approx(0.41)
    assert found.evidence["insertion"] == pytest.approx(0.59)


def test_a_technique_of_the_catalog_gives_what_its_map_gives(tiny):
    found = insertion_deletion(tiny, "sample:cat", "logits:1", steps=7, fill="grey")
    map_ = cs.saliency(tiny, "sample:cat", "logits:1")
    own = curves(tiny, "sample:cat", "logits:1", np.abs(map_.values).sum(0), steps=7, fill="grey")
    assert np.array_equal(found.values, own.values) and np.array_equal(found.map, own.map)
    assert found.evidence["method"] == "saliency" and found.evidence["forward_passes"] == 16
    assert found.value == pytest.approx(map_.value, rel=1e-5)
    assert found.request.knobs["method"] == "saliency"


def test_curves_a_pixel_at_a_time(tiny):
    """Written again, slowly: a loop that hides one pixel after the other."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    importance = np.random.default_rng(1).integers(0, 40, (32, 32))  # many ties
    found = curves(tiny, pixels, "probs:2", importance, steps=1024, fill="mean", batch_size=64)
    order = sorted(range(1024), key=lambda i: (-importance.flat[i], i))
    deleted, inserted = tiny.prepare(pixels), torch.zeros(1, 3, 32, 32)
    whole = deleted.clone()
    for step in range(1025):
        if step % 128 == 0:
            with torch.no_grad():
                wanted = [tiny.value(x, "probs:2").item() for x in (deleted, inserted)]
            np.testing.assert_allclose(found.values[:, step], wanted, atol=1e-6)
        if step < 1024:
            y, x = divmod(order[step], 32)
            deleted[..., y, x], inserted[..., y, x] = 0, whole[..., y, x]


@hypothesis.given(data=st.data(), steps=st.integers(1, 12))
@hypothesis.settings(max_examples=15, deadline=None)
def test_of_a_sum_both_curves_add_up_and_its_own_map_is_the_best(data, steps):
    row = st.lists(st.integers(0, 255), min_size=4, max_size=4)
    net, pixels = fed(data.draw(st.lists(row, min_size=3, max_size=3)))
    other = np.random.default_rng(data.draw(st.integers(0, 99))).random((3, 4))
    best, any_ = (curves(net, pixels, "logits:0", m, steps=steps, fill="mean") for m in (pixels, other))
    np.testing.assert_allclose(best.values.sum(0), best.value, rtol=1e-5, atol=1e-5)
    assert best.evidence["deletion"] <= any_.evidence["deletion"] + 1e-4
    assert best.evidence["insertion"] >= any_.evidence["insertion"] - 1e-4
    np.testing.assert_allclose(best.values[:, 0], best.values[::-1, -1], rtol=1e-5, atol=1e-5)


@hypothesis.given(batch=st.integers(1, 30))
@hypothesis.settings(max_examples=5, deadline=None)
def test_the_batch_size_changes_roundings_only(batch):
    net, pixels = fed(np.arange(20).reshape(4, 5))
    one, other = (curves(net, pixels, "logits:0", pixels, batch_size=size) for size in (batch, 4))
    np.testing.assert_allclose(one.values, other.values, rtol=1e-5)


def test_normalized_areas_are_of_the_clean_value_and_missing_where_that_is_not_positive():
    net, pixels = fed([[4, 3], [2, 0]])
    found = curves(net, pixels, "logits:0", pixels, steps=4, fill="mean").evidence
    assert found["deletion_normalized"] == pytest.approx(found["deletion"] / 0.9)
    dark = curves(net, np.zeros((2, 2), np.uint8), "logits:0", pixels, steps=4, fill="mean").evidence
    assert "deletion_normalized" not in dark


def test_cancelled_curves_end_in_nan_and_say_so():
    def stop(step, _total, preview):
        assert preview.shape == (2, 6)
        if step == 2:
            raise cs.Cancelled

    net, pixels = fed([[4, 3], [2, 1]])
    with cs.listening(stop):
        found = curves(net, pixels, "logits:0", pixels, steps=5, fill="mean", batch_size=2)
    assert "cancelled" in found.evidence["partial"]
    assert np.isnan(found.values).tolist() == [[False, False, True, True, True, True]] * 2
    assert np.isnan(found.evidence["deletion"]) and found.evidence["forward_passes"] == 4


@pytest.mark.parametrize(
    ("bad", "says"), [(np.zeros((3, 2)), r"shape \(2, 2\)"), (np.full((2, 2), np.nan), "NaN")], ids=["shape", "nan"]
)
def test_bad_maps(bad, says):
    net, pixels = fed([[4, 3], [2, 1]])
    with pytest.raises(cs.ConvscopeError, match=says):
        curves(net, pixels, "logits:0", bad)


@pytest.mark.parametrize("bad", [{"method": "tea leaves"}, {"steps": 0}, {"fill": "fog"}])
def test_bad_knobs(bad):
    net, pixels = fed([[4, 3], [2, 1]])
    with pytest.raises(cs.ConvscopeError, match=next(iter(bad))):
        insertion_deletion(net, pixels, "logits:0", **bad)


def test_the_methods_are_those_of_the_table():
    assert list(get_args(get_args(Method)[0])) == list(MAPS)


def test_noise_is_seeded(tiny):
    one, same, other = (
        insertion_deletion(tiny, "sample:cat", "logits:1", method="random", steps=2, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.map, same.map) and not np.array_equal(one.map, other.map)
    assert one.map.shape == (32, 32)


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
    found = insertion_deletion(cs.Network(module, size=32), "sample:cat", "logits:1", steps=3)
    assert found.values.shape == (2, 4) and np.isfinite(found.values).all()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training and not any(part._forward_hooks for part in module.modules())


def test_lite0(lite0):
    found = insertion_deletion(lite0, "sample:cat", "probs:285", steps=4)
    assert found.evidence["label"] == "Egyptian cat"
    np.testing.assert_allclose(found.values[:, 0], found.values[::-1, -1], rtol=1e-4)
