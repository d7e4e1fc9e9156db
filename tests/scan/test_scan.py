"""A scan against a slow, obvious program that keeps all activations in memory and sorts them: the same tables."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.scan.statistics.bins import bin_edges
from convscope.scan.statistics.map_kernels import BINS

from ..short import random

LAYERS = {
    "lite0": ["conv_stem", "blocks.1.0.conv_pw", "blocks.2.1.bn1.act", "blocks.4.2.conv_dw", "blocks.6.0", "logits"],
    "densenet": ["features.conv0", "features.denseblock1", "features.transition1.pool", "features.norm5", "logits"],
}


@pytest.fixture(scope="module", params=sorted(LAYERS))
def both(request, lite0, photos, slowly):
    dense = cs.Network(random("densenet").to(memory_format=torch.channels_last), size=96)
    net = {"lite0": lite0, "densenet": dense}[request.param]
    layers = LAYERS[request.param]
    images = photos[:26]
    labelled = [(image, f"class {i % 3}") for i, image in enumerate(images)]
    fast = cs.scan(net, labelled, layers=",".join(layers), top=7, sample=11, positions=0, batch_size=4)
    return fast, slowly(net, images, layers, 4), layers


def column(scan, layer, name):
    table = scan.table("units")
    rows = np.array(table["layer"].to_pylist()) == layer
    return table[name].to_numpy()[rows]


def test_the_best_entries_are_the_same_to_the_bit(both):
    fast, slow, layers = both
    for layer in layers:
        width = slow_width(fast, layer)
        empty = slow.units(layer)["constant"] | slow.units(layer)["dead"]
        for channel, wanted in enumerate(slow.top(layer, 7)):
            wanted = [] if empty[channel] else wanted
            hits = fast.top(f"{layer}:{channel}")
            assert [(hit.value, int(hit.image), hit.y * width + hit.x) for hit in hits] == wanted


def slow_width(scan, layer):
    (row,) = [row for row in scan.table("layers").to_pylist() if row["layer"] == layer]
    return row["width"]


def test_every_statistic_of_every_unit_is_the_same(both):
    fast, slow, layers = both
    for layer in layers:
        for name, wanted in slow.units(layer).items():
            found = column(fast, layer, name)
            if name in ("zeros", "lifetime_sparseness"):
                np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12, err_msg=f"{layer} {name}")
            elif name == "mean":  # float32 of a float64 sum: equal unless the sum cancels to nothing
                size = np.abs(slow.maps[layer]).max((0, 2))
                assert (np.abs(found - wanted) <= 1.3e-7 * np.abs(wanted) + 1e-14 * size).all(), layer
            elif name == "std":  # a difference of large numbers
                np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-7, err_msg=f"{layer} {name}")
            else:
                np.testing.assert_array_equal(found, wanted, err_msg=f"{layer} {name}")


def test_population_sparseness_is_the_same(both):
    fast, slow, layers = both
    rows = {row["layer"]: row for row in fast.table("layers").to_pylist()}
    for layer in layers:
        assert rows[layer]["population_sparseness"] == pytest.approx(slow.population(layer), rel=1e-9)


def test_histograms_count_every_activation_once_in_its_bin(both):
    fast, slow, layers = both
    ends = bin_edges()
    for layer in layers:
        for channel in range(0, slow.maps[layer].shape[1], 37):
            values = slow.maps[layer][:, channel].ravel()
            bins, counts = fast.histogram(f"{layer}:{channel}")
            assert counts.sum() == values.size
            for (low, high), count in zip(bins, counts, strict=True):
                if low == high == 0:
                    inside = values == 0
                else:  # bins are closed at the end nearer to zero
                    inside = (values >= low) & (values < high) if high > 0 else (values > low) & (values <= high)
                    inside &= values != 0
                assert count == inside.sum(), (layer, channel, low, high)
    assert len(ends) == BINS + 1 and (np.diff(ends) >= 0).all()


def test_quantiles_are_within_a_bin_of_the_true_ones(both):
    fast, slow, layers = both
    for layer in layers:
        for q, name in ((0.25, "q25"), (0.5, "q50"), (0.95, "q95")):
            true = np.quantile(
                slow.maps[layer].transpose(1, 0, 2).reshape(slow.maps[layer].shape[1], -1),
                q,
                axis=1,
                method="inverted_cdf",
            )
            found = column(fast, layer, name)
            np.testing.assert_allclose(found, true, rtol=0.0626, atol=2**-16)


def test_class_means_and_selectivity_are_those_of_the_responses(both):
    fast, slow, layers = both
    for layer in layers:
        response = np.maximum(slow.maps[layer].max(2), 0).astype(np.float64)
        labels = np.arange(len(response)) % 3
        means = np.stack([response[labels == c].mean(0) for c in range(3)])
        rows = np.array(fast.table("classes")["layer"].to_pylist()) == layer
        stored = np.array(fast.table("classes")["means"].to_pylist())[rows]
        np.testing.assert_allclose(stored, means.T, rtol=1e-6, atol=1e-7)
        most = means.max(0)
        others = (means.sum(0) - most) / 2
        with np.errstate(invalid="ignore"):
            index = np.where(slow.units(layer)["dead"], np.nan, (most - others) / (most + others))
        np.testing.assert_allclose(column(fast, layer, "selectivity").astype(float), index, rtol=1e-6, atol=1e-7)


def test_examples_are_at_the_quantiles_they_say(both):
    fast, slow, layers = both
    for layer in layers:
        chosen = sorted({int(hit.image) for hit in fast.examples(f"{layer}:0").values()})
        assert len(chosen) > 1
        for channel in (0, 1):
            found = fast.examples(f"{layer}:{channel}")
            peaks = slow.maps[layer][:, channel].max(1)
            assert list(found) == sorted(found)
            assert [hit.value for hit in found.values()] == sorted(hit.value for hit in found.values())
            assert all(peaks[int(hit.image)] == hit.value for hit in found.values())


def test_several_entries_of_an_image(lite0, photos, slowly):
    net, layer = lite0, "blocks.5.0.bn2.act"
    slow = slowly(net, photos[:9], [layer], 2)
    fast = cs.scan(net, photos[:9], layers=layer, top=12, per_image=4, batch_size=2)
    empty = slow.units(layer)["constant"] | slow.units(layer)["dead"]
    for channel, wanted in enumerate(slow.top(layer, 12, 4)):
        wanted = [] if empty[channel] else wanted
        hits = fast.top(f"{layer}:{channel}")
        assert [(hit.value, int(hit.image), hit.y * slow_width(fast, layer) + hit.x) for hit in hits] == wanted


def test_the_joined_graph_finds_the_same_to_rounding(lite0, photos):
    layers = "conv_stem, blocks.1.0.conv_pw, blocks.1.0.bn1.act, blocks.2.0.conv_dw, blocks.3.1, logits"
    plain, joined = (
        cs.scan(lite0, photos[:10], layers=layers, top=5, batch_size=4, compile=compile) for compile in (False, True)
    )
    assert joined.ledger.knobs["compile"] and not plain.ledger.knobs["compile"]
    for name in ("mean", "std", "min", "max"):
        one, other = (found.table("units")[name].to_numpy() for found in (plain, joined))
        np.testing.assert_allclose(other, one, rtol=2e-3, atol=2e-4, err_msg=name)
    for layer in ("conv_stem", "blocks.2.0.conv_dw"):
        pairs = [(plain.top(f"{layer}:{c}"), joined.top(f"{layer}:{c}")) for c in range(32)]
        for one, other in pairs:
            assert [hit.value for hit in other] == pytest.approx([hit.value for hit in one], rel=1e-3, abs=1e-5)
        best = [
            (one[0].image, one[0].y, one[0].x) == (other[0].image, other[0].y, other[0].x)
            for one, other in pairs
            if one
        ]
        assert np.mean(best) > 0.9  # ties of saturated units may fall the other way
