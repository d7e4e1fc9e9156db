"""Scans over views: what drives a unit in the photo drives it in its view, and lies where the network saw it."""

from __future__ import annotations

import math
import pickle
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.image import open_image
from convscope.data.open import open_source
from convscope.scan import engine, job
from convscope.scan.statistics.state import State

KNOBS = {
    "top": 5, "per_image": 1, "sample": 6, "positions": 9, "duplicates": 0.9, "compile": False, "batch_size": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def net() -> cs.Network:
    """A network that makes pictures larger before their middle is cropped: 3 × 24 × 24 → 4 classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = [nn.Conv2d(3, 6, 3, 2), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.ReLU()]
        module = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4))
    return cs.Network(module.eval(), size=24, resize=1.5, name="small")


@pytest.fixture(scope="module")
def views(net, photos) -> list[cs.Image]:
    return [net.view(photo) for photo in photos[:9]]


def test_a_folder_and_a_zip_of_views_give_what_the_photos_gave(net, photos, views, tmp_path):
    (folder := tmp_path / "views").mkdir()
    files = [view.save(folder / f"{number}.png") for number, view in enumerate(views)]
    with zipfile.ZipFile(tmp_path / "views.zip", "w") as archive:
        for file in files:
            archive.write(file, file.name)
    of_photos = cs.scan(net, photos[:9])
    for source in (str(folder), str(tmp_path / "views.zip"), views):
        found = cs.scan(net, source)
        for channel in range(6):
            pairs = list(zip(found.top(f"0:{channel}"), of_photos.top(f"0:{channel}"), strict=True))
            assert pairs and all((a.value, a.y, a.x) == (b.value, b.y, b.x) for a, b in pairs)
            assert all(a.box == (2 * a.y, 2 * a.x, 2 * a.y + 3, 2 * a.x + 3) for a, _ in pairs)


def test_the_patches_of_a_scan_are_what_the_neurons_saw(net, views):
    scan = cs.scan(net, views)
    found = cs.patches(net, scan, "0:1", top=3, field="theoretical")
    for hit, crop in zip(scan.top("0:1", 3), found.crops, strict=True):
        top, left, bottom, right = hit.box
        np.testing.assert_array_equal(crop, views[int(hit.image)].pixels[top:bottom, left:right])


def test_views_and_other_pictures_of_one_size_keep_their_own_boxes(net, views):
    mixed = [image for view in views for image in (view, open_image(view.pixels))]
    scan = cs.scan(net, mixed)
    for channel in range(6):
        for hit in scan.top(f"0:{channel}"):
            view = int(hit.image) % 2 == 0
            size = (hit.box[2] - hit.box[0], hit.box[3] - hit.box[1])
            assert size == (3, 3) if view else max(size) <= 3
            assert not view or hit.box[:2] == (2 * hit.y, 2 * hit.x)
            assert view or hit.box[0] == (6 + 2 * hit.y) * 24 // 36


def test_what_is_a_view_is_kept_with_the_state(net, views, tmp_path):
    work = job.ScanJob.of(net, open_source([*views[:2], views[2].pixels]), "0", "none", **KNOBS, predictions="no")
    state = work.begin()
    assert engine.run_scan(work, state, work.shards, lambda _: None, 0, math.inf)
    state.save(tmp_path / "state.safetensors")
    for again in (State.load(tmp_path / "state.safetensors"), pickle.loads(pickle.dumps(state))):
        assert again.images.views == state.images.views == {0, 1}
    other = work.begin()
    other.merge(state)
    assert other.images.views == {0, 1}
