"""Scans that are killed, cancelled or that fail, and go on: the same tables as if nothing had happened."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadScan, ForwardFailed
from convscope.base.progress import Cancelled, listening
from convscope.scan import engine, job
from convscope.scan.statistics.state import State
from convscope.scan.tables.tables import NAMES

FORKED = Path(__file__).with_name("killed.py")
TABLES = {"units", "top", "histograms", "examples", "images", "layers", "run", "classes"}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Shards of four images."""
    monkeypatch.setattr(job, "SHARD", 4)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Forty-one small pictures in two classes, one of which is none."""
    rng = np.random.default_rng(0)
    for i in range(41):
        file = tmp_path / "images" / f"class {i % 2}" / f"{i:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(file)
    file.write_text("no picture")
    return tmp_path / "images"


class Counting(nn.Module):
    """Counts the images that go through, and fails at those whose mean is above `limit`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.limit, self.seen = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), 9.0, 0

    def forward(self, x):
        self.seen += len(x)
        if (x.mean((1, 2, 3)) > self.limit).any():
            raise ValueError("too bright")
        return self.act(self.conv(x)).mean((2, 3))


@pytest.fixture
def net() -> cs.Network:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return cs.Network(Counting().eval(), size=32, name="counting")


KNOBS = {"batch_size": 2, "top": 5, "sample": 7, "workers": 0, "checkpoint": 0}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.stem: file.read_bytes() for file in folder.glob("*.parquet")}


def stop_at(number):
    """A listener that cancels at a step."""

    def listen(step, total, _preview):
        if step == number:
            raise Cancelled

    return listening(listen)


def test_a_scan_killed_at_twenty_random_moments_ends_with_the_same_bytes(folder, tmp_path):
    told = {"seed": 0, "images": str(folder), "output": str(tmp_path)}
    ran = subprocess.run([sys.executable, FORKED, json.dumps(told)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["killed"] >= 15 and found["moved"] >= 5, found  # the others were done before
    whole = bytes_of(tmp_path / "whole")
    assert set(whole) == TABLES
    assert bytes_of(tmp_path / "inline") == whole and bytes_of(tmp_path / "parts") == whole
    left = sorted(file.name for place in ("inline", "parts") for file in (tmp_path / place / "parts").iterdir())
    assert left == ["0-of-1.safetensors", "0-of-2.safetensors", "1-of-2.safetensors"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_cancelled_scan_goes_on(net, folder, tmp_path, workers):
    knobs = {**KNOBS, "workers": workers, "checkpoint": 1e9}
    cs.scan(net, folder, tmp_path / "whole", **knobs)
    with stop_at(4):
        part = cs.scan(net, folder, tmp_path / "out", **knobs)
    assert part.evidence["partial"] == "7 of 11 shards are missing" and part.evidence["images"] == 16
    assert part.top("conv:0") and not bytes_of(tmp_path / "out")
    steps = []
    with listening(lambda step, total, _preview: steps.append((step, total))):
        cs.scan(net, folder, tmp_path / "out", **knobs)
    assert steps == [(step, 11) for step in range(5, 12)]
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")


def test_a_cancelled_scan_without_a_folder_gives_what_there_is(net, folder):
    with stop_at(3):
        part = cs.scan(net, folder, **KNOBS)
    assert part.evidence["partial"] == "8 of 11 shards are missing" and part.evidence["images"] == 12


def test_a_failure_in_the_module_leaves_the_last_checkpoint(net, folder, tmp_path):
    net.module.limit = 2.0  # now, since it is part of what the network is
    cs.scan(net, folder, tmp_path / "whole", **KNOBS)
    bright = folder / "class 1" / "03.png"
    pixels = bright.read_bytes()
    size = len(pixels)
    PIL.Image.new("RGB", (48, 40), "white").save(bright)
    bright.write_bytes(bright.read_bytes() + bytes(size - bright.stat().st_size))  # so that the digest is the same
    threads, before = torch.get_num_threads(), {name: t.clone() for name, t in net.module.state_dict().items()}
    with pytest.raises(ForwardFailed, match="too bright"):
        cs.scan(net, folder, tmp_path / "out", **KNOBS)
    assert torch.get_num_threads() == threads and threading.active_count() < 50
    assert all(torch.equal(t, before[name]) for name, t in net.module.state_dict().items())
    state = State.load(tmp_path / "out" / "parts" / "0-of-1.safetensors")
    assert 0 < len(state.shards) < 11 and len(state.images.seen) == 4 * len(state.shards)
    bright.write_bytes(pixels)
    cs.scan(net, folder, tmp_path / "out", **KNOBS)
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")


def test_a_finished_scan_called_again_runs_nothing(net, folder, tmp_path, monkeypatch):
    first = cs.scan(net, folder, tmp_path / "out", **KNOBS)
    wanted = bytes_of(tmp_path / "out")
    seen = net.module.seen
    monkeypatch.setattr(engine, "batches", lambda *_: pytest.fail("read images"))
    again = cs.scan(net, folder, tmp_path / "out", **KNOBS)
    assert net.module.seen - seen <= 12  # photos that tell how to run the network
    assert again.digest == first.digest and bytes_of(tmp_path / "out") == wanted


def test_what_any_killed_write_left_is_swept(net, folder, tmp_path):
    cs.scan(net, folder, tmp_path / "out", **KNOBS)
    wanted = sorted(path.name for path in (tmp_path / "out").rglob("*"))
    names = [*(f"{name}.parquet" for name in NAMES), "parts/0-of-1.safetensors"]
    for name in names:
        file = tmp_path / "out" / name
        file.with_name(f".{file.name}.x8_2abcd").write_bytes(b"half")
    cs.scan(net, folder, tmp_path / "out", **KNOBS)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == wanted


def test_what_another_process_is_writing_is_left_alone(net, folder, tmp_path):
    fcntl = pytest.importorskip("fcntl", reason="files are locked as on Unix")
    other = tmp_path / "out" / "parts" / ".0-of-1.safetensors.x8_2abcd"
    cs.scan(net, folder, tmp_path / "out", **KNOBS)
    with other.open("wb") as file:  # as a process has it that writes
        fcntl.flock(file, fcntl.LOCK_EX)
        cs.scan(net, folder, tmp_path / "out", **KNOBS)
        assert other.exists()
    cs.scan(net, folder, tmp_path / "out", **KNOBS)  # it was killed
    assert not other.exists()


def test_a_wait_for_the_lanes_that_is_interrupted_leaves_the_module_as_it_was(net, folder, monkeypatch):
    shutdown = engine.ThreadPoolExecutor.shutdown
    net.module.train()

    def interrupted(pool, **how):
        shutdown(pool, **how)
        raise KeyboardInterrupt

    monkeypatch.setattr(engine.ThreadPoolExecutor, "shutdown", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cs.scan(net, folder, **KNOBS)
    assert net.module.training and all(p.requires_grad for p in net.module.parameters())


def test_where_images_lie_and_what_a_network_is_called_by_does_not_matter_to_go_on(net, folder, tmp_path):
    cs.scan(net, folder, tmp_path / "whole", **KNOBS)
    with stop_at(4):
        cs.scan(net, folder, tmp_path / "out", **KNOBS)
    moved = folder.rename(tmp_path / "moved")
    cs.scan(net, moved, tmp_path / "out", **KNOBS)
    found, wanted = bytes_of(tmp_path / "out"), bytes_of(tmp_path / "whole")
    assert {name for name in TABLES if found[name] != wanted[name]} == {"run"}  # which names the folder
    assert cs.open_scan(tmp_path / "out").source.reference == str(moved)


@pytest.mark.parametrize("change", ["weights", "preprocessing", "images", "knobs"])
def test_another_scan_in_the_same_folder_is_refused(net, folder, tmp_path, change):
    with stop_at(2):
        cs.scan(net, folder, tmp_path / "out", **KNOBS)
    checkpoint = tmp_path / "out" / "parts" / "0-of-1.safetensors"
    before, knobs = checkpoint.read_bytes(), dict(KNOBS)
    if change == "weights":
        net.module.conv.weight.data[0, 0, 0, 0] += 1
    elif change == "preprocessing":
        net = cs.Network(net.module, size=32, mean=(0.1, 0.2, 0.3), name="counting")
    elif change == "images":
        (folder / "class 0" / "zz.png").write_bytes(b"")
    else:
        knobs["top"] = 6
    with pytest.raises(BadScan, match=f"is of another scan: .*{change}.*Use another folder, or delete"):
        cs.scan(net, folder, tmp_path / "out", **knobs)
    assert checkpoint.read_bytes() == before


def test_a_folder_begun_in_another_number_of_parts_is_refused(net, folder, tmp_path):
    cs.scan(net, folder, tmp_path / "out", shard="1/3", **KNOBS)
    for shard in ("0/1", "1/2"):
        with pytest.raises(BadScan, match=r"begun in another number of parts \(1-of-3"):
            cs.scan(net, folder, tmp_path / "out", shard=shard, **KNOBS)
