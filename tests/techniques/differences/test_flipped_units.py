"""Which units flip: closed forms on affine networks, what is usual by scans and photos, and what is left out."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, BadScan
from convscope.base.samples import samples
from convscope.results.flipped_units import CONSTANT, COUNTED, DEAD
from convscope.techniques.differences.flipped_units import flipped_units, units_between
from convscope.techniques.differences.reference import Usual, of_photos, of_scan
from convscope.techniques.differences.responses import response, responses

PHOTOS = [f"sample:{name}" for name in samples()]


class Pixels(nn.Module):
    """Units of a layer without places: a pixel's red, its negative, always 0, always 3."""

    def __init__(self):
        super().__init__()
        self.units, self.scores = nn.Linear(12, 4), nn.Linear(4, 2)
        with torch.no_grad():
            self.units.weight.zero_()
            self.units.weight[0, 0], self.units.weight[1, 0] = 1, -1
            self.units.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 3.0]))

    def forward(self, x):
        return self.scores(self.units(x.flatten(1)))


def pixels(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cs.Network(Pixels().eval(), size=2, mean=(0.0,) * 3, std=(1 / 255,) * 3)


def red(value):
    picture = np.full((2, 2, 3), 128, np.uint8)
    picture[0, 0, 0] = value
    return picture


@pytest.fixture
def scanned(tmp_path):
    """A scan of pictures whose first red is 0, 10 … 100, and the network."""
    net = pixels()
    return net, cs.scan(net, [red(value) for value in range(0, 101, 10)], tmp_path / "scan"), str(tmp_path / "scan")


def test_the_difference_is_in_deviations_of_the_scan_and_a_crossing_is_a_flip(scanned):
    net, _, folder = scanned
    found = flipped_units(net, red(80), red(140), scan=folder, layers="units", draws=4)
    spread, high = np.std(range(0, 101, 10)), 100  # rank 10 of 0 to 10 is nearest to the 95th percentile
    assert found.state.tolist() == [COUNTED, COUNTED, DEAD, CONSTANT]
    np.testing.assert_allclose(found.spread[:2], spread, rtol=1e-6)
    np.testing.assert_allclose(found.values, [60 / spread, -60 / spread, 0, 0], rtol=1e-6)
    assert found.high[:2].tolist() == [high, 0] and found.flipped.tolist() == [1, 0, 0, 0]
    rows = found.table.to_pylist()
    assert [row["flipped"] for row in rows] == ["on", None, None, None]
    assert [row["state"] for row in rows] == [None, None, "dead", "constant"]
    assert rows[2]["difference"] is None and rows[2]["control"] is None
    assert flipped_units(net, red(140), red(80), scan=folder, layers="units").table["flipped"][0].as_py() == "off"


def test_the_controls_move_the_one_value_that_changed_by_as_much_either_way(scanned):
    net, _, folder = scanned
    found = flipped_units(net, red(80), red(140), scan=folder, layers="units", draws=32)
    assert set(found.noisy[:, 0]) == {20, 140} and set(np.sign(found.control[:, 0])) == {-1, 1}
    (row,) = found.by_layer.to_pylist()
    share = (found.noisy[:, 0] > 100).mean()
    assert row["control_on"] == pytest.approx(share) and row["moved"] == 1 == row["control_moved"]
    assert (row["units"], row["dead"], row["constant"], row["on"], row["off"]) == (2, 1, 1, 1, 0)
    assert row["apart"] == pytest.approx(np.hypot(60, 60) / np.linalg.norm([80, 80, 3]), rel=1e-5)


def test_a_scan_and_the_same_photos_say_the_same(tiny):
    layers = [tiny.layers[name] for name in ("2", "3", "6")]
    seen = np.stack([tiny.see(photo) for photo in PHOTOS])
    scan = cs.scan(tiny, PHOTOS)
    by_scan, by_photos = of_scan(tiny, scan, layers).layers, of_photos(tiny, layers, seen[0] + 1).layers
    for name in by_scan:
        np.testing.assert_allclose(by_scan[name].spread, by_photos[name].spread, rtol=2e-4, atol=1e-6)
        np.testing.assert_allclose(by_scan[name].high, by_photos[name].high, rtol=1e-5, atol=1e-6)
        assert np.array_equal(by_scan[name].dead, by_photos[name].dead)


def test_no_unit_is_measured_by_less_than_the_fifth_percentile_of_its_layer():
    spread = np.array([0.0, 0.0, 1e-9, *range(1, 100)], np.float64)
    usual = Usual(spread, np.zeros_like(spread), np.arange(102) == 0)
    assert usual.constant.nonzero()[0].tolist() == [1] and usual.counted.sum() == 100
    floor = np.percentile(spread[2:], 5)
    assert usual.unit_of_change.min() == floor > 1 and (usual.unit_of_change[10:] == spread[10:]).all()


def test_responses_are_peaks_that_are_not_negative_and_scores_as_they_are(tiny):
    seen = np.stack([tiny.see(photo) for photo in PHOTOS[:3]])
    found = responses(tiny, seen, [tiny.layers[name] for name in ("0", "6")])
    for number, photo in enumerate(PHOTOS[:3]):
        read = tiny.read(tiny.prepare(photo), "0", "6")
        np.testing.assert_allclose(found.values["0"][number], read["0"].amax((2, 3))[0].clamp(min=0), rtol=1e-5)
        np.testing.assert_allclose(found.values["6"][number], read["6"][0], rtol=1e-4, atol=1e-6)
    start, other = (tiny.read(tiny.prepare(photo), "0")["0"] for photo in PHOTOS[:2])
    assert found.apart["0"][0] == 0
    assert found.apart["0"][1] == pytest.approx(float((other - start).norm() / start.norm()), rel=1e-4)


def test_a_peak_below_zero_is_no_response_and_a_score_below_zero_is_one():
    maps = torch.tensor([[[[-3.0, -1.0]], [[2.0, 5.0]]]])
    assert response(maps).tolist() == [[0, 5]] and response(maps[..., 0, 1]).tolist() == [[-1, 5]]
    assert response(maps[..., :1]).tolist() == [[-3, 2]]  # one place


def test_passes_are_counted_and_the_reference_is_told(tiny):
    found = flipped_units(tiny, "sample:cat", "sample:flower", draws=5)
    told = found.evidence
    assert told["forward_passes"] == 2 + 5 and told["reference_passes"] == 7 == told["images"]
    assert "7 other bundled photos" in told["reference"] and told["draws"] == 5
    assert found.layers == ("2", "3", "4", "5", "6") and found.noisy.shape == (5, len(found.values))
    steps = tiny.see("sample:flower").astype(int) - tiny.see("sample:cat")
    assert told["l2"] == pytest.approx(np.linalg.norm(steps) / 255)
    assert told["largest_step"] == np.abs(steps).max() and told["changed_share"] == (steps != 0).mean()


def test_of_one_picture_twice_nothing_moves_and_this_is_told(tiny):
    found = flipped_units(tiny, "sample:cat", "sample:cat", draws=2)
    assert not found.values.any() and not found.flipped.any() and not found.noisy_apart.any()
    assert "no difference" in found.evidence["unmoved"]
    assert found.strongest.size == 0


def test_units_that_noise_does_not_flip_come_first(tiny):
    found = flipped_units(tiny, "sample:cat", "sample:flower", layers="all", draws=3)
    order = found.strongest
    by_chance = (found.control_flipped[:, order] != 0).sum(0)
    assert (np.diff(by_chance) >= 0).all() and (found.flipped[order] != 0).all()
    assert len(order) == (found.flipped != 0).sum()
    table = found.table
    name = found.named(int(order[0]))
    row = table.slice(int(order[0]), 1).to_pylist()[0]
    assert name == f"{row['layer']}:{row['channel']}" and row["flipped"] in ("on", "off")


def test_it_is_saved_as_a_table_too_and_its_scan_belongs_to_the_request(scanned, tmp_path):
    net, scan, folder = scanned
    found = flipped_units(net, red(80), red(140), scan=folder, draws=2)
    for ending in (".png", ".npz", ".json", ".parquet"):
        assert found.save(tmp_path / f"x{ending}").stat().st_size > 200
    assert found.request.inputs == {folder: scan.digest}
    told = json.loads((tmp_path / "x.json").read_text())
    assert [row["layer"] for row in told["layers"]] == list(found.layers)
    with np.load(tmp_path / "x.npz") as held:
        assert np.array_equal(held["noisy"], found.noisy)


def test_a_scan_in_memory_will_do_and_one_of_another_network_will_not(scanned):
    net, scan, folder = scanned
    pair = [cs.open_image(red(value)) for value in (80, 140)]
    alike = flipped_units(net, *pair, scan=folder)
    assert np.array_equal(units_between(net, *pair, scan).values, alike.values)
    with pytest.raises(BadScan, match="must be of"):
        flipped_units(pixels(1), *pair, scan=folder)
    with pytest.raises(BadKnob, match=r"scan must be .*, not .nowhere.*holds no scan"):
        flipped_units(net, *pair, scan="nowhere")
    with pytest.raises(BadKnob, match="layers must be"):
        flipped_units(net, *pair, layers="nothing")


def test_images_that_a_module_mixes_are_read_one_by_one():
    class Mixing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

        def forward(self, x):
            return self.head((self.conv(x) - self.conv(x).mean(0)).amax((2, 3)) + self.conv(x).mean((2, 3)))

    net = cs.Network(Mixing().eval(), size=16)
    found = flipped_units(net, "sample:cat", "sample:flower", layers="conv,head", draws=2)
    alone = net.read(net.prepare("sample:flower"), "head")["head"][0]
    np.testing.assert_allclose(found.after[-3:], alone, rtol=1e-5)
