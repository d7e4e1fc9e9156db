"""What a scan refuses, and what it puts up with: files, images and modules that are not as they should be."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convscope as cs
from convscope.base.errors import BadKnob, BadScan, BadSource, CannotWrite, ForwardFailed, UnknownLayer
from convscope.base.progress import Cancelled, listening
from convscope.scan import job
from convscope.scan.job import check_part
from convscope.scan.statistics.state import State

KNOBS = {"batch_size": 4, "top": 5, "sample": 7, "workers": 0}


@pytest.fixture
def pictures() -> list[np.ndarray]:
    """Eleven small pictures."""
    return list(np.random.default_rng(0).integers(0, 256, (11, 32, 32, 3), dtype=np.uint8))


@pytest.fixture
def folder(tmp_path, pictures) -> Path:
    """The same in a folder."""
    (tmp_path / "images").mkdir()
    for i, picture in enumerate(pictures):
        PIL.Image.fromarray(picture).save(tmp_path / "images" / f"{i:02}.png")
    return tmp_path / "images"


class Module(nn.Module):
    """A convolution of two filters, then whatever a test says."""

    def __init__(self, then=lambda x: x) -> None:
        super().__init__()
        self.conv, self.act, self.then = nn.Conv2d(3, 4, 3), nn.ReLU(), then

    def forward(self, x):
        return self.then(self.act(self.conv(x)))


def network(then=lambda x: x, **about) -> cs.Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cs.Network(Module(then).eval(), size=32, name="small", **about)


def tables_of(scan) -> dict[str, object]:
    return {name: scan.table(name) for name in scan.names if name != "run"}


# --- images


def test_images_that_cannot_be_used_are_recorded_skipped_and_counted(folder):
    PIL.Image.new("1", (12_000, 9_000)).save(folder / "huge.png")
    (folder / "cut.png").write_bytes((folder / "03.png").read_bytes()[:900])
    (folder / "notes.txt").write_text("no picture")
    (folder / "empty.jpg").touch()
    found = cs.scan(network(), folder, **KNOBS)
    assert found.evidence["images"] == 11 and found.evidence["refused"] == 4
    rows = {row["id"]: row for row in found.table("images").to_pylist() if row["refused"]}
    assert set(rows) == {"huge.png", "cut.png", "notes.txt", "empty.jpg"}
    assert "64 million" in rows["huge.png"]["refused"] and "not an image" in rows["notes.txt"]["refused"]
    assert all(row["height"] is None and "\n" not in row["refused"] for row in rows.values())
    assert found.table("units")["values"][0].as_py() == 11 * 30 * 30
    assert {hit.image for hit in found.top("conv:0")}.isdisjoint(rows)


def test_refused_images_keep_their_class_or_none(folder):
    for i, file in enumerate(sorted(folder.iterdir())):
        (folder / f"class {i % 2}").mkdir(exist_ok=True)
        file.rename(folder / f"class {i % 2}" / file.name)
    (folder / "class 1" / "zz.png").write_text("no picture")
    for labels, word in (("source", "class 1"), ("none", None)):
        *_, last = cs.scan(network(), folder, labels=labels, **KNOBS).table("images").to_pylist()
        assert (last["id"], last["class"]) == ("class 1/zz.png", word) and last["refused"]


def test_a_source_without_a_single_image_is_refused(tmp_path, monkeypatch):
    with pytest.raises(BadSource):
        cs.scan(network(), tmp_path, **KNOBS)
    for i in range(9):
        (tmp_path / f"{i}.txt").write_text("no picture")
    with pytest.raises(BadSource, match=r"None of 9 files could be read as an image\. The first: 0\.txt"):
        cs.scan(network(), tmp_path, tmp_path.with_name("out"), **KNOBS)
    assert not tmp_path.with_name("out").exists()
    tmp_path.with_name("none").mkdir()
    tmp_path.with_name("there").mkdir()
    for output in (tmp_path.with_name("there"), tmp_path.with_name("out") / "a"):
        with pytest.raises(BadSource):
            cs.scan(network(), tmp_path.with_name("none"), output, **KNOBS)
        assert not tmp_path.with_name("out").exists() and not list(tmp_path.with_name("there").iterdir())


def test_a_part_whose_images_are_all_unusable_is_no_error(folder, monkeypatch):
    monkeypatch.setattr(job, "SHARD", 4)
    for i in range(4):
        (folder / f"{i:02}.png").write_text("no picture")
    for part in ("0/3", "1/3", "2/3"):
        cs.scan(network(), folder, folder.with_name("out"), shard=part, **KNOBS)
    found = cs.merge_scans([folder.with_name("out")])
    assert found.evidence["images"] == 7 and found.evidence["refused"] == 4


def test_labels_that_do_not_fit_are_refused(pictures):
    net = network(lambda x: x.mean((2, 3)), labels=["cat", "dog", "hen", "cow"])
    cs.scan(net, [(p, "dog") for p in pictures], labels="network", **KNOBS)
    with pytest.raises(BadSource, match=r"class 'dgo' .* none of the 4 classes of small.* Nearest: dog"):
        cs.scan(net, [(p, "dgo") for p in pictures], labels="network", **KNOBS)
    with pytest.raises(BadSource, match=r"labels=network needs images in class folders"):
        cs.scan(net, pictures, labels="network", **KNOBS)


# --- knobs


@pytest.mark.parametrize(
    ("knobs", "error", "words"),
    [
        ({"layers": ""}, BadKnob, "layers must name at least one layer"),
        ({"layers": " , "}, BadKnob, "layers must name at least one layer"),
        ({"layers": "cnov"}, UnknownLayer, "no layer 'cnov'.*Nearest: conv"),
        ({"layers": "block*"}, UnknownLayer, r"no layer like 'block\*'"),
        ({"shard": "4/4"}, BadKnob, "shard must be i/n with i from 0"),
        ({"shard": "-1/4"}, BadKnob, "shard must be i/n"),
        ({"shard": "0/0"}, BadKnob, "shard must be i/n"),
        ({"shard": "half"}, BadKnob, "not 'half'"),
        ({"shard": "0/2"}, BadKnob, "in parts needs an output folder"),
        ({"top": 0}, BadKnob, "top must be"),
        ({"per_image": 0}, BadKnob, "per_image must be"),
        ({"engine": "dask"}, BadKnob, "engine must be"),
        ({"batch_size": "many"}, BadKnob, "batch_size must be"),
        ({"checkpoint": -1}, BadKnob, "checkpoint must be"),
    ],
)
def test_knobs_out_of_bounds_are_refused(pictures, knobs, error, words):
    with pytest.raises(error, match=words):
        cs.scan(network(), pictures, **{**KNOBS, **knobs})


def test_what_is_no_network_is_refused(pictures):
    with pytest.raises(BadKnob, match="net must be a Network, not Module"):
        cs.scan(Module(), pictures)


def test_auto_is_the_rank_and_size_of_the_job(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadKnob, match="shard=auto needs RANK and WORLD_SIZE"):
        check_part("auto")
    monkeypatch.setenv("SLURM_PROCID", "2")
    monkeypatch.setenv("SLURM_NTASKS", "5")
    assert check_part("auto") == (2, 5)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert check_part("auto") == (1, 3) and check_part(" 0/1 ") == (0, 1)
    monkeypatch.setenv("RANK", "three")
    with pytest.raises(BadKnob, match="not 'three/3'"):
        check_part("auto")


# --- disks


def test_a_file_in_the_way_of_the_output_is_refused(pictures, tmp_path):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(CannotWrite, match="out cannot be made"):
        cs.scan(network(), pictures, tmp_path / "out", **KNOBS)
    (tmp_path / "other" / "parts" / "0-of-1.safetensors").mkdir(parents=True)
    with pytest.raises((CannotWrite, BadScan)):
        cs.scan(network(), pictures, tmp_path / "other", **KNOBS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(pictures, tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(CannotWrite):
        cs.scan(network(), pictures, tmp_path / "out", **KNOBS)


@pytest.mark.parametrize("place", ["writing", "flushing"])
def test_a_full_disk_leaves_the_checkpoint_before_it_whole(pictures, tmp_path, monkeypatch, place):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def two(step, total, _preview):
        if step == 2:
            raise Cancelled

    monkeypatch.setattr(job, "SHARD", 4)
    with listening(two):
        cs.scan(network(), pictures, tmp_path, **KNOBS)
    parts = tmp_path / "parts"
    before = (parts / "0-of-1.safetensors").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(*((Path, "write_bytes", full) if place == "writing" else (os, "fsync", full)))
        with pytest.raises(CannotWrite, match="No space left"):
            cs.scan(network(), pictures, tmp_path, checkpoint=0, **KNOBS)
    assert [file.name for file in parts.iterdir()] == ["0-of-1.safetensors"]
    assert (parts / "0-of-1.safetensors").read_bytes() == before
    assert State.load(parts / "0-of-1.safetensors").shards == {0, 1}
    assert tables_of(cs.scan(network(), pictures, tmp_path, **KNOBS)) == tables_of(
        cs.scan(network(), pictures, **KNOBS)
    )


def test_a_damaged_checkpoint_is_refused_and_says_what_to_do(pictures, tmp_path):
    cs.scan(network(), pictures, tmp_path, **KNOBS)
    file = tmp_path / "parts" / "0-of-1.safetensors"
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(BadScan, match=r"0-of-1\.safetensors cannot be read: .*Delete it"):
        cs.scan(network(), pictures, tmp_path, **KNOBS)


# --- modules


def test_numbers_that_are_not_finite_name_layer_and_image(pictures):
    net = network()
    net.module.conv.weight.data[0] = 1.0
    net.module.conv.weight.data[1:] = 0.0
    pictures[6][:] = 255  # the only one without a single dark place
    for bad in (torch.nan, torch.inf):
        net.module.then = lambda x, bad=bad: torch.where(x[:, :1].amin((2, 3), keepdim=True) > 40, x * 0 + bad, x)
        with pytest.raises(ForwardFailed, match=r"logits put out numbers that are not finite, .* for the image 6"):
            cs.scan(net, pictures, **KNOBS)


def test_a_module_that_mixes_the_images_of_a_batch_runs_them_one_by_one(pictures):
    def mixing(x):
        return F.batch_norm(x, None, None, training=True)

    for then in (mixing, lambda x: x - x[:1].mean() / 2, lambda x: x - x.mean(0) / 2):
        net = network(then)
        assert cs.scan(net, pictures, workers=0).ledger.knobs["batch_size"] == 1
        found = cs.scan(net, pictures, **KNOBS)
        assert found.ledger.knobs["batch_size"] == 1
        assert tables_of(found) == tables_of(cs.scan(net, pictures, **{**KNOBS, "batch_size": 1}))
        for hit in found.top("logits:1"):
            (alone,) = cs.scan(net, [pictures[int(hit.image)]], **KNOBS).top("logits:1")
            assert (hit.value, hit.y, hit.x) == (alone.value, alone.y, alone.x)


def test_a_module_that_draws_random_numbers_is_scanned_the_same_every_time(pictures):
    net, seeded = network(lambda x: F.dropout(x, 0.5)), torch.random.get_rng_state()
    first, second = (cs.scan(net, pictures, **KNOBS) for _ in range(2))
    assert first.ledger.knobs["random"] is True and tables_of(first) == tables_of(second)
    assert torch.equal(torch.random.get_rng_state(), seeded)


def test_a_grey_network(pictures):
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU()).eval()
    found = cs.scan(cs.Network(module, size=32, mean=[0.5], std=[0.25]), [p.mean(2).astype(np.uint8) for p in pictures])
    assert found.evidence["images"] == 11 and found.top("0:0")[0].value > 0


def test_a_dict_output(pictures):
    net = network(lambda x: {"scores": x.mean((2, 3)), "aux": x}, output="scores")
    found = cs.scan(net, pictures, **KNOBS)
    assert {row["layer"]: row["units"] for row in found.table("layers").to_pylist()}["logits"] == 4


def test_a_module_used_twice_is_read_where_it_was_used_last(pictures):
    net = network()
    net.module.then = lambda x: net.module.act(x - 1)
    found = cs.scan(net, pictures, **KNOBS)
    best = found.top("act:2")[0]
    values = net.read(net.prepare(pictures[int(best.image)]), "act")["act"][0, 2]
    assert values[best.y, best.x].item() == pytest.approx(best.value, rel=1e-5) and values.max() <= best.value * 1.00001


def test_a_layer_without_positions_and_one_with_channels_last(pictures):
    class Last(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1)

    class Both(Module):
        def __init__(self):
            super().__init__()
            self.last, self.norm = Last(), nn.LayerNorm(4)

        def forward(self, x):
            return self.norm(self.last(super().forward(x))).mean((1, 2))

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = cs.Network(Both().eval(), size=32)
    found = cs.scan(net, pictures, **KNOBS)
    rows = {row["layer"]: row for row in found.table("layers").to_pylist()}
    assert (rows["norm"]["units"], rows["norm"]["height"]) == (4, 30)
    assert (rows["logits"]["units"], rows["logits"]["height"], rows["logits"]["width"]) == (4, 1, 1)
    best = found.top("norm:3")[0]
    values = net.read(net.prepare(pictures[int(best.image)]), "norm")["norm"]
    assert values[0, 3, best.y, best.x].item() == pytest.approx(best.value, rel=1e-5)


def test_several_entries_of_an_image_at_most(pictures):
    hits = cs.scan(network(), pictures[:3], per_image=2, **{**KNOBS, "top": 50}).top("conv:0")
    assert [hit.image for hit in hits].count("0") == 2 and len(hits) == 6


def test_two_identical_filters_are_found(pictures):
    net = network()
    net.module.conv.weight.data[3] = net.module.conv.weight.data[1]
    net.module.conv.bias.data[3] = net.module.conv.bias.data[1]
    pairs = cs.scan(net, pictures, layers="conv", duplicates=0.999, **KNOBS).table("duplicates").to_pylist()
    assert len(pairs) == 1 and {1, 3} <= set(pairs[0].values()) and "conv" in pairs[0].values()


# --- what a scan leaves as it was


@pytest.mark.parametrize("fails", [False, True])
def test_the_module_is_untouched(pictures, fails):
    net = network(lambda x: x * torch.nan if fails and x.amax() > 0 and not calm[0] else x)
    calm = [True]
    module = net.module
    module.norm = nn.BatchNorm2d(4)
    module.then = lambda x, then=module.then: then(module.norm(x))
    module.train()
    module.conv.eval()
    module.conv.weight.requires_grad_(False)
    module.conv.bias.grad = torch.ones(4)
    hooks = [module.conv.register_forward_hook(lambda *_: None)]
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    values = {name: tensor.clone() for name, tensor in tensors.items()}
    modes = {name: part.training for name, part in module.named_modules()}
    state, threads, running = torch.random.get_rng_state(), torch.get_num_threads(), threading.active_count()
    _ = net.layers

    def scan():
        with listening(lambda *_: calm.__setitem__(0, False)):
            return cs.scan(net, pictures, **{**KNOBS, "batch_size": 2})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "SHARD", 2)
        if fails:
            with pytest.raises(ForwardFailed):
                scan()
        else:
            scan()
    now = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    assert all(now[name] is tensor and torch.equal(tensor, values[name]) for name, tensor in tensors.items())
    assert {name: part.training for name, part in module.named_modules()} == modes
    assert torch.equal(module.conv.bias.grad, torch.ones(4)) and not module.conv.weight.requires_grad
    assert len(module.conv._forward_hooks) == len(hooks) and not module.act._forward_hooks
    assert torch.equal(torch.random.get_rng_state(), state) and torch.get_num_threads() == threads
    assert threading.active_count() == running and torch.is_grad_enabled()
