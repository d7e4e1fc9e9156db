"""Views: what a picture says, in the form that suits each kind of result."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from torch import nn

import convscope as cs
from convscope.view.figures.registry import draw

CAT = "sample:cat"


@pytest.fixture(scope="module")
def module_net() -> cs.Network:
    module = nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip
    return cs.Network(module, size=24, name="small")


@pytest.mark.parametrize(
    ("layer", "map", "shape", "columns"),
    [("0", "color", (6, 5, 5, 3), 0), ("2", "diverging", (48, 3, 3), 6), ("3", "diverging", (8, 3, 3), 0),
     ("4", "diverging", (1, 4, 8), 0), ("7", "diverging", (1, 2, 4), 0)],
)  # fmt: skip
def test_filters_are_drawn_in_the_form_that_suits_them(module_net, layer, map, shape, columns) -> None:
    view = draw(cs.weights(module_net, layer))
    (panel,) = view.panels
    assert panel.scale is not None and panel.scale.map == map and panel.scale.low == -panel.scale.high
    assert view.arrays[panel.array].shape == shape and panel.columns == columns


def test_rows_of_filters_hold_the_strongest_in_order_and_say_so(module_net) -> None:
    result = cs.weights(module_net, "2")
    view = draw(result, top=3)
    (panel,) = view.panels
    size = np.linalg.norm(result.values.reshape(8, 6, -1), axis=2)
    rows = np.sort(np.argsort(-np.linalg.norm(size, axis=1))[:3])
    columns = np.sort(np.argsort(-np.linalg.norm(size, axis=0))[:3])
    assert np.array_equal(view.arrays["filters"], result.values[np.ix_(rows, columns)].reshape(9, 3, 3))
    assert panel.labels[::3] == tuple(map(str, rows)) and "strongest 3 of 8" in panel.title


def test_activations_are_one_scale_and_sortable(module_net) -> None:
    result = cs.activations(module_net, CAT, "1")
    by_max = draw(result, sort="max")
    peaks = by_max.arrays["channels"].max((1, 2))
    assert (np.diff(peaks) <= 0).all() and [int(n) for n in by_max.panels[0].labels] == np.argsort(
        -result.values.max((1, 2)), kind="stable"
    ).tolist()
    assert np.array_equal(draw(result).arrays["channels"], result.values)
    assert len(draw(result, top=2).panels[0].labels) == 2 and "2 of 6" in draw(result, top=2).panels[0].title
    zeros = [result.zeros[int(n)] for n in draw(result, sort="zeros").panels[0].labels]
    assert sorted(zeros, reverse=True) == zeros


def test_a_layer_without_positions_is_drawn_as_cells_that_hold_every_unit(module_net) -> None:
    view = draw(cs.activations(module_net, CAT, "logits"))
    cells = view.arrays["vector"]
    assert np.isfinite(cells).sum() == 2 and cells.shape == (1, 1, 2)


def test_attributions_have_the_views_people_know(module_net) -> None:
    result = cs.saliency(module_net, CAT, "logits:1")
    arrays = draw(result).arrays
    assert np.array_equal(arrays["absolute"][0], np.abs(result.values).max(0))
    assert np.array_equal(arrays["signed"][0], result.values.sum(0))
    assert np.array_equal(arrays["grey"][0], result.values.mean(0))
    assert np.array_equal(arrays["seen"][0], result.seen)
    color = draw(result, style="color")
    assert color.arrays["color"].shape == (1, 24, 24, 3) and color.panels[1].scale.map == "color"


def test_what_a_reader_must_know_stands_below_the_picture(lite0) -> None:
    assert "33 rectifiers" in draw(cs.guided_backprop(lite0, CAT, "logits:1")).note
    assert "no max-pooling" in draw(cs.deconvnet(lite0, CAT, "logits:1")).note
    told = {key: f"a remark on {key}" for key in ("places", "other_ways", "one_by_one", "probability", "notice")}
    remarked = replace(cs.saliency(lite0, CAT, "logits:1"), evidence=told)
    assert all(remark in draw(remarked).note for remark in told.values())
    dead = nn.Sequential(nn.Conv2d(3, 1, 1), nn.ReLU())
    nn.init.constant_(dead[0].bias, -99)
    assert "zero everywhere" in draw(cs.saliency(cs.Network(dead, size=8), CAT, "1:0@2,2")).note


def test_a_class_is_named_by_number_and_label(lite0) -> None:
    assert "logits:281 (tabby)" in draw(cs.saliency(lite0, CAT, "logits:tabby")).title
    assert "conv_stem:3 =" in draw(cs.saliency(lite0, CAT, "conv_stem:3")).title


def test_a_view_is_plain_json_and_arrays(module_net) -> None:
    spec = json.loads(json.dumps(draw(cs.weights(module_net, "0")).spec()))
    assert spec["kind"] == "tiles" and spec["panels"][0]["scale"]["map"] == "color"


def test_a_choice_the_picture_does_not_have_is_refused(module_net) -> None:
    with pytest.raises(cs.ConvscopeError, match="no knob 'sort'"):
        draw(cs.weights(module_net, "0"), sort="max")
    with pytest.raises(cs.ConvscopeError, match="percentile must be"):
        draw(cs.saliency(module_net, CAT, "logits:1"), percentile=101)
