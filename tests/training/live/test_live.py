"""A loop that is watched learns what it learns unseen; it rests, steps and is set anew by its own thread alone."""

from __future__ import annotations

import re
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

import convscope as cs
from convscope.base.errors import BadKnob, CannotWrite, ConvscopeWarning
from convscope.base.progress import Cancelled, listening, report_progress
from convscope.training.live.commands import Command
from convscope.training.live.mailbox import FOLDER, LOOP, WATCHED, Mailbox
from convscope.training.storage import writer

from ..loops import LOOPS, batch, descend, nobody, plain, tiny


class Seen(cs.Recorder):
    """A recorder whose page looks all the time."""

    def step(self, **metrics):
        self.live.touch()
        self.live._looked = -1.0  # a look at every second step, however short they are
        super().step(**metrics)


class Loop(threading.Thread):
    """A loop that learns until it is stopped, as slowly as a loop does."""

    def __init__(self, folder, **knobs):
        super().__init__(daemon=True)
        self.module = tiny()
        self.optimizer = torch.optim.SGD(self.module.parameters(), 0.1, momentum=0.9)
        self.recorder = cs.Recorder(self.module, self.optimizer, folder=folder, probe=batch(), steered=True, **knobs)
        self.stop = False
        self.start()

    def run(self):
        with self.recorder as recorder:
            for number in range(100_000):
                if self.stop:
                    return
                self.optimizer.zero_grad()
                loss = descend(self.module, number % 7)
                self.optimizer.step()
                recorder.step(loss=loss)

    def end(self):
        self.stop = True
        self.recorder.live.control.close()
        self.join(30)
        assert not self.is_alive()


@pytest.fixture
def loop(tmp_path):
    running = Loop(tmp_path)
    yield running
    running.end()


def until(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    "loop",
    [pytest.param(one, marks=() if one is plain else pytest.mark.sweep, id=one.__name__) for one in LOOPS],
)
def test_a_loop_that_is_watched_learns_the_same_bit_for_bit(loop, tmp_path):
    def seen(module, optimizer):
        return Seen(module, optimizer, folder=tmp_path, probe=batch(), budget=1.0, steered=True)

    states = []
    for made in (nobody, seen):
        torch.manual_seed(3)
        module = tiny()
        loop(module, made)
        states.append((module.state_dict(), torch.get_rng_state()))
    (state, drawn), (other, drawn_too) = states
    assert all(torch.equal(state[name], other[name]) for name in state) and torch.equal(drawn, drawn_too)
    assert not cs.open_record(tmp_path).table("events").to_pylist()


def test_what_a_look_shows_is_the_network_as_the_step_began(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with Seen(module, optimizer, folder=tmp_path, probe=batch()) as recorder:
        recorder.step()
        before = module[0].weight.detach().clone()
        recorder.live.touch()
        recorder.live.begin(0, recorder._looks.layers)
        module.eval()
        with torch.no_grad():
            wanted = module(batch()[0])
        module.train()
        descend(module)
        gradient = module[0].weight.grad.clone()
        optimizer.step()
        look = recorder.live.look
    assert look is not None and look.answers is not None
    assert (look.arrays["weights", "0"] == before.numpy()).all()
    assert (look.arrays["weight_gradients", "0"] == gradient.numpy()).all()
    assert look.arrays["maps", "0"].shape == (8, 8, 8) == look.arrays["map_gradients", "0"].shape
    assert torch.allclose(torch.from_numpy(look.answers), wanted, atol=1e-6)


def test_it_pauses_steps_and_is_set_anew(loop):
    ask = loop.recorder.live.steering.ask
    assert ask(Command(does="pause")) == "Paused."
    until(lambda: loop.recorder.live.state()["state"] == "paused")
    at = loop.recorder.steps
    ask(Command(does="step", steps=3))
    until(lambda: loop.recorder.steps == at + 3)
    told = ask(Command(does="set", name="learning_rate", value=0.01))
    assert told == "Learning rate of all groups: 0.1 → 0.01, asked for by a page."
    assert loop.optimizer.param_groups[0]["lr"] == 0.01 and loop.recorder.steps == at + 3
    with pytest.raises(BadKnob, match="momentum must be at least 0 and below 1, not 1"):
        ask(Command(does="set", name="momentum", value=1))
    with pytest.raises(BadKnob, match="group must be one of 1"):
        ask(Command(does="set", name="momentum", value=0.5, group=1))
    assert ask(Command(does="resume")) == "Resumed."
    until(lambda: loop.recorder.steps > at + 5)
    loop.end()
    events = cs.open_record(loop.recorder.folder).table("events").to_pylist()
    assert [(row["what"], row["step"]) for row in events] == [("paused", at), ("edited", at + 3), ("resumed", at + 3)]
    with pytest.raises(BadKnob, match=r"loop must come|has ended"):
        loop.recorder.live.control.ask(lambda: None, patience=0.01)


def test_a_pause_ends_with_the_recorder_and_with_the_progress_that_is_cancelled(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    asked = []

    def listen(_step, _total, _preview):
        if asked:
            raise Cancelled

    with pytest.warns(ConvscopeWarning) as warned, listening(listen):
        report_progress(0, 1)
        with cs.Recorder(module, optimizer, folder=tmp_path, steered=True) as recorder:
            recorder.live.control.do(Command(does="pause"))
            asked.append(True)  # Ctrl-C, as the command line hears it
            recorder.step()
            recorder.step()
    rows = cs.open_record(tmp_path).table("events").to_pylist()
    assert "paused" in {row["what"] for row in rows} and "Press Resume there" in str(warned[0].message)


def test_a_page_that_goes_away_is_told_in_the_terminal(loop, monkeypatch):
    monkeypatch.setattr("convscope.training.live.live._GONE", 0.05)
    with pytest.warns(ConvscopeWarning) as warned:
        loop.recorder.live.steering.ask(Command(does="pause"))
        until(lambda: any(row["what"] == "still paused" for row in loop.recorder.live.of.pending()[1]["events"]))
    assert re.search("No page is open on it any more.*convscope watch", str(warned[-1].message))


def test_a_scheduler_that_sets_it_again_is_told(tmp_path):
    module = tiny()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with cs.Recorder(module, optimizer, folder=tmp_path, steered=True) as recorder:
        recorder.live.control.do(Command(does="set", name="learning_rate", value=0.5))
        optimizer.param_groups[0]["lr"] = 0.1
        recorder.step()
    last = cs.open_record(tmp_path).table("events").to_pylist()
    assert "The learning rate is 0.1 now" in next(row["why"] for row in last if row["what"] == "edit undone")


def test_without_leave_nothing_is_done(tmp_path):
    with cs.Recorder(tiny(), folder=tmp_path) as recorder:
        with pytest.raises(BadKnob, match="takes no commands"):
            recorder.live.steering.do(Command(does="pause"))
        assert "takes no commands" in recorder.live.state()["refusal"]


def command(folder: Path, name: str, text: str) -> None:
    (folder / FOLDER / f"command-{name}.json").write_text(text)


def test_commands_of_another_process_are_read_checked_and_answered(loop, tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir(exist_ok=True)
    wrong = {
        "a" * 8: '{"does": "explode"}',
        "b" * 8: '{"does": "set", "name": "learning_rate", "value": NaN}',
        "c" * 8: '{"does": "pause", "code": "1"}',
        "d" * 8: " " * 5000,
        "e" * 8: '{"does": "set", "name": "learning_rate"}',
    }
    for name, text in wrong.items():
        command(tmp_path, name, text)
    command(tmp_path, "f" * 8, '{"does": "set", "name": "learning_rate", "value": 0.25}')
    until(lambda: ((folder / WATCHED).touch(), (folder / LOOP).is_file())[1])
    until(lambda: len(loop.recorder.live._mailbox.heard) == 6)
    heard = loop.recorder.live._mailbox.heard
    assert all("refused" in heard[name] for name in wrong) and "told" in heard["f" * 8]
    assert loop.optimizer.param_groups[0]["lr"] == 0.25 and not list(folder.glob("command-*"))


def test_a_full_disk_is_told_and_the_training_goes_on(loop, monkeypatch):
    def full(*_args, **_knobs):
        raise CannotWrite("No space left on device.")

    monkeypatch.setattr(writer, "write_chunk", full)
    monkeypatch.setattr(Mailbox, "_replace", full)
    loop.recorder._writer._last = 0.0
    before = loop.recorder.steps
    until(lambda: "No space left" in loop.recorder.live.state()["failing"])
    until(lambda: loop.recorder.steps > before + 5)
    monkeypatch.undo()


def test_times_are_of_one_step_and_leave_no_hooks(tmp_path):
    module = tiny()
    with cs.Recorder(module, folder=tmp_path) as recorder:
        recorder.live.touch()
        plain(module, lambda *_: nullcontext(recorder), 6)
        state = recorder.live.state()
    assert state["batch"] == 16 and state["forward"] > 0 and state["backward"] > 0
    assert not module._forward_hooks and not module._forward_pre_hooks
