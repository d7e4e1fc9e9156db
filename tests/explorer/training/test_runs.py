"""What a page is told of a training: curves, of what is in no chunk yet as well, looks at any step, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.base.errors import BadKnob, BadRecord
from convscope.explorer.calls import answer
from convscope.explorer.training.recorded_run import RecordedRun
from convscope.explorer.workspace.frame import decode
from convscope.training.live.commands import Command

STEPS = 12


def net():
    torch.manual_seed(0)
    parts = (torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    return cs.Network(torch.nn.Sequential(*parts), size=8, labels=["a", "b", "c"], mean=(0, 0, 0), std=(1, 1, 1))


def learn(recorder, optimizer, module, steps=STEPS):
    for number in range(steps):
        optimizer.zero_grad()
        loss = module(torch.full((2, 3, 8, 8), 0.1 * number)).square().mean()
        loss.backward()
        optimizer.step()
        recorder.step(loss=loss, **({"val_loss": 2.0} if number % 4 == 0 else {}))


class Explored:
    """A workspace of runs alone."""

    def __init__(self, *runs):
        self.workspace, self.jobs = self, None
        self.runs = [RecordedRun(run) for run in runs]

    def ask(self, name, **ask):
        found = answer(self, name, ask)
        return decode(found) if isinstance(found, bytes) else found


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A recorder whose loop stands still after a few steps, none of which is in a chunk, and what its page asks."""
    torch.manual_seed(1)
    made = net()
    optimizer = torch.optim.SGD(made.module.parameters(), 0.1)
    probe = torch.rand(20, 3, 8, 8), torch.arange(20) % 3
    with cs.Recorder(
        made, optimizer, folder=tmp_path_factory.mktemp("run"), probe=probe, every=1, budget=1.0
    ) as recorder:
        recorder.live.touch()
        learn(recorder, optimizer, made.module)
        recorder.live.of.settle()
        yield recorder


def test_rows_are_those_of_the_record_however_they_come(begun):
    page = Explored(begun)
    header, arrays = page.ask("run_curves", run=0)
    assert header["step"] == STEPS and header["metrics"] == ["loss", "val_loss"]
    assert header["loop"]["state"] == "running" and header["loop"]["batch"] == 2
    assert arrays["steps"].tolist() == list(range(STEPS))
    assert np.isnan(arrays["metric1"]).tolist() == [bool(n % 4) for n in range(STEPS)]
    again, more = page.ask("run_curves", run=0, since=7, looked=8, session=header["session"])
    assert not again["whole"] and more["steps"].tolist() == [8, 9, 10, 11] and (more["looks"] > 8).all()
    begun._notes.write()  # now a chunk has them
    _, kept = Explored(begun.folder).ask("run_curves", run=0)
    assert all(np.array_equal(kept[name], arrays[name], equal_nan=True) for name in ("steps", "metric0", "metric1"))
    shares = kept["dead"][:, 1]
    assert ((shares >= 0) & (shares <= 1)).all() and kept["update_ratio"].shape == (len(kept["looks"]), 3)


def test_the_probe_is_measured_where_its_classes_are_known(begun):
    record = cs.open_record(begun.folder)
    _, arrays = Explored(begun.folder).ask("run_curves", run=0)
    assert arrays["probe_steps"].tolist() == list(record.snapshots)
    for step, loss, right in zip(record.snapshots, arrays["probe_loss"], arrays["probe_accuracy"], strict=True):
        scores, classes = torch.from_numpy(record.answers(step)), torch.arange(20) % 3
        assert loss == pytest.approx(float(torch.nn.functional.cross_entropy(scores, classes)), rel=1e-5)
        assert right == pytest.approx(float((scores.argmax(1) == classes).float().mean()))


def test_a_look_is_of_the_nearest_snapshot_with_one_scale_a_layer(begun):
    page = Explored(begun.folder)
    record = cs.open_record(begun.folder)
    header, arrays = page.ask("run_look", run=0, step=5)
    assert header["step"] == 4 and not header["live"]  # snapshots are 0, 1, 2, 3, 4, 6, 8, 11
    told = {(one["layer"], one["kind"]): one for one in header["tiles"]}
    assert {
        ("0", "maps"),
        ("0", "map_gradients"),
        ("0", "weights"),
        ("0", "weight_gradients"),
        ("3", "weights"),
    } <= set(told)
    one = told["0", "weights"]
    assert one["color"] and arrays[f"t{one['array']}"].shape == (4, 3, 3, 3)
    exact = record.filters(4).values
    shown = one["low"] + arrays[f"t{one['array']}"] / 255 * (one["high"] - one["low"])
    assert np.abs(shown - exact).max() <= (one["high"] - one["low"]) / 100
    assert one["least"] == pytest.approx(exact.min(), abs=0.01) and one["low"] == -one["high"]
    assert arrays["pictures"].shape == (16, 8, 8, 3) and arrays["pictures"].max() == 255
    first = header["guessed"][1]
    assert (first["label"], first["index"]) == ("b", 1) and len(first["guesses"]) == 3
    assert sum(guess["probability"] for guess in first["guesses"]) == pytest.approx(1)


def test_now_is_the_loop_s_own_look(begun):
    header, arrays = Explored(begun).ask("run_look", run=0)
    assert header["live"] or header["step"] == cs.open_record(begun.folder).pictured[-1]
    assert {array.dtype.name for array in arrays.values()} == {"uint8"}


def test_what_cannot_be_asked_is_refused_in_a_sentence(begun, tmp_path):
    page = Explored(begun)
    with pytest.raises(BadKnob, match="takes no commands"):
        begun.live.steering.do(Command(does="pause"))
    with pytest.raises(BadKnob, match="one of the 1 at hand"):
        page.ask("run_look", run=3)
    with pytest.raises(BadKnob, match="name and a value"):
        page.ask("command", run=0, does="set")
    with pytest.raises(BadKnob, match="another process"):
        Explored(begun.folder).ask("guess", run=0, image="0" * 64)
    (tmp_path / "writer.lock").touch()
    with pytest.raises(BadRecord, match="nothing in"):
        Explored(tmp_path).ask("run_curves", run=0)


def test_a_run_that_has_ended_says_so(tmp_path):
    module = net().module
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path) as recorder:
        learn(recorder, optimizer, module, 3)
    page = Explored(tmp_path)
    header, _ = page.ask("run_curves", run=0)
    assert header["loop"]["state"] == "ended" and header["snapshots"] == [0, 1, 2]
    with pytest.raises(BadKnob, match="must be running"):
        page.ask("command", run=0, does="pause")
    look, _ = page.ask("run_look", run=0)
    assert "no probe" in look["why"]


def test_long_curves_are_means(monkeypatch, begun):
    monkeypatch.setattr("convscope.explorer.training.curves._MOST", 5)
    header, arrays = Explored(begun).ask("run_curves", run=0)
    assert header["every"] == 3 and len(arrays["steps"]) == 4
    loss = Explored(begun).runs[0].now().steps["loss"]
    assert np.allclose(arrays["metric0"], loss.reshape(4, 3).mean(1))
