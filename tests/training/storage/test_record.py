"""A record survives whatever ends its process, goes on where it ended, and can be read meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.base.errors import BadKnob, BadRecord, UnknownLayer
from convscope.training.storage import writer
from convscope.training.watching.budget import Budget

from ..loops import batch, plain, recording, tiny

KILLED = """
import os, sys, torch, convscope as cs
from convscope.training.storage import writer
writer._FIRST = writer._SHARE = writer._PAUSE = 0.0
torch.set_num_threads(1)

def train():
    torch.manual_seed(0)
    parts = torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 10)
    module = torch.nn.Sequential(*parts)
    optimizer = torch.optim.SGD(module.parameters(), 0.001)
    with cs.Recorder(module, optimizer, folder=sys.argv[1], every=1, probe=torch.ones(3, 1, 8, 8)) as recorder:
        print(os.getpid(), recorder.steps, flush=True)
        while True:
            loss = module(torch.ones(4, 1, 8, 8)).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)

for _ in sys.stdin:  # a child each time: PyTorch is imported once
    child = os.fork()
    if not child:
        train()
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


@pytest.fixture(autouse=True)
def plenty_of_time(monkeypatch):
    """Whatever is due is done, however slow the machine."""
    monkeypatch.setattr(Budget, "allows", lambda _: True)


def check_whole(record):
    """Every step once, in order, and a row a layer for each."""
    steps = record.table("steps")["step"].to_pylist()
    assert steps == list(range(len(steps)))
    rows = record.table("layers").select(["step", "layer"]).to_pylist()
    assert [(row["step"], row["layer"]) for row in rows] == [
        (step, layer) for step in sorted({row["step"] for row in rows}) for layer in ("0", "1", "3")
    ]
    for step in record.snapshots:
        assert record.codes(step).shape == (3, 144)
    return len(steps)


def ask(process, line=""):
    """What a process answers, to a line or without one."""
    if line:
        process.stdin.write(line)
        process.stdin.flush()
    return process.stdout.readline().split()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("times", [4, pytest.param(20, marks=pytest.mark.sweep)])
def test_killed_at_random_moments_the_record_reads_and_nothing_is_doubled(times, tmp_path):
    chance, before = random.Random(0), 0
    code = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(times):
            child, recorded = map(int, ask(process, "go\n"))
            assert recorded == before
            wanted = len(list(tmp_path.glob("steps-*"))) + chance.randint(2, 8)
            while (there := len(list(tmp_path.glob("steps-*")))) < wanted:
                assert process.poll() is None
                if there:
                    check_whole(cs.open_record(tmp_path))  # it is read while it is written
            time.sleep(chance.random() * 0.02)  # somewhere in the next chunk
            os.kill(child, signal.SIGKILL)
            assert ask(process) == ["gone"]
            after = check_whole(cs.open_record(tmp_path))
            assert after > before
            before = after
    assert len(cs.open_record(tmp_path).sessions) == times


def test_files_of_a_chunk_that_was_never_whole_are_not_read(tmp_path):
    plain(tiny(), recording(tmp_path, every=1), steps=3)
    (tmp_path / "layers-000001.parquet").write_bytes((tmp_path / "layers-000000.parquet").read_bytes())
    assert len(cs.open_record(tmp_path).table("layers")) == 3 * 7
    plain(tiny(), recording(tmp_path, every=1), steps=3)
    assert len(cs.open_record(tmp_path).table("layers")) == 6 * 7


def test_going_on_from_a_checkpoint_supersedes_what_came_after_it(tmp_path):
    plain(tiny(0), recording(tmp_path, every=1, probe=batch()), steps=6)
    first = cs.open_record(tmp_path)
    plain(tiny(1), recording(tmp_path, every=1, probe=batch(), start=4), steps=3)
    record = cs.open_record(tmp_path)
    assert record.steps == 7
    assert record.table("steps")["step"].to_pylist() == list(range(7))
    assert record.table("steps")["session"].to_pylist() == [0] * 4 + [1] * 3
    assert (record.codes(3) == first.codes(3)).all()
    assert (record.codes(4) != first.codes(4)).any()
    plain(tiny(1), recording(tmp_path, every=1), steps=2)
    assert cs.open_record(tmp_path).steps == 9


def test_what_the_record_holds_of_snapshots(tmp_path):
    module, (x, y) = tiny(), batch()
    module[4].p = 0.0
    with torch.no_grad():
        module.eval()
        codes, answers = module[:8](x), module(x)
        maps = module[:2](x[:1])[0]
        module.train()
    filters = module[0].weight.detach().clone()
    plain(module, recording(tmp_path, every=1, probe=(x, y), budget=1.0), steps=9)
    record = cs.open_record(tmp_path)
    assert record.snapshots == (0, 1, 2, 3, 4, 6, 8, 9)
    np.testing.assert_allclose(record.codes(0), codes, atol=2e-3)
    np.testing.assert_allclose(record.answers(0), answers, rtol=1e-5, atol=1e-6)
    found, gradients = record.maps(0, "1")
    np.testing.assert_allclose(found, maps, atol=float(maps.abs().max()) / 250)
    assert gradients is not None
    assert gradients.shape == found.shape
    assert np.abs(gradients).max() > 0
    first = record.filters(0)
    assert (first.values == filters.numpy()).all()
    assert first.gradients is not None
    assert first.gradients.shape == first.values.shape
    with torch.no_grad():
        module.eval()
        np.testing.assert_allclose(record.answers(9), module(x), rtol=1e-5, atol=1e-6)


def test_maps_keep_their_gradients_where_a_layer_in_place_follows(tmp_path):
    """The gradient of a map is that of the map, not of what the next layer wrote over it."""
    found = []
    for in_place in (True, False):
        module = tiny()
        module[2] = torch.nn.ReLU(inplace=in_place)
        folder = tmp_path / str(in_place)
        plain(module, recording(folder, probe=batch()), steps=1)
        maps, gradients = cs.open_record(folder).maps(0, "1")
        assert (maps < 0).any()
        found.append(gradients)
    assert (found[0] == found[1]).all()
    assert (found[0] == 0).any()


def test_filters_gradients_are_those_after_accumulation(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path):
        for number in range(3):
            torch.nn.functional.cross_entropy(module(batch(seed=number)[0]), batch(seed=number)[1]).backward()
        gradient = module[0].weight.grad.clone()
        optimizer.step()
    assert (cs.open_record(tmp_path).filters(0).gradients == gradient.numpy()).all()


def test_what_is_not_there_is_refused_with_what_is(tmp_path):
    with pytest.raises(BadRecord, match="holds no record"):
        cs.open_record(tmp_path / "none")
    plain(tiny(), recording(tmp_path, probe=batch()), steps=2)
    record = cs.open_record(tmp_path)
    with pytest.raises(BadKnob, match="steps, layers or events"):
        record.table("units")
    with pytest.raises(BadKnob, match="not 5"):
        record.codes(5)
    with pytest.raises(UnknownLayer, match="no maps of a layer 'conv'"):
        record.maps(0, "conv")
    assert "2 steps" in repr(record)


def test_a_damaged_chunk_is_said(tmp_path):
    plain(tiny(), recording(tmp_path, every=1), steps=2)
    path = tmp_path / "layers-000000.parquet"
    data = bytearray(path.read_bytes())
    data[40:60] = os.urandom(20)
    path.write_bytes(bytes(data))
    with pytest.raises(BadRecord, match="layers-000000"):
        cs.open_record(tmp_path).table("layers")


def test_metrics_may_begin_late(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_FIRST", 0.0)
    monkeypatch.setattr(writer, "_SHARE", 0.0)
    monkeypatch.setattr(writer, "_PAUSE", 0.0)
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path) as recorder:
        for number in range(4):
            module(batch()[0]).sum().backward()
            optimizer.step()
            recorder.step(**({"loss": 1.0} if number > 1 else {}))
    assert cs.open_record(tmp_path).table("steps")["loss"].to_pylist() == [None, None, 1.0, 1.0]
