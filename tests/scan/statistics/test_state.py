"""Parts of a scan, however they are cut and in whatever order they come together: the same tables, byte for byte."""

from __future__ import annotations

import io
import json
import math
import pickle
import shutil
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, BadScan
from convscope.data.open import open_source
from convscope.scan import engine, job
from convscope.scan.statistics.state import State, merged
from convscope.scan.tables.tables import tables

KNOBS = {
    "top": 5, "per_image": 1, "sample": 6, "positions": 9, "duplicates": 0.9, "predictions": "yes", "compile": False,
    "batch_size": 2,
}  # fmt: skip


def network(seed: int = 0, size: int = 24) -> cs.Network:
    """Convolutions with a norm: 3 × 24 × 24 → 4 classes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        body = [nn.Conv2d(3, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 5, 3)]
        module = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4))
    return cs.Network(module.eval(), size=size, name="small")


@pytest.fixture(scope="module")
def images(photos):
    """Thirty-one pictures in three classes, some of which are none."""
    pictures = [photo[:90:2, :80:2] for photo in photos[:31]]
    pictures[4] = pictures[17] = b"no picture"
    return [(picture, f"class {i % 3}") for i, picture in enumerate(pictures)]


def made(images, size=4, **knobs) -> job.ScanJob:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "SHARD", size)
        return job.ScanJob.of(network(), open_source(images), "all", "source", **{**KNOBS, **knobs})


def scanned(work: job.ScanJob, shards=None) -> State:
    """The state after some shards, or all of them."""
    state = work.begin()
    assert engine.run_scan(work, state, work.shards if shards is None else shards, lambda _: None, 0, math.inf)
    return state


def bytes_of(state: State) -> dict[str, bytes]:
    """Every table as the bytes of its Parquet file."""
    found = {}
    for name, table in tables(state).items():
        pq.write_table(table, file := io.BytesIO())
        found[name] = file.getvalue()
    return found


@dataclass(repr=False)  # hypothesis prints it
class Cut:
    """A job, each of its shards as a pickled state, and the tables of an undisturbed run."""

    work: job.ScanJob
    shards: list[bytes]
    whole: dict[str, bytes]


@pytest.fixture(scope="module", params=[1, 3], ids=["one an image", "three an image"])
def cut(request, images):
    work = made(images, per_image=request.param)
    return Cut(work, [pickle.dumps(scanned(work, [shard])) for shard in work.shards], bytes_of(scanned(work)))


@given(st.data())
@settings(max_examples=25)
def test_any_parts_in_any_order_give_the_same_bytes(cut, data):
    groups: dict[int, list[State]] = {}
    for index in data.draw(st.permutations(range(len(cut.shards)))):
        groups.setdefault(data.draw(st.integers(0, 3)), []).append(pickle.loads(cut.shards[index]))
    order = data.draw(st.permutations(sorted(groups)))
    assert bytes_of(merged(merged(groups[number]) for number in order)) == cut.whole


@given(st.permutations(range(8)), st.integers(1, 7))
@settings(max_examples=5)
def test_any_order_of_shards_gives_the_same_bytes(cut, order, at):
    shards = [cut.work.shards[i] for i in order]
    assert bytes_of(merged([scanned(cut.work, shards[at:]), scanned(cut.work, shards[:at])])) == cut.whole


@pytest.mark.parametrize("size", [2, 6, 100])
def test_any_size_of_shards_gives_the_same_tables(images, cut, size):
    other = made(images, size, per_image=cut.work.ledger.knobs["per_image"])
    assert len(other.shards) == math.ceil(len(images) / (2 * (size // 2)))
    found = bytes_of(scanned(other))
    assert {name for name in cut.whole if found[name] != cut.whole[name]} <= {"run"}  # which counts the shards


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_lanes_gives_the_same_bytes(cut, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert bytes_of(scanned(cut.work)) == cut.whole
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_decoding_processes_gives_the_same_bytes(cut, workers):
    state = cut.work.begin()
    engine.run_scan(cut.work, state, cut.work.shards, lambda _: None, workers, math.inf)
    assert bytes_of(state) == cut.whole


def test_a_state_survives_its_file(cut, tmp_path):
    for _ in range(2):
        state = State.load(tmp_path / "part.safetensors") if list(tmp_path.iterdir()) else scanned(cut.work)
        state.save(tmp_path / "part.safetensors")
    assert bytes_of(State.load(tmp_path / "part.safetensors")) == cut.whole


@pytest.fixture(scope="module")
def in_parts(images, tmp_path_factory) -> Path:
    """A scan in three parts, in shards of four images."""
    folder = tmp_path_factory.mktemp("parts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "SHARD", 4)
        for i in range(3):
            cs.scan(network(), images, folder, shard=f"{i}/3", **KNOBS)
    return folder


@pytest.fixture
def parts(in_parts, tmp_path, monkeypatch) -> list[Path]:
    """The files of that scan, in a folder of the test's own."""
    monkeypatch.setattr(job, "SHARD", 4)
    shutil.copytree(in_parts, tmp_path / "out")
    return sorted((tmp_path / "out" / "parts").iterdir())


def test_parts_on_disk_make_the_tables_of_one_scan(images, parts, tmp_path):
    whole = cs.scan(network(), images, tmp_path / "whole", **KNOBS)
    folder, by_files = cs.merge_scans([parts[0].parents[1]]), cs.merge_scans(parts[::-1], tmp_path / "files")
    assert folder.folder == tmp_path / "out" and by_files.names == folder.names == whole.names
    for name in whole.names:
        wanted = (tmp_path / "whole" / f"{name}.parquet").read_bytes()
        assert (folder.folder / f"{name}.parquet").read_bytes() == wanted
        assert (tmp_path / "files" / f"{name}.parquet").read_bytes() == wanted
    assert "partial" not in folder.evidence and folder.digest == whole.digest


def test_a_missing_part_is_named(parts, tmp_path):
    with pytest.raises(BadScan, match=r"3 of 8 shards are missing, the first is 1\."):
        cs.merge_scans([parts[0], parts[2]], tmp_path / "tables")
    assert not (tmp_path / "tables").exists()
    with pytest.raises(BadScan, match=r"unfinished scan.*convscope merge"):
        cs.open_scan(parts[0].parents[1])


def test_a_part_that_is_given_twice_is_refused(parts, tmp_path):
    again = tmp_path / "again.safetensors"
    again.write_bytes(parts[1].read_bytes())
    with pytest.raises(BadScan, match=r"Shard 1 is in two parts"):
        cs.merge_scans([*parts, again], tmp_path)


CHANGES = {
    "the weights": lambda images: (network(1), images, KNOBS),
    "the preprocessing": lambda images: (network(size=25), images, KNOBS),
    "the knobs": lambda images: (network(), images, {**KNOBS, "top": 6}),
    "the images": lambda images: (network(), images[::-1], KNOBS),
    "the choice of layers": lambda images: (network(), images, {**KNOBS, "layers": "0"}),
    "the classes": lambda images: (network(), images, {**KNOBS, "labels": "none"}),
}


@pytest.mark.parametrize("words", CHANGES)
def test_a_part_of_another_scan_is_refused_and_says_what_differs(images, parts, tmp_path, words):
    net, others, knobs = CHANGES[words](images)
    cs.scan(net, others, tmp_path / "other", shard="1/3", **knobs)
    with pytest.raises(BadScan, match=f"of different scans: .*{words}"):
        cs.merge_scans([parts[0], tmp_path / "other", parts[2]], tmp_path)


def test_other_versions_do_not_mix(cut):
    other = State.empty(replace(cut.work.ledger, versions={"convscope": "0.0", "torch": "1.0"}))
    with pytest.raises(BadScan, match=r"versions of convscope or PyTorch \(convscope: .* is now 0\.0, torch"):
        merged([other, pickle.loads(cut.shards[0])])


@given(st.floats(0, 1), st.booleans())
@settings(max_examples=30)
def test_a_file_that_is_cut_short_or_changed_is_never_read(cut, tmp_path_factory, where, short):
    path = tmp_path_factory.mktemp("damaged") / "0-of-1.safetensors"
    pickle.loads(cut.shards[0]).save(path)
    data = bytearray(path.read_bytes())
    at = min(int(where * len(data)), len(data) - 1)
    data[at] ^= 0x11
    path.write_bytes(data[:at] if short else data)
    with pytest.raises(BadScan, match=r"Delete it, and scan its part again"):
        State.load(path)


def earlier(state: State, change=lambda arrays: arrays) -> bytes:
    """A state as an earlier version wrote it; `change` comes after its checksum was taken."""
    arrays = state._arrays()
    about = {"format": "convscope scan 2", "ledger": state.ledger.to_json(), "fields": json.dumps(state.fields)}
    about["shards"] = json.dumps([[i, i] for i in sorted(state.shards)])
    crc = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        crc = zlib.crc32(arrays[name].view(np.uint8).data, crc)
    return safetensors.numpy.save(change(arrays), {**about, "crc": f"{crc:08x}"})


EDITS = {
    "a name": lambda arrays: {name.replace("top.values", "top.walues"): a for name, a in arrays.items()},
    "a kind": lambda arrays: {**arrays, "moments.high": arrays["moments.high"].view(np.int32)},
    "another kind": lambda arrays: {**arrays, "sample.keys": arrays["sample.keys"].view(np.int64)},
    "a shape": lambda arrays: {**arrays, "moments.low": arrays["moments.low"][None]},
    "a number": lambda arrays: {**arrays, "top.counts": arrays["top.counts"] + 1},
}


def test_a_state_of_an_earlier_version_is_read(cut, tmp_path):
    (tmp_path / "part").write_bytes(earlier(scanned(cut.work)))
    assert bytes_of(State.load(tmp_path / "part")) == cut.whole


@pytest.mark.parametrize("edit", EDITS)
def test_a_state_whose_header_was_edited_is_refused(cut, tmp_path, edit):
    state = pickle.loads(cut.shards[0])
    (tmp_path / "old").write_bytes(earlier(state, EDITS[edit]))
    state.save(tmp_path / "new")
    with safetensors.safe_open(tmp_path / "new", "numpy") as file:
        about = file.metadata()
    (tmp_path / "new").write_bytes(safetensors.numpy.save(EDITS[edit](state._arrays()), about))
    for name in ("old", "new"):
        with pytest.raises(BadScan, match=rf"{name} (is damaged|holds other arrays).* Delete it, and scan its part"):
            State.load(tmp_path / name)


def test_a_part_with_nothing_to_do_is_a_part(images, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "SHARD", 20)
    cs.scan(network(), images, tmp_path / "whole", **KNOBS)
    for i in (2, 0, 1):
        found = cs.scan(network(), images, tmp_path / "out", shard=f"{i}/3", **KNOBS)
        assert found.evidence["shards"] == int(i < 2) and (i < 2 or not found.dead("0"))
    parts = [tmp_path / "out" / "parts" / f"{i}-of-3.safetensors" for i in (2, 0, 1)]
    with pytest.raises(BadScan, match="1 of 2 shards are missing"):
        cs.merge_scans(parts[:2], tmp_path / "tables")
    merged_ = cs.merge_scans(parts, tmp_path / "tables")
    for name in merged_.names:
        assert merged_.table(name).equals(cs.open_scan(tmp_path / "whole").table(name))


def test_what_is_no_part_is_refused(parts, tmp_path):
    (tmp_path / "text").write_text("no part")
    safetensors.numpy.save_file({}, tmp_path / "tensors.safetensors")
    for file, words in (("text", "cannot be read"), ("tensors.safetensors", "not the state of a scan")):
        with pytest.raises(BadScan, match=words):
            cs.merge_scans([*parts, tmp_path / file], tmp_path)
    for place in ("empty", "missing"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(BadScan, match=r"holds no part of a scan"):
            cs.merge_scans([tmp_path / place])
    with pytest.raises(BadKnob, match="output must name a folder"):
        cs.merge_scans([parts[0]])
    with pytest.raises(BadScan, match="at least one part"):
        cs.merge_scans([], tmp_path)
