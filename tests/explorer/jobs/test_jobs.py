"""Jobs: one at a time, each once, stopped within a step, gone on with, and never lost."""

import json
import queue
import threading
import time

import numpy as np
import pytest

import convscope as cs
from convscope.base.errors import BadKnob, BadStore, QueueFull, UnknownJob, UnknownUnit
from convscope.explorer.jobs.jobs import JobList
from convscope.explorer.jobs.listener import JobListener
from convscope.explorer.jobs.queue import Queue
from convscope.explorer.workspace.artifacts import artifact_parts
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.messages import Ask, AskScan
from convscope.explorer.workspace.resolve import resolve
from convscope.scan.statistics.state import State

CAT = cs.open_image("sample:cat")


def maximize(channel=3, steps=6, **knobs):
    return Ask(network="tiny", technique="maximize", subjects={"unit": f"0:{channel}"}, knobs={"steps": steps, **knobs})


def occlusion(**view):
    knobs = {"size": 8, "stride": 8}
    subjects = {"image": CAT.digest, "unit": "logits:2"}
    return Ask(network="tiny", technique="occlusion", subjects=subjects, knobs=knobs, view=view)


class Heard:
    """What was told, and a way to wait for it."""

    def __init__(self):
        self.events, self.more = [], threading.Condition()

    def __call__(self, event):
        with self.more:
            self.events.append(event)
            self.more.notify_all()

    def until(self, id, *states):
        self.waited(lambda: any(self.was(id, state) for state in states), id)
        return next(e.job for e in reversed(self.events) if e.kind == "job" and e.job.id == id)

    def waited(self, condition, id):
        with self.more:
            assert self.more.wait_for(condition, 120), self.states(id)

    def was(self, id, state):
        return any(e.kind == "job" and e.job.id == id and e.job.state == state for e in self.events)

    def states(self, id):
        told = [e.job.state for e in self.events if e.kind == "job" and e.job.id == id]
        return [state for at, state in enumerate(told) if at == 0 or state != told[at - 1]]


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def jobs(workspace, heard):
    made = JobList(workspace, heard).begin()
    yield made
    made.close()


def test_a_job_runs_and_its_result_is_that_of_the_library(jobs, workspace, heard, tiny):
    job = jobs.submit(maximize())
    assert (job.state, job.title, job.network, job.subjects) == ("queued", "maximize of 0:3", "tiny", {"unit": "0:3"})
    done = heard.until(job.id, "done")
    assert heard.states(job.id) == ["queued", "running", "done"]
    assert (done.step, done.total, done.error, done.partial, done.eta) == (6, 6, "", False, None)
    result = cs.maximize(tiny, "0:3", steps=6)
    assert done.artifact == result.request.digest
    assert {name: workspace.store.get(done.artifact, name) for name in artifact_parts(result, {})} == artifact_parts(
        result, {}
    )
    assert not any((workspace.store.folder / "states").glob("*"))


def test_progress_is_told_with_a_preview_and_how_long_it_takes(jobs, heard):
    job = jobs.submit(maximize(steps=4000, size=64))
    heard.waited(lambda: sum(event.job.step > 0 for event in heard.events) >= 4, job.id)
    jobs.cancel(job.id)
    heard.until(job.id, "cancelled")
    told = [e for e in heard.events if e.job.state == "running" and e.job.step]
    assert all(e.preview.startswith("data:image/jpeg;base64,") for e in told) and all(e.job.total == 4000 for e in told)
    assert told[0].job.eta is None and told[-1].job.eta > 0
    assert [e.job.step for e in told] == sorted({e.job.step for e in told})


def test_the_same_request_is_one_job_and_then_answered_from_the_store(jobs, heard, workspace, monkeypatch):
    first = jobs.submit(maximize(0, 400))
    begun(heard, first.id)
    second = jobs.submit(maximize(1))
    assert jobs.submit(maximize(1)).id == second.id and jobs.submit(maximize(0, 400)).id == first.id
    assert len(jobs.all()) == 2
    heard.until(second.id, "done")
    assert heard.states(first.id) == heard.states(second.id) == ["queued", "running", "done"]
    monkeypatch.setattr("convscope.explorer.jobs.outcomes.carried_out", None)
    again = jobs.submit(maximize(1))
    assert again.state == "done" and again.id == second.id and len(jobs.all()) == 2
    jobs.forget(second.id)
    assert [job.id for job in jobs.all()] == [first.id]
    assert jobs.submit(maximize(1)).state == "done" and len(jobs.all()) == 2


def test_a_result_that_was_dropped_from_the_store_is_made_again(jobs, heard, workspace):
    job = jobs.submit(maximize(1))
    heard.until(job.id, "done")
    for path in (workspace.store.folder / "parts").rglob(f"{job.artifact}.*"):
        path.unlink()
    heard.events.clear()
    assert jobs.submit(maximize(1)).state == "queued"
    heard.until(job.id, "done")
    assert workspace.store.get(job.artifact, "frame") and len(jobs.all()) == 1


def test_another_view_is_another_job_with_its_own_picture(jobs, heard, workspace, tiny):
    ids = [jobs.submit(occlusion(**view)).id for view in ({}, {"percentile": 90})]
    for id in ids:
        heard.until(id, "done")
    usual, other = (decode(workspace.store.get(id, "frame"))[0] for id in ids)
    assert usual["digest"] == ids[0] != ids[1] == other["digest"]
    assert usual["spec"] != other["spec"]


@pytest.mark.parametrize(("ask", "error"), [
    (lambda: maximize(99), UnknownUnit), (lambda: maximize(steps=0), BadKnob), (lambda: maximize(nonsense=1), BadKnob),
    (lambda: Ask(network="tiny", technique="nonsense"), BadKnob), (lambda: occlusion(nonsense=1), BadKnob),
])  # fmt: skip
def test_what_cannot_be_is_refused_before_it_is_a_job(jobs, ask, error):
    with pytest.raises(error):
        jobs.submit(ask())
    assert jobs.all() == []


def begun(heard, id, step=1):
    """Wait until a job has made some steps."""
    with heard.more:
        made = lambda: any(e.kind == "job" and e.job.id == id and e.job.step >= step for e in heard.events)  # noqa: E731
        assert heard.more.wait_for(made, 60), heard.states(id)


def test_cancelling_ends_within_a_step_and_keeps_the_best_so_far(jobs, heard, workspace, monkeypatch):
    steps, look = [], JobListener.look
    monkeypatch.setattr(JobListener, "look", lambda watch, step, *told: (steps.append(step), look(watch, step, *told)))
    job = jobs.submit(maximize(steps=20_000))
    begun(heard, job.id)
    with workspace.turns.now():
        before = steps[-1]
        jobs.cancel(job.id)
    ended = heard.until(job.id, "cancelled")
    assert steps[-1] == ended.step == before + 1
    assert ended.partial and ended.resumable and ended.artifact != job.id
    header, arrays = decode(workspace.store.get(ended.artifact, "frame"))
    assert header["digest"] == ended.artifact and "partial" in header["evidence"] and arrays["images"].size
    assert workspace.store.names(job.id) == []
    assert {"png", "npz", "json"} < {*workspace.store.names(ended.artifact)}


def test_a_waiting_job_is_cancelled_at_once_and_a_finished_one_stays(jobs, heard):
    first, second = jobs.submit(maximize(0, 20_000)), jobs.submit(maximize(1))
    assert jobs.cancel(second.id).state == "cancelled"
    jobs.cancel(first.id)
    heard.until(first.id, "cancelled")
    third = jobs.submit(maximize(2))
    heard.until(third.id, "done")
    assert jobs.cancel(third.id).state == "done"
    assert heard.states(second.id) == ["queued", "cancelled"]


@pytest.mark.parametrize("ask", [
    maximize(steps=60),
    Ask(network="tiny", technique="dream", subjects={"image": CAT.digest, "layer": "0"},
        knobs={"size": 64, "steps": 30, "octaves": 2}),
    Ask(network="tiny", technique="invert", subjects={"image": CAT.digest, "layer": "0"}, knobs={"steps": 60}),
    Ask(network="tiny", technique="sheet", subjects={"layer": "0"}, knobs={"steps": 12}),
], ids=lambda ask: ask.technique)  # fmt: skip
def test_a_cancelled_job_goes_on_to_the_same_bytes(jobs, heard, workspace, ask):
    job = jobs.submit(ask)
    begun(heard, job.id)
    jobs.cancel(job.id)
    heard.until(job.id, "cancelled")
    assert any((workspace.store.folder / "states").glob("*"))
    heard.events.clear()
    assert jobs.resume(job.id).state == "queued"
    done = heard.until(job.id, "done")
    subject = resolve(workspace, ask).subjects
    whole = getattr(cs, ask.technique)(*subject, **ask.knobs)
    assert workspace.store.get(done.artifact, "npz") == whole.encoded(".npz")
    assert not any((workspace.store.folder / "states").glob("*"))


def test_a_broken_state_is_made_anew(jobs, heard, workspace, tiny):
    job = jobs.submit(maximize(steps=400))
    heard.until(job.id, "running")
    jobs.cancel(job.id)
    heard.until(job.id, "cancelled")
    for path in (workspace.store.folder / "states").rglob("*"):
        if path.is_file():
            path.write_bytes(b"junk")
    heard.events.clear()
    jobs.resume(job.id)
    done = heard.until(job.id, "done", "failed")
    assert done.error == "" and workspace.store.get(done.artifact, "npz") == cs.maximize(
        tiny, "0:3", steps=400
    ).encoded(".npz")


def _weights(layer="0"):
    return Ask(network="tiny", technique="weights", subjects={"layer": layer})


@pytest.mark.parametrize(("raised", "says"), [
    (BadKnob("It must be so, not so. Do that."), "It must be so, not so. Do that."),
    (ZeroDivisionError("by nothing"), "Something unexpected went wrong: ZeroDivisionError: by nothing. Try it again."),
    (MemoryError(), "Something unexpected went wrong: MemoryError. Try it again."),
    (SystemExit(3), "Something unexpected went wrong: SystemExit: 3. Try it again."),
    (KeyboardInterrupt(), "Something unexpected went wrong: KeyboardInterrupt. Try it again."),
])  # fmt: skip
def test_an_error_is_told_and_the_next_job_runs(jobs, heard, monkeypatch, raised, says):
    def run():
        raise raised

    monkeypatch.setattr("convscope.explorer.jobs.work._run", lambda *_: run())
    job = jobs.submit(_weights())
    failed = heard.until(job.id, "failed")
    assert failed.error == says and failed.resumable and not failed.partial
    monkeypatch.undo()
    heard.events.clear()
    jobs.resume(job.id)
    assert heard.until(job.id, "done").error == ""
    other = jobs.submit(_weights("3"))
    heard.until(other.id, "done")


def test_a_store_that_cannot_be_written_fails_the_job_and_no_more(jobs, heard, workspace, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(
            type(workspace.store), "put_all", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
        )
        job = jobs.submit(_weights())
        assert "No space left" in heard.until(job.id, "failed").error
    heard.until(jobs.submit(_weights("3")).id, "done")


@pytest.mark.parametrize("what", ["next", "change"])
def test_a_queue_that_cannot_be_used_for_a_while_holds_up_the_jobs_and_loses_none(jobs, heard, monkeypatch, what):
    monkeypatch.setattr("convscope.explorer.jobs.jobs._AGAIN", 0.01)
    failed, usual = [], getattr(Queue, what)

    def full(queue, *given, **values):
        if threading.current_thread().name == "jobs" and len(failed) < 5 and values.get("state") != "running":
            failed.append(what)
            raise BadStore("The disk is full. Make room.")
        return usual(queue, *given, **values)

    monkeypatch.setattr(Queue, what, full)
    done = heard.until(jobs.submit(_weights()).id, "done")
    assert len(failed) == 5 and done.error == ""


def test_what_ends_the_jobs_is_told(workspace, heard, monkeypatch):
    told = queue.SimpleQueue()
    monkeypatch.setattr(Queue, "next", lambda *_: 1 / 0)
    jobs = JobList(workspace, heard).begin(told.put)
    assert isinstance(told.get(timeout=120), ZeroDivisionError)
    jobs.close()


def test_a_job_that_takes_too_long_is_stopped_with_what_there_is(workspace, heard):
    jobs = JobList(workspace, heard, longest=0.3).begin()
    job = jobs.submit(maximize(steps=20_000))
    ended = heard.until(job.id, "cancelled")
    assert ended.error.startswith("Stopped after") and ended.partial and ended.resumable
    jobs.close()


def test_a_full_queue_refuses_and_says_so(workspace, heard):
    jobs = JobList(workspace, heard, limit=3).begin()
    running = jobs.submit(maximize(0, 20_000))
    heard.until(running.id, "running")
    waiting = [jobs.submit(maximize(channel)) for channel in (1, 2, 3)]
    with pytest.raises(QueueFull, match="At most 3 jobs may wait, and so many do"):
        jobs.submit(maximize(4))
    assert jobs.submit(maximize(1)).id == waiting[0].id
    jobs.cancel(waiting[0].id)
    jobs.submit(maximize(4))
    with pytest.raises(QueueFull):
        jobs.resume(waiting[0].id)
    jobs.close()


def test_unknown_and_unfinished_jobs_are_refused(jobs, heard):
    for act in (jobs.cancel, jobs.resume, jobs.forget):
        with pytest.raises(UnknownJob, match="There is no job '0000"):
            act("0" * 64)
    job = jobs.submit(maximize(steps=20_000))
    with pytest.raises(UnknownJob, match="must have ended to be forgotten"):
        jobs.forget(job.id)
    assert jobs.resume(job.id).state in ("queued", "running")


def test_jobs_are_done_in_order_and_listed_newest_first(jobs, heard):
    ids = [jobs.submit(maximize(channel, steps=3)).id for channel in range(5)]
    for id in ids:
        heard.until(id, "done")
    began = [e.job.id for e in heard.events if e.job.state == "running" and e.job.step == 0]
    assert began == ids and [job.id for job in jobs.all()] == ids[::-1]


def test_closing_leaves_the_running_job_queued_and_the_next_server_finishes(new_workspace, heard, tiny):
    jobs = JobList(new_workspace(), heard).begin()
    running, waiting = jobs.submit(maximize(0, 150)), jobs.submit(maximize(1))
    heard.until(running.id, "running")
    jobs.close()
    workspace, heard = new_workspace(), Heard()
    assert workspace.store.names(running.id) == workspace.store.names(waiting.id) == []
    jobs = JobList(workspace, heard).begin()
    for job in (running, waiting):
        heard.until(job.id, "done")
    assert workspace.store.get(running.id, "npz") == cs.maximize(tiny, "0:0", steps=150).encoded(".npz")
    jobs.close()


def test_an_image_that_is_nowhere_else_is_still_there_for_its_job_after_a_restart(new_workspace, heard):
    workspace = new_workspace()
    image = cs.open_image(np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8))
    workspace.pictures.add(image, "from the camera")
    ask = Ask(network="tiny", technique="dream", subjects={"image": image.digest, "layer": "0"}, knobs={"steps": 2000})
    jobs = JobList(workspace, heard).begin()
    job = jobs.submit(ask)
    heard.until(job.id, "running")
    jobs.close()
    for path in (workspace.store.folder / "parts").rglob(f"{image.digest}.*"):
        path.unlink()
    workspace, heard = new_workspace(), Heard()
    jobs = JobList(workspace, heard).begin()
    heard.until(job.id, "running")
    jobs.cancel(job.id)
    assert heard.until(job.id, "cancelled", "failed").error == ""
    assert [*(workspace.store.folder / "images").glob("*")]
    jobs.forget(job.id)
    jobs.close()
    JobList(new_workspace(), heard).begin().close()
    assert not [*(workspace.store.folder / "images").glob("*")]


def test_two_servers_on_one_folder_have_queues_of_their_own(new_workspace, tiny, heard):
    workspace = new_workspace()
    first, second = JobList(workspace, heard).begin(), JobList(workspace, heard).begin()
    job = first.submit(maximize(0, 20_000))
    assert second.all() == []
    first.close()
    second.close()
    again = JobList(workspace, heard).begin()
    assert [row.id for row in again.all()] == [job.id]
    again.close()


def test_a_broken_queue_says_what_to_do(workspace, heard):
    (workspace.store.folder / "jobs.sqlite").write_bytes(b"junk" * 1000)
    with pytest.raises(BadStore, match=r"jobs.sqlite cannot be used .* Delete it to begin anew"):
        JobList(workspace, heard)


def test_interactive_requests_go_between_the_steps_and_change_no_byte(jobs, heard, workspace, tiny):
    undisturbed = cs.maximize(tiny, "0:3", steps=40).encoded(".npz")
    looks, stop = [], threading.Event()

    def browse():
        while not stop.is_set():
            with workspace.turns.now():
                looks.append(cs.guided_backprop(tiny, CAT, "3:1"))
            time.sleep(0.001)

    browsing = threading.Thread(target=browse)
    browsing.start()
    job = jobs.submit(maximize(steps=40))
    done = heard.until(job.id, "done", "failed")
    stop.set()
    browsing.join()
    assert done.state == "done" and workspace.store.get(done.artifact, "npz") == undisturbed
    assert len(looks) > 20


def test_many_units_are_submitted_while_a_job_runs(jobs, heard, workspace):
    running = jobs.submit(maximize(0, 20_000))
    heard.until(running.id, "running")
    for seed in range(64):
        jobs.submit(maximize(1, seed=seed))
    assert [job.state for job in jobs.all()] == ["queued"] * 64 + ["running"]


def test_a_scan_is_made_and_is_then_at_hand_and_its_crops_can_be_read_after_a_restart(new_workspace, heard, tiny):
    workspace = new_workspace()
    jobs = JobList(workspace, heard).begin()
    image = workspace.pictures.add(
        cs.open_image(np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)), "mine"
    )
    ids = tuple(info.id for info in workspace.pictures.images())
    job = jobs.scan(AskScan(network="tiny", images=ids, layers=("0", "3", "6")))
    assert (job.technique, job.title) == ("scan", f"scan of {len(ids)} images")
    assert heard.until(job.id, "done", "failed").error == ""
    (event,) = [e for e in heard.events if e.kind == "scan"]
    assert set(event.scan.layers) >= {"0", "3", "6"} and event.scan.images == len(ids)
    own = cs.scan(tiny, [workspace.image(id) for id in ids], layers="0,3,6")
    assert [(h.value, h.box) for h in workspace.scan.top("3:1")] == [(h.value, h.box) for h in own.top("3:1")]
    assert workspace.scan.table("layers") == own.table("layers")
    assert jobs.scan(AskScan(network="tiny", images=ids, layers=("0", "3", "6"))).state == "done"
    jobs.close()
    workspace = new_workspace()
    jobs = JobList(workspace, heard).begin()
    assert workspace.scan is not None and image.id
    patches = jobs.submit(Ask(network="tiny", technique="patches", subjects={"unit": "3:1"}))
    assert heard.until(patches.id, "done", "failed").error == ""
    jobs.close()


def test_a_scan_stops_between_shards_and_goes_on(workspace, heard, monkeypatch, tiny):
    monkeypatch.setattr("convscope.explorer.jobs.work._SHARD", 2)
    jobs = JobList(workspace, heard).begin()
    ask = AskScan(network="tiny", layers=("0",))
    with workspace.turns.now():
        job = jobs.scan(ask)
        heard.until(job.id, "running")
        jobs.cancel(job.id)
    ended = heard.until(job.id, "cancelled")
    assert ended.step == 1 < ended.total and workspace.scan is None
    (part,) = (workspace.store.folder / "states" / job.id).iterdir()
    assert State.load(part).shards == {0}
    jobs.resume(job.id)
    heard.events.clear()
    done = heard.until(job.id, "done", "failed")
    assert done.error == "" and done.step == done.total == ended.total
    own = cs.scan(tiny, [workspace.image(info.id) for info in workspace.pictures.images()], layers="0")
    assert [h.value for h in workspace.scan.top("0:1")] == [h.value for h in own.top("0:1")]
    jobs.close()


def test_requests_are_remembered_as_they_were_asked(jobs, heard):
    job = jobs.submit(maximize(2, preset="lucid"))
    assert job.knobs == {"steps": 6, "preset": "lucid"} and job.technique == "maximize"
    assert json.loads(job.model_dump_json())["state"] == "queued"
    heard.until(job.id, "done")
