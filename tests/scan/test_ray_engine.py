"""Scans on a Ray cluster of two worker processes: the tables of the inline engine, byte for byte, whatever dies."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, BadScan, BadSource, ForwardFailed, MissingExtra
from convscope.base.progress import Cancelled, listening
from convscope.scan import job, ray_engine

pytestmark = [
    pytest.mark.filterwarnings("ignore:Tip. In future versions of Ray:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray's own sockets and log files
]


@pytest.fixture(scope="module")
def ray():
    found = pytest.importorskip("ray", reason="Ray is an optional extra: pip install 'convscope[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        found.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield found
        found.shutdown()


@pytest.fixture
def small(monkeypatch):
    """Shards of four images, and one shard a task."""
    monkeypatch.setattr(job, "SHARD", 4)
    monkeypatch.setattr(ray_engine, "_IMAGES", 4)


@pytest.fixture
def folder(tmp_path):
    """Forty small pictures in two classes, one of which is none."""
    rng = np.random.default_rng(0)
    for i in range(40):
        file = tmp_path / "images" / f"class {i % 2}" / f"{i:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(file)
    file.write_text("no picture")
    return tmp_path / "images"


def network(notes: Path, pause: float = 0.0, bad: bool = False) -> cs.Network:
    """A network that notes in which processes it ran; its class is local, so that it is pickled by value."""

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()

        def forward(self, x):
            (notes / str(os.getpid())).touch()
            time.sleep(pause)
            if bad and os.getpid() != first:
                raise ValueError("not today")
            return self.act(self.conv(x)).mean((2, 3))

    notes.mkdir(exist_ok=True)
    first = os.getpid()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return cs.Network(Watched().eval(), size=32, name="watched")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.parquet")}


def others(notes: Path) -> set[int]:
    return {int(note.name) for note in notes.iterdir()} - {os.getpid()}


def test_a_worker_killed_in_mid_scan_changes_no_byte(ray, small, folder, tmp_path):
    notes, killed = tmp_path / "notes", []
    net = network(notes, pause=0.1)
    knobs = {"batch_size": 2, "top": 5, "sample": 7}
    cs.scan(net, folder, tmp_path / "inline", **knobs)

    def kill(step, total, _preview):
        if step and not killed:
            killed.extend(sorted(others(notes))[:1])
            os.kill(killed[0], signal.SIGKILL)

    with listening(kill):
        found = cs.scan(net, folder, tmp_path / "ray", engine="ray", checkpoint=0, **knobs)
    assert killed and len(others(notes)) >= 2
    assert found.evidence["images"] == 39 and found.evidence["refused"] == 1 and "partial" not in found.evidence
    assert bytes_of(tmp_path / "ray") == bytes_of(tmp_path / "inline") != {}
    assert [file.name for file in (tmp_path / "ray" / "parts").iterdir()] == ["0-of-1.safetensors"]


def test_without_a_folder_states_come_home_by_themselves(ray, small, folder, tmp_path):
    net = network(tmp_path / "notes")
    inline, steps = cs.scan(net, folder, batch_size=4), []
    with listening(lambda step, total, _preview: steps.append((step, total))):
        found = cs.scan(net, folder, batch_size=4, engine="ray")
    assert found.names == inline.names
    assert all(found.table(name).equals(inline.table(name)) for name in found.names)
    assert steps == sorted(steps) and steps[-1] == (10, 10)


def test_a_cancelled_scan_goes_on_with_either_engine(ray, small, folder, tmp_path):
    net = network(tmp_path / "notes", pause=0.05)
    cs.scan(net, folder, tmp_path / "inline", batch_size=4)

    def enough(step, total, _preview):
        if 2 <= step < total:
            raise Cancelled

    for engine in ("ray", "inline"):
        output = tmp_path / f"then {engine}"
        with listening(enough):
            part = cs.scan(net, folder, output, batch_size=4, engine="ray")
        assert "shards are missing" in part.evidence["partial"] and not bytes_of(output)
        cs.scan(net, folder, output, batch_size=4, engine=engine)
        assert bytes_of(output) == bytes_of(tmp_path / "inline")


def test_what_tasks_left_when_their_driver_died_counts_once(ray, small, folder, tmp_path, monkeypatch):
    net, output = network(tmp_path / "notes"), tmp_path / "out"
    cs.scan(net, folder, tmp_path / "inline", batch_size=4)

    class Died(BaseException):
        pass

    def die(self):
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(ray_engine._Harvest, "save", die)
        cs.scan(net, folder, output, batch_size=4, engine="ray", checkpoint=0)
    tasks = output / "parts" / "tasks"
    left = list(tasks.iterdir())
    assert left and not (output / "parts" / "0-of-1.safetensors").exists()
    (tasks / "ray-again.safetensors").write_bytes(left[0].read_bytes())  # as of a task that ran twice
    cs.scan(net, folder, output, batch_size=4, engine="ray")
    assert bytes_of(output) == bytes_of(tmp_path / "inline") and not tasks.exists()


def test_a_plan_is_made_anew_in_the_workers(ray, small, folder, tmp_path):
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval(), size=32)
    inline = cs.scan(net, folder, compile=True)
    found = cs.scan(net, folder, compile=True, engine="ray")
    assert found.ledger.knobs["compile"] is True
    assert all(found.table(name).equals(inline.table(name)) for name in found.names)


def test_what_the_module_raises_in_a_worker_is_raised_here(ray, small, folder, tmp_path):
    with pytest.raises(ForwardFailed, match="not today"):
        cs.scan(network(tmp_path / "notes", bad=True), folder, engine="ray")


def test_a_worker_that_sees_other_images_is_refused(ray, small, folder, tmp_path, monkeypatch):
    net = network(tmp_path / "notes")
    source = cs.scan(net, folder).source
    (folder / "class 0" / "00.png").unlink()  # the digest is known here already, and found anew there
    with pytest.raises(BadScan, match="worker of this scan differs from where it began: the images"):
        cs.scan(net, source, engine="ray")


def test_a_module_that_workers_cannot_import_is_refused(ray, small, folder, monkeypatch):
    here = types.ModuleType("only_here")
    exec("from torch import nn\nclass Pool(nn.AvgPool2d): pass", vars(here))
    here.Pool.__module__ = "only_here"
    monkeypatch.setitem(sys.modules, "only_here", here)
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 2, 3), here.Pool(2)).eval(), size=32)
    with pytest.raises(BadScan, match=r"cannot read the network.*Install the package"):
        cs.scan(net, folder, engine="ray")


def test_images_that_are_none_are_refused_once_all_are_seen(ray, small, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(BadSource, match="None of 1 files"):
        cs.scan(network(tmp_path.with_name("notes")), tmp_path, engine="ray")


def test_refusals_before_any_work(ray, folder, tmp_path):
    net = network(tmp_path / "notes")
    with pytest.raises(BadKnob, match="shard must be 0/1 with engine=ray"):
        cs.scan(net, folder, tmp_path / "out", engine="ray", shard="0/2")
    net.module.lock = threading.Lock()
    with pytest.raises(BadKnob, match="must be picklable for a cluster"):
        cs.scan(net, folder, engine="ray")


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:1", "ray://127.0.0.1:1"])
def test_a_cluster_that_does_not_answer_is_an_error_and_nothing_is_left(
    ray, small, folder, tmp_path, monkeypatch, address
):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "init", invalid)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(BadScan, match=rf"The cluster {address} cannot be reached \(.*Set RAY_ADDRESS"):
        cs.scan(network(tmp_path / "notes"), folder, tmp_path / "out", engine="ray")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0" and not (tmp_path / "out").exists()


def invalid(address, **_how):
    """What Ray says of an address that is none."""
    assert address == "nonsense", "tried for ever"
    raise ValueError(f"Invalid address format: {address}")


def test_without_ray_the_extra_is_named(monkeypatch, folder, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'convscope\[ray\]'"):
        cs.scan(network(tmp_path / "notes"), folder, engine="ray")
