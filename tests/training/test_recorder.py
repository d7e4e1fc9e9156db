"""Training is what it is without a recorder, in any loop; what cannot be recorded is said, and stops nothing."""

from __future__ import annotations

import copy
import errno
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, CannotWrite, ConvscopeWarning
from convscope.training.storage import writer

from .loops import LOOPS, batch, descend, nobody, plain, recording, tiny


def stores(module):
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_forward_hooks_always_called")
    return [len(getattr(part, name)) for part in module.modules() for name in names]


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_weights_are_the_same_bit_for_bit(loop, tmp_path):
    states = []
    for made in (nobody, recording(tmp_path, every=2, probe=batch(), budget=1.0)):
        torch.manual_seed(3)
        module = tiny()
        loop(module, made)
        states.append((module.state_dict(), torch.get_rng_state(), stores(module)))
    (state, drawn, hooks), (other, drawn_too, hooks_too) = states
    assert all(torch.equal(state[name], other[name]) for name in state)
    assert torch.equal(drawn, drawn_too)
    assert hooks == hooks_too
    record = cs.open_record(tmp_path)
    assert record.steps == (19 if loop.__name__ == "mixed_precision" else 20)  # AMP leaves one out
    found = record.table("layers").to_pylist()
    assert {row["layer"] for row in found if row["mean"]} >= {name.split(".")[-1] for name in "02568"} or len(found)
    assert {row["step"] for row in found} == set(range(0, 20, 2)), record.table("events").to_pylist()
    assert not record.table("events").to_pylist()


def test_nothing_is_left_behind_between_steps(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    before = stores(module), module.training, random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    recorder = cs.Recorder(module, optimizer, folder=tmp_path, every=1, probe=batch())
    descend(module)
    gradients = [w.grad.clone() for w in module.parameters()]
    optimizer.step()
    assert all(torch.equal(w.grad, g) for w, g in zip(module.parameters(), gradients, strict=True))
    recorder.close()
    after = stores(module), module.training, random.getstate(), np.random.get_state()[1]  # noqa: NPY002
    assert before[:3] == after[:3]
    assert (before[3] == after[3]).all()
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    recorder.close()  # twice does no harm


def test_steps_and_their_metrics_are_told(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.0)
    with cs.Recorder(module, optimizer, folder=tmp_path) as recorder:
        for number in range(4):
            for part in (0, 1):
                recorder.step(loss=torch.tensor(number + part / 2)) if not part else None
                descend(module)
            optimizer.step()
            recorder.step(loss=number + 0.5, learning_rate=np.float32(0.25), step=7)
    steps = cs.open_record(tmp_path).table("steps")
    assert steps["step"].to_pylist() == [0, 1, 2, 3]
    assert steps["learning_rate"].to_pylist() == [0.25] * 4
    assert steps["step_"].to_pylist() == [7] * 4


def test_losses_of_accumulated_batches_are_averaged(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path, every=1) as recorder:
        for number in range(6):
            descend(module)
            if number % 2:
                optimizer.step()
            recorder.step(loss=torch.tensor(float(number)))
    steps = cs.open_record(tmp_path).table("steps")
    # the second batch's loss comes after the optimizer's step, and belongs to it all the same
    assert steps["loss"].to_pylist() == [0.5, 2.5, 4.5]
    assert steps["forwards"].to_pylist() == [2, 2, 2]


def test_evaluation_inside_the_loop_does_not_count(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path, every=1):
        for number in range(3):
            descend(module, number)
            module.eval()
            module(batch(seed=5)[0] * 1000)  # with gradients, but in evaluation mode
            module.train()
            with torch.no_grad():
                module(batch(seed=5)[0] * 1000)
            optimizer.step()
            optimizer.zero_grad()
    record = cs.open_record(tmp_path)
    assert record.table("steps")["forwards"].to_pylist() == [1, 1, 1]
    assert max(record.table("layers")["mean_square"].to_pylist()[0]) < 100


def test_which_way_a_compiled_module_is_watched_is_said(tmp_path):
    module = tiny()
    with pytest.warns(ConvscopeWarning, match="no steps"):
        cs.Recorder(torch.compile(module, backend="eager"), folder=tmp_path / "compiled").close()
    with pytest.warns(ConvscopeWarning, match="no steps"):
        cs.Recorder(module, folder=tmp_path / "plain").close()
    assert "compiled" in cs.open_record(tmp_path / "compiled").about["watched"]
    assert cs.open_record(tmp_path / "plain").about["watched"] == "by hooks"


def test_a_module_compiled_behind_our_back_is_said_to_be_silent(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    hidden = torch.compile(module, backend="eager")
    with pytest.warns(ConvscopeWarning, match="not run in training"), recording(tmp_path, every=1)(module, optimizer):
        for number in range(3):
            descend(hidden, number)
            optimizer.step()
    events = cs.open_record(tmp_path).table("events").to_pylist()
    assert [event["what"] for event in events] == ["silent"]


def test_a_network_can_be_given(tmp_path):
    module = tiny()
    net = cs.Network(module, size=8, mean=[0.5], std=[0.5])
    plain(module, lambda _, optimizer: cs.Recorder(net, optimizer, folder=tmp_path), steps=2)
    assert cs.open_record(tmp_path).steps == 2


def test_a_loop_that_never_steps_is_said(tmp_path):
    module = tiny()
    with pytest.warns(ConvscopeWarning, match="no steps"), cs.Recorder(module, folder=tmp_path, probe=batch()):
        descend(module)
    record = cs.open_record(tmp_path)
    assert record.steps == 0
    assert record.snapshots == (0,)


BAD = {
    "probe": {"probe": torch.zeros(2, 3, 8, 8)},
    "probe must be a batch": {"probe": "cats"},
    "classes of probe": {"probe": (torch.zeros(2, 1, 8, 8), [1])},
    "budget": {"budget": 0},
    "every": {"every": 0},
    "start": {"start": -1},
}


@pytest.mark.parametrize("match", BAD)
def test_what_cannot_be_recorded_is_refused_before_training(match, tmp_path):
    module = tiny()
    before = stores(module)
    with pytest.raises(BadKnob, match=match):
        cs.Recorder(module, folder=tmp_path / "record", **BAD[match])
    assert stores(module) == before
    assert not (tmp_path / "record").exists()


def test_optimizers_and_modules_of_others_are_refused(tmp_path):
    with pytest.raises(BadKnob, match="none of them"):
        cs.Recorder(tiny(), torch.optim.SGD(tiny().parameters(), 0.1), folder=tmp_path)
    with pytest.raises(BadKnob, match="must be a torch optimizer"):
        cs.Recorder(tiny(), "adam", folder=tmp_path)
    with pytest.raises(BadKnob, match=r"must be a torch\.nn\.Module"):
        cs.Recorder("resnet", folder=tmp_path)


@pytest.mark.filterwarnings("ignore::convscope.ConvscopeWarning")
def test_two_recorders_on_one_module_or_one_folder_are_refused(tmp_path):
    module = tiny()
    with cs.Recorder(module, folder=tmp_path / "a"):
        with pytest.raises(BadKnob, match="one recorder at a time"):
            cs.Recorder(module, folder=tmp_path / "b")
        with pytest.raises(CannotWrite, match="is being recorded into"):
            cs.Recorder(tiny(), folder=tmp_path / "a")
    cs.Recorder(module, folder=tmp_path / "a").close()


def test_a_loss_that_is_not_a_number_is_said_and_stops_nothing(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with pytest.warns(ConvscopeWarning) as warned, cs.Recorder(module, optimizer, folder=tmp_path) as recorder:
        for number in range(5):
            descend(module)
            optimizer.step()
            recorder.step(loss=float("nan") if number >= 3 else 1.0, note="fine", several=torch.ones(2))
    events = cs.open_record(tmp_path).table("events").to_pylist()
    assert ("nonfinite", 3) in {(event["what"], event["step"]) for event in events}
    assert {event["layer"] for event in events if event["what"] == "metric"} == {"note", "several"}
    assert len(warned) == len(events) == 3


def test_parts_replaced_in_mid_run_are_said_and_watched(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with pytest.warns(ConvscopeWarning, match="replaced"), cs.Recorder(module, folder=tmp_path, every=1):
        for number in range(4):
            if number == 2:
                module[8] = nn.Linear(64, 10)
                optimizer = torch.optim.SGD(module.parameters(), 0.1)
            descend(module)
            optimizer.step()
    record = cs.open_record(tmp_path)
    (event,) = record.table("events").to_pylist()
    assert (event["step"], event["layer"], event["what"]) == (2, "8", "replaced")
    last = [row for row in record.table("layers").to_pylist() if row["step"] == 3 and row["layer"] == "8"]
    assert last[0]["update_norm"] > 0


@pytest.mark.filterwarnings("ignore::convscope.ConvscopeWarning")
def test_a_probe_that_fits_no_more_is_said(tmp_path):
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path, probe=batch(), budget=1.0):
        for number in range(3):
            if number == 1:
                module[0] = nn.Conv2d(3, 4, 3)
            module(torch.ones(2, module[0].in_channels, 8, 8)).sum().backward()
            optimizer.step()
    assert "probe" in cs.open_record(tmp_path).table("events")["what"].to_pylist()


@pytest.mark.filterwarnings("ignore::convscope.ConvscopeWarning")
def test_a_full_disk_stops_nothing_and_is_said(tmp_path, monkeypatch):
    """What could not be written is written once there is room again."""
    full, write = [True], writer.write_chunk

    def writing(*given):
        if full[0]:
            raise CannotWrite(f"no room: {errno.ENOSPC}")
        return write(*given)

    monkeypatch.setattr(writer, "write_chunk", writing)
    monkeypatch.setattr(writer, "_FIRST", 0.0)
    monkeypatch.setattr(writer, "_SHARE", 0.0)
    monkeypatch.setattr(writer, "_PAUSE", 0.0)
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path, every=1) as recorder:
        for number in range(6):
            full[0] = 1 <= number < 4
            descend(module)
            optimizer.step()
            recorder.step(loss=number)
    record = cs.open_record(tmp_path)
    assert record.table("steps")["loss"].to_pylist() == [0, 1, 2, 3, 4, 5]
    assert record.table("events")["what"].to_pylist() == ["not written", "written again"]


def test_errors_of_our_own_reach_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr("convscope.training.watching.forwards.channel_sums", lambda *_: 1 / 0)
    module = tiny()
    with pytest.warns(ConvscopeWarning, match="ZeroDivisionError"):
        plain(module, recording(tmp_path, every=1), steps=3)
    record = cs.open_record(tmp_path)
    assert record.steps == 3
    assert record.table("events")["what"].to_pylist() == ["failed"]


def test_importing_draws_nothing_and_a_recorder_that_is_not_closed_writes_at_the_end(tmp_path):
    code = (
        "import torch, random; torch.manual_seed(0); random.seed(0)\n"
        "before = torch.get_rng_state(), random.getstate()\n"
        "import convscope as cs; cs.Recorder, cs.Network\n"
        "assert torch.equal(before[0], torch.get_rng_state()) and before[1] == random.getstate()\n"
        "m = torch.nn.Linear(3, 2); o = torch.optim.SGD(m.parameters(), 0.1)\n"
        f"r = cs.Recorder(m, o, folder={str(tmp_path)!r})\n"
        "for _ in range(3): m(torch.ones(1, 3)).sum().backward(); o.step()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert cs.open_record(tmp_path).steps == 3


def test_the_budget_is_kept_and_the_record_grows_ever_more_slowly(tmp_path):
    module = tiny()
    plain(module, recording(tmp_path, budget=1e-6), steps=10)
    assert cs.open_record(tmp_path).table("steps")["sampled"].to_pylist() == [True] + [False] * 9


def test_a_copy_of_the_module_is_no_recorded_one(tmp_path):
    """Copied and saved in the middle of a step, as for a moving average of the weights."""
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path, every=1):
        descend(module)
        others = [copy.deepcopy(module), pickle.loads(pickle.dumps(module))]
        for other in others:
            descend(other)
        assert not any(b"convscope" in pickle.dumps(other) for other in (module, *others))
        optimizer.step()
    assert cs.open_record(tmp_path).table("steps")["forwards"].to_pylist() == [1]


def test_numbers_can_be_added_to_the_step_that_ended_last(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path) as recorder:
        for number in range(3):
            descend(module)
            optimizer.step()
            recorder.step(loss=number)
            recorder.note(validation=10 + number)
    steps = cs.open_record(tmp_path).table("steps")
    assert steps["loss"].to_pylist() == [0, 1, 2]
    assert steps["validation"].to_pylist() == [10, 11, 12]
