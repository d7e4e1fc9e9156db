"""Maps of units: copies and opposites lie together, planted classes give colors, and what is constant is left out."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, BadScan
from convscope.view.figures.registry import draw

COLORS = {"red": (220, 40, 40), "green": (40, 220, 40), "blue": (40, 40, 220)}
SIGNS = [(0, 1), (0, 2), (0, -1), (1, 1), (1, 3), (2, 1), (2, 0.5)]  # of each unit: the color it sees, and how much


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    names = [list(COLORS)[i % 3] for i in range(75)]
    return [
        (
            np.clip(np.array(COLORS[name]) + rng.normal(0, 30, (8, 8, 3)) + rng.normal(0, 20, 3), 0, 255).astype(
                np.uint8
            ),
            name,
        )
        for name in names
    ]


@pytest.fixture(scope="module")
def net():
    """Units that see one color each, more or less of it, one random and one that is always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 9, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(9, 3))
    with torch.no_grad():
        module[0].weight[:7] = 0
        for unit, (color, sign) in enumerate(SIGNS):
            module[0].weight[unit, color] = sign
        module[0].weight[8] = 0
    return cs.Network(module.eval(), size=8, name="colors")


@pytest.fixture(scope="module")
def found(net, pictures):
    return cs.neuron_projection(net, pictures, "0")


def test_copies_and_opposites_lie_together_and_the_rest_apart(found):
    points = found.values.astype(float)
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    color = np.array([color for color, _ in SIGNS])
    same = color[:, None] == color
    assert apart[:7, :7][same].max() < 0.01 < 0.2 < apart[:7, :7][~same].min()
    assert found.values.dtype == np.float32 and found.channels.tolist() == list(range(8))
    assert found.evidence["constant"] == "1 of 9 units say the same of all images and are left out"


def test_the_correlation_is_that_of_all_pairs_by_hand(found, net, pictures):
    codes = cs.codes(net, pictures, "0").of("0").astype(float)[:, :8]
    wanted = (1 - np.abs(np.corrcoef(codes.T)))[np.triu_indices(8, 1)].round(9)
    points = found.values.astype(float)
    on_map = np.linalg.norm(points[:, None] - points, axis=2)[np.triu_indices(8, 1)]
    assert found.correlation == pytest.approx(spearmanr(wanted, on_map).statistic, abs=0.05) and found.correlation > 0.8


def test_a_unit_has_the_class_it_says_most_of(found):
    assert found.classes[:2] == ("red", "red") and found.classes[3:7] == ("green", "green", "blue", "blue")
    assert (found.auroc[[0, 1, 3, 4, 5, 6]] == 1).all() and found.classes[2] != "red"
    table = found.table.to_pylist()
    assert (table[0]["unit"], table[0]["class"], table[0]["auroc"]) == ("0:0", "red", 1.0)
    assert [table[3][axis] for axis in "xy"] == found.values[3].tolist()


def test_the_same_bits_again_with_codes_and_by_tsne(net, pictures, found, tmp_path):
    codes = cs.codes(net, pictures, "0", tmp_path / "codes")
    assert np.array_equal(cs.neuron_projection(net, codes, "0").values, found.values)
    one, other = (cs.neuron_projection(net, codes, "0", method="tsne", iterations=20) for _ in range(2))
    assert one.evidence["method"] == "t-sne" and np.array_equal(one.values, other.values)
    assert pq.read_table(found.save(tmp_path / "a.parquet")).to_pylist() == found.table.to_pylist()


def test_without_classes_there_is_one_color_and_that_is_said(net, pictures):
    found = cs.neuron_projection(net, [picture for picture, _ in pictures], "0")
    assert set(found.classes) == {None} and np.isnan(found.auroc).all() and found.table["auroc"].null_count == 8
    view = draw(found)
    assert "no class can be told: units have one color" in view.note and [panel.array for panel in view.panels] == [
        "map"
    ]
    few = cs.neuron_projection(net, [(picture, str(i)) for i, (picture, _) in enumerate(pictures)], "0")
    assert "75 classes have less than 5 images in a half" in draw(few).note


def test_the_picture_has_the_colors_of_classes_and_a_legend_of_both(found):
    view = draw(found, size=400)
    assert [panel.array for panel in view.panels] == ["map", "classes", "areas"]
    colors = {tuple(color) for color in view.arrays["map"].reshape(-1, 3).tolist()}
    assert {(0x00, 0x77, 0xBB), (0xFF, 0x66, 0x00), (0x66, 0xEE, 0xAA)} <= colors
    assert "1 of 9 units say the same" in view.note and "1 − |r|" in view.note


@pytest.mark.parametrize(
    ("layer", "knobs", "error", "words"),
    [
        ("3", {}, BadKnob, "at least 4 units that differ from image to image, not 3"),
        ("0", {"pool": "max", "codes": True}, BadKnob, "pool must be that of the codes, mean"),
        ("0", {"method": "pca"}, BadKnob, "method must be"),
    ],
)
def test_what_cannot_be_is_refused(net, pictures, layer, knobs, error, words):
    source = cs.codes(net, pictures, "0") if knobs.pop("codes", False) else pictures
    with pytest.raises(error, match=words):
        cs.neuron_projection(net, source, layer, **knobs)


def test_codes_of_another_network_are_refused(net, pictures):
    other = cs.Network(nn.Sequential(nn.Conv2d(3, 9, 1)), size=8, name="other")
    with pytest.raises(BadScan, match="with other weights"):
        cs.neuron_projection(other, cs.codes(net, pictures, "0"), "0")
