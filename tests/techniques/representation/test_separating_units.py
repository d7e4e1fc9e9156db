"""Units behind a selection: planted ones are found with what drives them, and a map's units are the same table."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, BadScan, BadSource
from convscope.view.charts.unit_rows import UnitRow, unit_rows
from convscope.view.figures.registry import draw


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sixty grey noises; in those of `spot` there is a bright green square somewhere."""
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for i in range(60):
        pixels = rng.integers(90, 130, (32, 32, 1), np.uint8).repeat(3, 2)
        name = ("spot", "plain", "dull")[i % 3]
        if name == "spot":
            y, x = rng.integers(2, 24, 2)
            pixels[y : y + 6, x : x + 6] = (20, 240, 20)
        (root / name).mkdir(exist_ok=True)
        cs.open_image(pixels).save(root / name / f"{i:02}, really.png")
    return root


@pytest.fixture(scope="module")
def net():
    """Six channels, of which the third is green less the others, and layers behind it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        with torch.no_grad():
            module[0].weight.abs_()
            module[0].weight[:, 1:] = 0  # the others look for what is light in red, where the noise has it
            module[0].weight[2] = 0
            module[0].weight[2, :, 1, 1] = torch.tensor([-1.0, 2.0, -1.0])
    return cs.Network(module.eval(), size=32, name="spots")


@pytest.fixture(scope="module")
def found(net, folder):
    return cs.separating_units(net, folder, "spot", layers="0,1", top=6, painted=1, steps=2)


def test_a_planted_unit_is_first_with_the_spots_as_its_patches(found):
    first = found.rows[0]
    assert (first["channel"], first["sign"], first["auroc"]) == (2, 1, 1.0) and first["corrected"] < 0.001
    assert first["auroc_low"] < 1 == first["auroc_high"] and found.values[0] == 1 and len(found.values) == 6
    patches = found.patches[first["layer"]]
    entries = patches.of(2)
    assert len(entries) == 4 and {patches.classes[i] for i in entries} == {"spot"}
    for i in entries:
        assert patches.crops[i].shape[:2] == (3, 3)  # of a 3 × 3 kernel, inside of the spot
        assert (patches.crops[i][1, 1] == (20, 240, 20)).all()
    assert found.images.shape == (1, 32, 32, 3) and found.direction.size == 0


def test_the_evidence_counts_and_every_file_says_it(found, tmp_path):
    told = found.evidence
    assert (told["images"], told["selected"], told["units"], told["layers"], told["tested"]) == (60, 20, 12, 2, 6)
    assert [sum(side) for side in zip(told["finding"], told["testing"], strict=True)] == [20, 40]
    summary = json.loads(found.save(tmp_path / "a.json").read_text())
    assert summary["units"] == found.table.to_pylist() and len(summary["selected"]) == 20
    with np.load(found.save(tmp_path / "a.npz")) as arrays:
        assert arrays["chosen"].sum() == 20 and {"0.crop_0", "1.crop_0"} & {*arrays.files}
    assert pq.read_table(found.save(tmp_path / "a.parquet")).to_pylist() == found.table.to_pylist()


def test_a_map_gives_the_same_table(net, folder, found):
    embedding = cs.embed(net, folder, "1", iterations=1)
    assert embedding.units("spot", "0,1").slice(0, 6).drop_columns("corrected") == found.table.drop_columns("corrected")


def test_ids_a_condition_and_a_class_are_one_selection(net, folder, found):
    ids = [id for id, inside in zip(found.ids, found.chosen, strict=True) if inside]
    quick = {"layers": "0", "top": 2, "patches": 0}
    one, *others = (
        cs.separating_units(net, folder, given, **quick)
        for given in ("spot", ids, "class like 'sp%'", "id < 'spoz' and id > 'q'")
    )
    assert not one.patches and all(other.table == one.table for other in others)
    assert ", really.png" in ids[0] and others[0].request.subjects["selection"]["reference"].startswith('"spot/')


def test_codes_of_peaks_are_not_made_again(net, folder, found, tmp_path, monkeypatch):
    from convscope.representation.separation import peaks

    codes = cs.codes(net, folder, "0,1", tmp_path / "codes", pool="max")
    monkeypatch.setattr(peaks, "codes_of", None)
    again = cs.separating_units(net, codes, "spot", layers="0,1", top=6)
    assert again.table == found.table and again.patches["1"].images == found.patches["1"].images


def test_where_no_unit_does_it_a_direction_is_told_and_drawn(net, folder):
    even = [f"{name}/{i:02}, really.png" for i in range(0, 60, 2) for name in [("spot", "plain", "dull")[i % 3]]]
    found = cs.separating_units(net, folder, even, layers="0,2", top=3, patches=1)
    assert found.evidence["significant"] == 0 and "may be chance" in found.evidence["chance"]
    last = found.table.to_pylist()[-1]
    assert last["layer"] == "2" and last["channel"] is None and found.direction.shape == (4,)
    assert "no unit reaches 0.7 by itself; a direction of all units of 2" in found.evidence["direction"]
    assert found.evidence["direction"] in draw(found).note


def test_images_that_change_meanwhile_are_refused(net, folder, tmp_path):
    codes = cs.codes(net, folder, "0", tmp_path / "codes", pool="max")
    others = [np.full((32, 32, 3), 250, np.uint8)] * 3

    class Gone:
        digest, reference = codes.source.digest, ""

        def open(self, id):
            return cs.open_image(others[0])

    codes._source = Gone()
    with pytest.raises(BadScan, match=r"another image now\. The images must stay as they are"):
        cs.separating_units(net, codes, "spot", layers="0")


@pytest.mark.parametrize(
    ("selection", "knobs", "error", "words"),
    [
        ("nonsense", {}, BadKnob, "nonsense"),
        ("id is not null", {}, BadKnob, "not all of them"),
        ("id like '%00,%'", {}, BadKnob, "at least 5 selected"),
        ([], {}, BadKnob, "must be a class, ids of images, or an SQL condition"),
        (["spot/77.png"], {}, BadKnob, "must be one SQL query"),
        (3, {}, BadKnob, "must be a class, ids of images"),
        ("spot", {"layers": "9"}, BadKnob, "layers must be all, or layers of spots"),
        ("spot", {"labels": "network"}, BadSource, "none of the 4 classes"),
    ],
)
def test_what_cannot_be_is_refused_before_a_pass(net, folder, monkeypatch, selection, knobs, error, words):
    from convscope.techniques.representation import separating_units as module

    if words not in ("not all of them", "at least 5 selected"):
        monkeypatch.setattr(module, "peak_codes", None)
    with pytest.raises(error, match=words):
        cs.separating_units(net, folder, selection, **{"layers": "0", **knobs})


def test_a_row_has_a_bar_as_long_as_its_area_and_frames_where_they_belong():
    black = np.zeros((20, 20, 3), np.uint8)
    row = UnitRow("a:1", ("words",), 1.0, 0.9, 1.0, "#ff0000", [black, black], [True, False], black)
    half = UnitRow("a:2", (), 0.75, 0.6, 0.8, "#ff0000")
    heads = ("unit", "area", "drives it", "painted")
    full, short = unit_rows([row], heads, 0.7), unit_rows([half], heads, 0.7)
    red = [(pixels == (255, 0, 0)).all(2) for pixels in (full, short)]
    middle = [one[:, : one.shape[1]].any(0).sum() for one in red]
    assert full.shape[1] > short.shape[1] and middle[0] > middle[1] > 0
    frames = red[0][:, -150 * 2 - 150 :]
    assert frames.any()
