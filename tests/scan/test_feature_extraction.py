"""Codes against a slow program, however the work is cut, stopped or resumed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, BadScan, BadSource, ForwardFailed, UnknownLayer
from convscope.base.progress import Cancelled, listening
from convscope.scan import engine, feature_extraction, job
from convscope.scan.codes import pieces, result

KNOBS = {"batch_size": 2, "workers": 0, "checkpoint": 0}
LAYERS = "0,3,6"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Twenty-one pictures in three classes, and two files that are none."""
    place = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for i in range(21):
        (place / "abc"[i % 3]).mkdir(exist_ok=True)
        picture = rng.integers(0, 256, (40, 36 + i, 3), dtype=np.uint8)
        PIL.Image.fromarray(picture).save(place / "abc"[i % 3] / f"{i:02}.png")
    for name in ("a/10x.png", "c/99.png"):
        (place / name).write_bytes(b"no picture")
    return place


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """Shards of four images, so that there are several."""
    monkeypatch.setattr(job, "SHARD", 4)


def slow(net, source, layer, pool):
    """One image after the other, all in float64 after the layer."""
    rows = []
    for id in source:
        with torch.no_grad():
            out = net.read(net.prepare(id), layer)[layer][0]
        flat = out.double().reshape(len(out), -1)
        rows.append(flat.mean(1) if pool == "mean" else flat.amax(1) if pool == "max" else out[:, pool[0], pool[1]])
    return torch.stack([row.double() for row in rows]).numpy()


def stored(place: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in place.iterdir() if file.is_file()}


def test_codes_in_memory_can_be_saved_and_are_the_same_afterwards(tiny, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(result, "_ROWS", 4)
    held = cs.codes(tiny, folder, LAYERS, **KNOBS)
    saved = cs.open_codes(held.save(tmp_path / "saved"))
    assert saved.ids == held.ids and saved.labels == held.labels and saved.refused == held.refused
    assert all(np.array_equal(saved.of(layer), held.of(layer)) for layer in LAYERS.split(","))
    assert pq.ParquetFile(tmp_path / "saved" / "codes.parquet").num_row_groups == 6  # read a few at a time
    with pytest.raises(BadScan, match="whole to be saved"):
        cs.codes(tiny, folder, "3", tmp_path / "part", shard="0/2", **KNOBS).save(tmp_path / "other")


@pytest.mark.parametrize("pool", ["mean", "max", "5,2"])
def test_codes_are_those_of_a_slow_program(tiny, folder, pool):
    found = cs.codes(tiny, folder, "0,3", pool=pool, **KNOBS)
    paths = [folder / id for id in found.ids]
    for layer in ("0", "3"):
        wanted = slow(tiny, paths, layer, tuple(map(int, pool.split(","))) if "," in pool else pool)
        assert found.of(layer).dtype == np.float32
        np.testing.assert_allclose(found.of(layer), wanted, rtol=2e-6, atol=2e-6)


def test_ids_labels_and_what_was_refused_stay_with_their_images(tiny, folder):
    found = cs.codes(tiny, folder, "6", **KNOBS)
    assert found.values.shape == (21, 5) and len(found) == 21
    assert [id[0] for id in found.ids] == list(found.labels) and list(found.ids) == sorted(found.ids)
    assert [id for id, _ in found.refused] == ["a/10x.png", "c/99.png"] and found.evidence["refused"] == 2
    assert found.numbers.tolist() == [n for n in range(23) if n not in (4, 22)]
    np.testing.assert_allclose(found.values, slow(tiny, [folder / id for id in found.ids], "6", "mean"), atol=2e-6)


def test_a_vector_is_its_own_code(tiny, folder):
    by_mean, by_max = (cs.codes(tiny, folder, "6", pool=pool, **KNOBS) for pool in ("mean", "max"))
    assert np.array_equal(by_mean.values, by_max.values) and by_mean.digest != by_max.digest


def test_one_layer_is_the_same_beside_others(tiny, folder):
    alone, beside = cs.codes(tiny, folder, "3"), cs.codes(tiny, folder, LAYERS)
    assert np.array_equal(alone.values, beside.of("3"))
    assert beside.only(["3"]).digest == alone.digest != beside.digest


@pytest.mark.parametrize("order", [[0], [1, 0], [2, 0, 1], [0, 3, 3, 1, 2], [6, 2, 4]])
def test_however_it_is_cut_the_files_are_the_same(tiny, folder, tmp_path, order):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    cs.codes(tiny, folder, LAYERS, whole, **KNOBS)
    for number in order[:-1]:
        found = cs.codes(tiny, folder, LAYERS, cut, shard=f"{number}/{max(order) + 1}", **KNOBS)
        assert "shards are missing" in found.evidence["partial"]
    cs.codes(tiny, folder, LAYERS, cut, shard=f"{order[-1]}/{max(order) + 1}", **KNOBS)
    cs.codes(tiny, folder, LAYERS, cut, **KNOBS)
    assert stored(cut) == stored(whole) and sorted(stored(cut)) == ["codes.json", "codes.parquet"]
    assert sorted(file.name for file in cut.iterdir()) == sorted(stored(cut))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_cancelled_call_goes_on(tiny, folder, tmp_path, workers):
    knobs = {**KNOBS, "workers": workers}

    def stop(step, total, _preview):
        if step == 3:
            raise Cancelled

    with listening(stop):
        part = cs.codes(tiny, folder, LAYERS, tmp_path / "out", **knobs)
    whole = cs.codes(tiny, folder, LAYERS, tmp_path / "whole", **knobs)
    assert part.evidence["partial"] == "3 of 6 shards are missing"
    assert np.array_equal(part.of("3"), whole.of("3")[: len(part)]) and part.ids == whole.ids[: len(part)]
    steps = []
    with listening(lambda step, total, _preview: steps.append((step, total))):
        cs.codes(tiny, folder, LAYERS, tmp_path / "out", **knobs)
    assert steps == [(4, 6), (5, 6), (6, 6)]
    assert stored(tmp_path / "out") == stored(tmp_path / "whole")


def test_a_call_killed_between_pieces_loses_nothing(tiny, folder, tmp_path, monkeypatch):
    saved, save = [], pieces.CodesState.save

    def killed(self, path):
        save(self, path)
        saved.append(path)
        if len(saved) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pieces.CodesState, "save", killed)
        cs.codes(tiny, folder, LAYERS, tmp_path / "out", **KNOBS)
    with pytest.raises(BadScan, match="unfinished codes"):
        cs.open_codes(tmp_path / "out")
    cs.codes(tiny, folder, LAYERS, tmp_path / "out", **KNOBS)
    cs.codes(tiny, folder, LAYERS, tmp_path / "whole", **KNOBS)
    assert stored(tmp_path / "out") == stored(tmp_path / "whole")


def test_what_is_held_in_memory_is_bounded(tiny, folder, tmp_path, monkeypatch):
    held = []
    save = pieces.CodesState.save
    monkeypatch.setattr(pieces, "_HELD", 4 * 4 * 15)  # bytes of one shard
    monkeypatch.setattr(engine, "_TOGETHER", 4)
    monkeypatch.setattr(
        pieces.CodesState, "save", lambda self, path: (held.append(sum(map(len, self.rows))), save(self, path))
    )
    cs.codes(tiny, folder, LAYERS, tmp_path, batch_size=4, workers=0, checkpoint=1e9)
    assert len(held) > 1 and sum(held) == 21


def test_codes_that_are_there_are_not_made_again(tiny, folder, tmp_path, monkeypatch):
    made = cs.codes(tiny, folder, LAYERS, tmp_path, **KNOBS)
    monkeypatch.setattr(feature_extraction, "run_scan", None)
    again = cs.codes(tiny, folder, "3", tmp_path, workers=0)
    assert np.array_equal(again.values, made.of("3")) and again.source.digest == made.ledger.source
    opened = cs.open_codes(tmp_path)
    assert opened.digest == made.digest and np.array_equal(opened.of("6"), made.of("6"))
    assert [len(block) for block in opened.blocks("0")] == [4, 3, 4, 4, 4, 2]


@pytest.mark.parametrize("parts", [1, 2])
def test_a_scan_keeps_codes_besides(tiny, folder, tmp_path, monkeypatch, parts):
    for part in range(parts):
        cs.scan(tiny, folder, tmp_path / "scan", codes="3,6", shard=f"{part}/{parts}", top=3, **KNOBS)
    if parts > 1:
        cs.merge_scans([tmp_path / "scan"])
    plain = cs.scan(tiny, folder, tmp_path / "plain", top=3, **KNOBS)
    wanted = cs.codes(tiny, folder, "3,6", tmp_path / "codes", **KNOBS)
    with monkeypatch.context() as patch:
        patch.setattr(feature_extraction, "run_scan", None)
        found = cs.codes(tiny, folder, "3,6", tmp_path / "scan", **KNOBS)
    assert found.digest == wanted.digest and stored(tmp_path / "codes").items() <= stored(tmp_path / "scan").items()
    assert cs.open_scan(tmp_path / "scan").digest == plain.digest


def test_a_finished_scan_gets_codes_later(tiny, folder, tmp_path):
    cs.scan(tiny, folder, tmp_path, top=3, **KNOBS)
    cs.scan(tiny, folder, tmp_path, top=3, codes="3", **KNOBS)
    assert np.array_equal(cs.open_codes(tmp_path).values, cs.codes(tiny, folder, "3", **KNOBS).values)


def test_the_table_can_be_read_by_others(tiny, folder, tmp_path):
    found = cs.codes(tiny, folder, LAYERS, tmp_path, **KNOBS)
    table = pq.read_table(tmp_path / "codes.parquet")
    assert table.column_names == ["image", "id", "label", "class", "0", "3", "6"]
    assert np.array_equal(np.array(table["3"].to_pylist(), np.float32), found.of("3"))
    assert table["class"].to_pylist() == list(found.labels)


class Odd(nn.Module):
    """Puts out no number for a picture that begins black."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, x):
        x = self.conv(x)
        return x / (x[:, :, :1, :1] != self.conv(torch.zeros_like(x[:, :1, :1, :1]).expand(-1, 3, -1, -1))).float()


def test_an_image_without_a_finite_code_is_named():
    net = cs.Network(Odd().eval(), size=8, mean=(0, 0, 0), std=(1, 1, 1), name="odd")
    pictures = [np.full((8, 8, 3), value, np.uint8) for value in (9, 200, 0, 30)]
    with pytest.raises(ForwardFailed, match=r"not finite, or larger than 2\^40, for the image 2"):
        cs.codes(net, pictures, "logits", batch_size=1)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"layer": "nonsense"}, UnknownLayer, "nonsense"),
        ({"pool": "median"}, BadKnob, "pool must be mean, max, or a place"),
        ({"pool": "16,0"}, BadKnob, "pool must be a place in the maps of 3, which are 16 × 16, not 16,0"),
        ({"shard": "1/2"}, BadKnob, "shard needs an output folder"),
        ({"source": []}, BadSource, "at least one image"),
    ],
)
def test_what_cannot_be_is_refused(tiny, folder, asked, error, words):
    given = {"source": folder, "layer": "3", **asked}
    with pytest.raises(error, match=words):
        cs.codes(tiny, given.pop("source"), given.pop("layer"), **KNOBS, **given)


def test_no_usable_image_leaves_nothing(tiny, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(b"none")
    for output in (None, tmp_path / "out"):
        with pytest.raises(BadSource, match="None of 1 files could be read"):
            cs.codes(tiny, tmp_path / "images", "3", output, **KNOBS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", [{"pool": "max"}, {"labels": "none"}, {"layer": "0"}, {"batch_size": 4}])
def test_other_codes_in_the_folder_are_left_alone(tiny, folder, tmp_path, change):
    cs.codes(tiny, folder, "3", tmp_path, **KNOBS)
    before = stored(tmp_path)
    with pytest.raises(BadScan, match="Use another folder"):
        cs.codes(tiny, folder, change.get("layer", "3"), tmp_path, **KNOBS | change if "layer" not in change else {})
    assert stored(tmp_path) == before


def test_pieces_of_other_codes_are_refused(tiny, folder, tmp_path):
    cs.codes(tiny, folder, "3", tmp_path, shard="0/2", **KNOBS)
    with pytest.raises(BadScan, match=r"is of other codes: the knobs \(pool: mean is now max\)"):
        cs.codes(tiny, folder, "3", tmp_path, pool="max", **KNOBS)


@pytest.mark.parametrize("name", ["codes.parquet", "codes.json"])
def test_a_flipped_bit_anywhere_is_noticed(tiny, folder, tmp_path, name):
    cs.codes(tiny, folder, "3", tmp_path, **KNOBS)
    data = bytearray((tmp_path / name).read_bytes())
    for place in np.random.default_rng(0).integers(0, len(data), 12):
        data[place] ^= 4
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadScan, match=r"ask for the codes again"):
            cs.open_codes(tmp_path)
        data[place] ^= 4
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(BadScan, match=r"ask for the codes again"):
        cs.open_codes(tmp_path)


def test_a_damaged_piece_is_noticed(tiny, folder, tmp_path):
    cs.codes(tiny, folder, "3", tmp_path, shard="0/2", **KNOBS)
    piece = min((tmp_path / "pieces").iterdir())
    data = bytearray(piece.read_bytes())
    data[-3] ^= 1
    piece.write_bytes(data)
    with pytest.raises(BadScan, match="damaged"):
        cs.codes(tiny, folder, "3", tmp_path, **KNOBS)


def test_of_another_network_or_other_images(tiny, folder, tmp_path):
    found = cs.codes(tiny, folder, "3", tmp_path, **KNOBS)
    other = cs.Network(nn.Sequential(nn.Conv2d(3, 2, 3)).eval(), size=32, name="other")
    with pytest.raises(BadScan, match="codes must be of other as it is, not of tiny"):
        found.check(other)
    with pytest.raises(BadScan, match="source must hold the images the codes are of"):
        found.with_source([np.zeros((32, 32, 3), np.uint8)])
    assert json.dumps(found.describe()) and found.describe()["reference"] == str(tmp_path)
