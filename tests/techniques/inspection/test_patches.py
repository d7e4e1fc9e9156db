"""Patches: crops are pixels of the images, windows hold what the gradient reaches, and nothing is made up."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, BadScan, UnknownLayer, UnknownUnit
from convscope.network.preprocessing import Preprocessing
from convscope.scan.result import Scan
from convscope.techniques.inspection.crops import in_source


def network(seed: int = 0, **more: object) -> cs.Network:
    """Layers 0 (conv), 1 (relu), 2 (strided conv), 3 (relu), 4 (pool), 5 (flatten), 6 (linear)."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 5, stride=2, padding=2), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
        )  # fmt: skip
    nn.init.constant_(module[6].bias, 2)  # every score fires
    return cs.Network(module, size=32, name="small", **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve noisy pictures, wide, tall and small, in two classes."""
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for i in range(12):
        size = ((40, 90), (90, 40), (12, 10), (64, 64))[i % 4]
        where = root / f"class{i % 2}"
        where.mkdir(exist_ok=True)
        coarse = rng.integers(0, 256, (size[0] // 3, size[1] // 3, 3), dtype=np.uint8)
        PIL.Image.fromarray(coarse).resize(size[::-1], PIL.Image.Resampling.NEAREST).save(where / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def net() -> cs.Network:
    return network(resize=1.25)


@pytest.fixture(scope="module")
def scan(net: cs.Network, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return cs.scan(net, folder, tmp_path_factory.mktemp("scan"), top=10)


def reached(net: cs.Network, image: cs.Image, address: str) -> np.ndarray:
    """Where in the input the gradient of a neuron is not zero: top, left, bottom, right."""
    y, x = np.nonzero(np.abs(cs.saliency(net, image, address).values).max(0))
    return np.array([y.min(), x.min(), y.max() + 1, x.max() + 1])


@pytest.mark.parametrize("field", ["effective", "theoretical"])
@pytest.mark.parametrize("unit", ["0:1", "3:2", "logits:1"])
def test_crops_are_the_pixels_of_the_source_images(net, scan, unit, field) -> None:
    found = cs.patches(net, scan, unit, field=field)
    hits = scan.top(unit, 9)
    assert len(hits) > 2 and found.images == tuple(hit.image for hit in hits)
    assert found.values.tolist() == [np.float32(hit.value) for hit in hits]
    for hit, box, crop in zip(hits, found.boxes, found.crops, strict=True):
        top, left, bottom, right = box
        assert crop.size and np.array_equal(crop, scan.source.open(hit.image).pixels[top:bottom, left:right])
    if field == "theoretical" or unit == "logits:1":
        assert found.boxes.tolist() == [list(hit.box) for hit in hits]
    assert found.positions.tolist() == [[hit.y, hit.x] if unit != "logits:1" else [-1, -1] for hit in hits]


def test_the_theoretical_window_holds_the_gradient_and_the_effective_one_lies_within(net, scan) -> None:
    whole = cs.patches(net, scan, "3:2", field="theoretical")
    inner = cs.patches(net, scan, "3:2")
    assert (whole.evidence["status"], whole.evidence["size"]) == ("exact", [7, 7])
    assert (inner.windows[:, :2] >= whole.windows[:, :2]).all() and (inner.windows[:, 2:] <= whole.windows[:, 2:]).all()
    for id, window, box, (y, x) in zip(whole.images, whole.windows, whole.boxes, whole.positions, strict=True):
        image = scan.source.open(id)
        support = reached(net, image, f"3:2@{y},{x}")
        assert (window[:2] <= support[:2]).all() and (support[2:] <= window[2:]).all()
        left, top, right, bottom = net.preprocessing.to_source(image.size, support[[1, 0, 3, 2]].tolist())
        assert box[0] <= top + 1e-6 and box[1] <= left + 1e-6 and bottom - 1e-6 <= box[2] and right - 1e-6 <= box[3]


def test_the_theoretical_window_of_lite0_holds_the_gradient(lite0, folder) -> None:
    scan = cs.scan(lite0, folder, layers="blocks.2.0", top=2)
    found = cs.patches(lite0, scan, "blocks.2.0:3", field="theoretical", projection="none")
    for id, window, (y, x) in zip(found.images, found.windows, found.positions, strict=True):
        support = reached(lite0, scan.source.open(id), f"blocks.2.0:3@{y},{x}")
        assert (window[:2] <= support[:2]).all() and (support[2:] <= window[2:]).all()
    assert found.projections == () and "rule" not in found.evidence


@pytest.mark.parametrize("rule", ["guided", "deconvnet", "plain"])
@pytest.mark.parametrize("unit", ["3:2", "logits:1"])
def test_a_projection_is_that_of_the_one_neuron_cut_to_its_window(net, scan, unit, rule) -> None:
    found = cs.patches(net, scan, unit, projection=rule, top=3)
    for i, (top, left, bottom, right) in enumerate(found.windows):
        y, x = found.positions[i]
        address = unit if y < 0 else f"{unit}@{y},{x}"
        wanted = cs.project(net, scan.source.open(found.images[i]), address, rule=rule).values
        part = wanted[:, top:bottom, left:right]
        assert np.allclose(found.projections[i], part, rtol=1e-4, atol=1e-6 * np.abs(part).max())
    assert found.evidence.get("interceptions") == (None if rule == "plain" else 2)


def test_where_nothing_can_follow_the_rule_it_is_the_gradient_and_says_so(net, scan) -> None:
    ruled, plain = (cs.patches(net, scan, "0:1", projection=rule) for rule in ("guided", "plain"))
    assert all(np.array_equal(a, b) for a, b in zip(ruled.projections, plain.projections, strict=True))
    assert "plain gradient" in ruled.evidence["without_rule"] and "without_rule" not in plain.evidence


@pytest.mark.parametrize("side", [(120, 120), (90, 200), (200, 90)])
def test_the_crop_holds_the_one_place_that_can_drive_a_unit(side: tuple[int, int], tmp_path: Path) -> None:
    """A bright square on black, and a unit that is the mean of nine pixels."""
    rng = np.random.default_rng(1)
    module = nn.Sequential(nn.Conv2d(3, 2, 9, padding=4, bias=False), nn.ReLU())
    nn.init.constant_(module[0].weight[0], 1 / 243)
    nn.init.constant_(module[0].weight[1], -1)
    net = cs.Network(module, size=60, mean=(0, 0, 0), std=(1, 1, 1), name="mean")
    zoom, squares = min(side) / 60, {}
    for i in range(4):
        picture = np.zeros((*side, 3), np.uint8)
        span = round(9 * zoom)
        y, x = (int(rng.integers((n - min(side)) // 2 + 2 * span, (n + min(side)) // 2 - 3 * span)) for n in side)
        picture[y : y + span, x : x + span] = 255
        PIL.Image.fromarray(picture).save(tmp_path / f"{i}.png")
        squares[f"{i}.png"] = y, x, y + span, x + span
    scan = cs.scan(net, tmp_path, layers="1")
    found = cs.patches(net, scan, "1:0", field="theoretical")
    assert sorted(found.images) == sorted(squares)
    for id, (top, left, bottom, right), crop in zip(found.images, found.boxes, found.crops, strict=True):
        y, x, below, beside = squares[id]
        slack = np.ceil(zoom)
        assert abs(top - y) <= slack and abs(left - x) <= slack and abs(bottom - below) <= slack
        assert abs(right - beside) <= slack and (crop == 255).mean() > 0.6
    silent = cs.patches(net, scan, "1:1")
    assert silent.silent == [1] and silent.crops == silent.projections == silent.images == ()
    assert "1:1 never fired in 4 images" in silent.evidence["silent"] and silent.values.shape == (0,)
    assert silent.picture().width > 100


@pytest.mark.parametrize("size", [(40, 90), (90, 40), (12, 10), (32, 32), (301, 500)])
@pytest.mark.parametrize("more", [{}, {"resize": 1.25}, {"squash": True}])
def test_resize_and_crop_are_undone(size: tuple[int, int], more: dict[str, float]) -> None:
    """A mark in the middle of a box of the source is in the middle of what the network sees of that window."""
    preprocessing = Preprocessing((32, 24), **more)  # type: ignore[arg-type]
    yy, xx = np.mgrid[: size[0], : size[1]]
    ramp = np.stack([yy * 255 / (size[0] - 1), xx * 255 / (size[1] - 1), 0 * xx], 2).round().astype(np.uint8)
    seen = preprocessing.crop(cs.open_image(ramp)).astype(float)
    for window in ((4, 4, 12, 10), (0, 0, 32, 24), (14, 8, 17, 11)):
        top, left, bottom, right = in_source(preprocessing, size, window)
        part = ramp[top:bottom, left:right].astype(float)
        view = seen[window[0] : window[2], window[1] : window[3]]
        step = 255 / (min(size) - 1) + 255 / 24
        assert np.abs(part.mean((0, 1)) - view.mean((0, 1))).max() < step
        assert (bottom - top) * (right - left) > 0 and bottom <= size[0] and right <= size[1]
    assert in_source(preprocessing, size, (3, 3, 3, 9)) == [0, 0, 0, 0]


@pytest.mark.parametrize("sort", ["channel", "max", "selectivity"])
def test_a_layer_is_a_sheet_of_its_channels_in_order(net, scan, sort) -> None:
    found = cs.patches(net, scan, "3", top=2, channels=4, sort=sort)
    rows = [scan.statistics(f"3:{channel}") for channel in range(6)]
    keys = {"channel": range(0, -6, -1), "max": [row["max"] for row in rows]}
    keys["selectivity"] = [-np.inf if row["selectivity"] is None else row["selectivity"] for row in rows]
    assert found.shown.tolist() == np.argsort(-np.array(keys[sort]), kind="stable")[:4].tolist()
    assert found.projections == () and str(found.unit) == "3"
    for channel in found.shown.tolist():
        hits, own = scan.top(f"3:{channel}", 2), found.of(channel)
        assert [found.images[i] for i in own] == [hit.image for hit in hits]
        assert [found.values[i] for i in own] == [np.float32(hit.value) for hit in hits]
        for i in own:
            top, left, bottom, right = found.boxes[i]
            assert np.array_equal(found.crops[i], scan.source.open(found.images[i]).pixels[top:bottom, left:right])
    assert set(found.silent) == {*found.shown.tolist()} - {*found.channels.tolist()}


def test_a_sheet_opens_each_image_once(net, scan, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Counter[str] = Counter()
    source, real = type(scan.source), type(scan.source).open
    monkeypatch.setattr(source, "open", lambda self, id: (opened.update([id]), real(self, id))[1])
    found = cs.patches(net, scan, "3")
    assert set(opened) == set(found.images) and set(opened.values()) == {1}


def test_what_was_asked_and_what_there_is(net, scan) -> None:
    few = cs.patches(net, scan, "3:2", top=50)
    assert few.evidence["asked"] == 50 and few.evidence["entries"] == len(few.crops) <= 10
    assert "the scan holds 10 of a unit" in few.evidence["kept"] and few.evidence["images"] == 12
    assert cs.patches(net, scan, "3:2").evidence["entries"] == 9
    assert cs.patches(net, scan, "3").evidence["asked"] == 4 * 6


def test_entries_that_are_all_equal_say_that_they_mean_little(folder) -> None:
    module = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU6())
    nn.init.constant_(module[0].weight[0], 99)  # at its ceiling, or off
    nn.init.constant_(module[0].weight[1], 0.1)
    nn.init.zeros_(module[0].weight[2])
    nn.init.constant_(module[0].bias, 2)
    net = cs.Network(module, size=16)
    scan = cs.scan(net, folder, layers="1")
    full, other = cs.patches(net, scan, "1:0"), cs.patches(net, scan, "1:1")
    assert "all entries are equal" in full.evidence["tied"] and "projections flat" in full.evidence["vanished"]
    assert "tied" not in other.evidence
    constant = cs.patches(net, scan, "1:2")
    assert "silent" not in constant.evidence and "had one value" in constant.evidence["constant"]
    assert not len(constant.crops)


def test_all_its_arrays_are_saved(net, scan, tmp_path: Path) -> None:
    found = cs.patches(net, scan.folder, "3:2", top=2)
    with np.load(found.save(tmp_path / "x.npz")) as saved:
        assert np.array_equal(saved["crop_1"], found.crops[1])
        assert np.array_equal(saved["projection_0"], found.projections[0])


def test_the_module_is_left_alone(net, scan) -> None:
    before, training = copy.deepcopy(net.module.state_dict()), [part.training for part in net.module.modules()]
    cs.patches(net, scan, "3:2")
    assert all(torch.equal(value, before[name]) for name, value in net.module.state_dict().items())
    assert training == [part.training for part in net.module.modules()]
    assert all(parameter.grad is None for parameter in net.module.parameters())
    assert not any(part._forward_hooks for part in net.module.modules())


@pytest.mark.parametrize(
    ("unit", "knobs", "error", "says"),
    [
        ("3:2@1,1", {}, UnknownUnit, "must be a channel or a layer, not the neuron 3:2@1,1. Use 3:2"),
        ("probs:1", {}, UnknownUnit, "Use logits:1"),
        (
            "3:2 - 3:1",
            {},
            UnknownUnit,
            "not a sum as 3:2 - 3:1 is. Give one of its terms, such as 3:2",
        ),
        ("9:2", {}, UnknownLayer, "no layer '9'"),
        ("3:9", {}, UnknownUnit, "numbered 0 to 5"),
        ("3", {"sort": "size"}, BadKnob, "sort must be"),
        ("3", {"top": 0}, BadKnob, "top must be"),
    ],
)
def test_what_cannot_be_asked_is_refused(net, scan, unit, knobs, error, says) -> None:
    with pytest.raises(error, match=says):
        cs.patches(net, scan, unit, **knobs)


def test_a_layer_that_was_not_scanned_and_classes_that_are_not_there(net, folder) -> None:
    scan = cs.scan(net, folder, layers="3", labels="none")
    with pytest.raises(UnknownLayer, match="Scan with layers=0"):
        cs.patches(net, scan, "0:1")
    with pytest.raises(BadKnob, match="sort must be channel or max for this scan, not 'selectivity'"):
        cs.patches(net, scan, "3", sort="selectivity")


def test_a_scan_of_other_weights_or_another_size_is_refused(net, scan) -> None:
    for other in (network(1, resize=1.25), network(0)):
        with pytest.raises(BadScan, match="not of small with other weights or preprocessing"):
            cs.patches(other, scan, "3:2")


def test_images_that_moved_or_changed_are_refused(net, folder: Path, tmp_path: Path) -> None:
    import shutil

    place = Path(shutil.copytree(folder, tmp_path / "images"))
    scan = cs.scan(net, place, tmp_path / "scan", layers="3").folder
    best = place / cs.open_scan(scan).top("3:2", 1)[0].image
    pixels = np.asarray(PIL.Image.open(best))
    PIL.Image.fromarray(255 - pixels).save(best)
    for unit in ("3:2", "3"):
        with pytest.raises(BadScan, match=r"must give .*, as it did before, not .*open_scan\(.*, source=…\)"):
            cs.patches(net, scan, unit)
    shutil.rmtree(place)
    with pytest.raises(BadScan, match=r"open_scan\(.*, source=…\)"):
        cs.patches(net, scan, "3:2")
    assert cs.patches(net, cs.open_scan(scan, source=folder), "3:2").crops
