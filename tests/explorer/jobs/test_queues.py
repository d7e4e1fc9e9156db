"""Several explorers on one store: whatever the order in which they begin and end, nothing of either is lost."""

import hashlib
import json
import threading

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import convscope as cs
from convscope.base.errors import BadStore
from convscope.explorer.jobs.jobs import JobList
from convscope.explorer.jobs.queue import Queue, Row
from convscope.explorer.jobs.queues import states
from convscope.explorer.workspace.messages import Ask
from convscope.explorer.workspace.workspace import Workspace
from convscope.store import Store

LONG = 120.0  # seconds after which a test is wrong, not slow


def id_of(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def row(number, state="queued", network="tiny"):
    return Row(id_of(number), "technique", json.dumps({"network": network, "number": number}), "", state)


STEPS = st.lists(st.tuples(st.sampled_from(["end", "add", "add", "do"]), st.integers(0, 2), st.integers(0, 5)))


@settings(max_examples=30)
@given(STEPS)
def test_in_whatever_order_queues_begin_and_end_every_job_is_there_at_last(tmp_path_factory, steps):
    folder, open_, asked, done = tmp_path_factory.mktemp("queues"), {}, set(), set()
    for what, who, job in steps:
        queue = open_[who] = open_.get(who) or Queue(folder, 100)
        if what == "end":
            open_.pop(who).close()
        elif what == "add" and queue.find(id_of(job)) is None:
            queue.add(row(job))
            asked.add(id_of(job))
        elif what == "do" and (turn := queue.next({"tiny"})) is not None:
            queue.change(turn.id, state="done")
            done.add(turn.id)
    for queue in open_.values():
        queue.close()
    last = Queue(folder, 100)
    found = {row.id: row.state for row in last.all()}
    assert set(found) == asked and last.alone and last.number == 0
    assert {id for id, state in found.items() if state == "done"} <= done
    assert {id for id, state in found.items() if state != "done"} <= asked
    last.close()
    assert sorted(path.name for path in folder.iterdir()) == ["jobs.sqlite"]


def test_what_waits_counts_more_than_what_ended_and_states_come_along(tmp_path):
    first, second = Queue(tmp_path, 9), Queue(tmp_path, 9)
    assert (first.number, first.alone, second.number, second.alone) == (0, True, 1, False)
    for number, (mine, others) in enumerate([("failed", "queued"), ("cancelled", "done"), ("done", "cancelled")]):
        first.add(row(number, mine))
        second.add(row(number, others))
    for number, queue in ((0, second), (7, second), (2, first)):
        kept = states(tmp_path, queue.number) / id_of(number)
        kept.mkdir(parents=True)
        (kept / "state").write_text(str(number))
    second.add(row(8, "running"))
    first.close()
    second.close()
    again = Queue(tmp_path, 9)
    assert {row.id: row.state for row in again.all()} == {
        id_of(0): "queued", id_of(1): "done", id_of(2): "done", id_of(8): "queued",
    }  # fmt: skip
    kept = {path.parent.name: path.read_text() for path in (tmp_path / "states").glob("*/state")}
    assert kept == {id_of(number): str(number) for number in (0, 7, 2)}
    assert not states(tmp_path, 1).exists()
    again.close()


def test_jobs_about_a_network_that_is_not_on_offer_wait_for_an_explorer_that_has_it(tmp_path):
    queue = Queue(tmp_path, 9)
    queue.add(row(1, network="other"))
    queue.add(row(2))
    assert queue.next({"tiny", "lite0"}).id == id_of(2) and queue.next({"tiny"}) is None
    assert queue.next({"other"}).id == id_of(1)
    queue.close()


def test_a_queue_that_cannot_be_read_is_refused_and_left_alone(tmp_path):
    Queue(tmp_path, 9).close()
    (tmp_path / "jobs3.sqlite").write_bytes(b"junk" * 500)
    with pytest.raises(BadStore, match=r"jobs3.sqlite cannot be used"):
        Queue(tmp_path, 9)
    assert (tmp_path / "jobs3.sqlite").read_bytes() == b"junk" * 500


@pytest.fixture
def explorer(tiny, tmp_path):
    """`explorer()` is a workspace and its jobs, on the same folder each time; nothing is done before `begin`."""
    made = []

    def make():
        workspace = Workspace({"tiny": lambda: tiny}, Store(tmp_path / "store"))
        workspace.begin()
        made.append((workspace, JobList(workspace, lambda _event: None)))
        return made[-1]

    yield make
    for workspace, jobs in made:
        jobs.close()
        workspace.store.close()


def until_done(jobs, *ids):
    """Wait until these are done, and look again now and then."""
    for _ in range(round(LONG / 0.05)):
        rows = {job.id: job for job in jobs.all()}
        if all(rows[id].state == "done" for id in ids):
            return
        assert not any(rows[id].error for id in ids), [rows[id].error for id in ids]
        threading.Event().wait(0.05)
    pytest.fail("they are not done")


def noise(seed):
    return cs.open_image(np.random.default_rng(seed).integers(0, 256, (40, 30, 3), np.uint8))


def about(image):
    subjects = {"image": image.digest, "layer": "0"}
    return Ask(network="tiny", technique="dream", subjects=subjects, knobs={"steps": 1})


@pytest.mark.parametrize("ends", [(0, 1), (1, 0)])
def test_jobs_about_images_that_are_nowhere_else_survive_the_other_explorer(explorer, ends):
    both, ids = [explorer(), explorer()], []
    for seed, (workspace, jobs) in enumerate(both):
        workspace.pictures._pixels.put(noise(seed).digest, noise(seed))  # as a frame of the camera is there
        ids.append(jobs.submit(about(noise(seed))).id)
    workspace, jobs = explorer()  # a third one begins while their jobs wait, and ends
    jobs.close()
    for which in ends:
        both[which][1].close()
    _, jobs = explorer()
    assert {job.id for job in jobs.all()} == set(ids)
    jobs.begin()
    until_done(jobs, *ids)


def test_what_another_explorer_has_done_meanwhile_is_not_done_again(explorer, monkeypatch):
    (_, first), (_, second) = explorer(), explorer()
    ask = Ask(network="tiny", technique="weights", subjects={"layer": "0"})
    id = first.submit(ask).id
    assert second.submit(ask).id == id
    until_done(first.begin(), id)
    monkeypatch.setattr("convscope.explorer.jobs.outcomes.carried_out", None)
    until_done(second.begin(), id)


def test_uploads_of_both_are_listed_whoever_ends_last(explorer):
    (one, _), (other, _) = explorer(), explorer()
    added = [workspace.pictures.add(noise(seed), str(seed)) for seed, workspace in enumerate([one, other, other, one])]
    again, _ = explorer()
    assert [info for info in again.pictures.images() if not info.reference] == added[::-1]


def test_a_list_of_uploads_that_is_damaged_is_refused_in_a_sentence(explorer, tmp_path):
    workspace, _ = explorer()
    workspace.pictures.add(noise(1), "one")
    (listed,) = (tmp_path / "store" / "parts").rglob("*.album")
    listed.write_bytes(listed.read_bytes()[:-9])
    with pytest.raises(BadStore, match="list of uploads in the store is damaged"):
        explorer()
    listed.unlink()
    explorer()


@pytest.mark.parametrize(("technique", "subjects", "images"), [
    ("separating_units", {"source": "e" * 64, "selection": "d" * 64}, ""),
    ("style", {"content": "a" * 64, "style": "b" * 64 + ";" + "c" * 64}, "abc"),
    ("of_another_version", {"picture": "a" * 64}, "a"),
    ("maximize", {"unit": f"-1*logits:1 + dream(0, guide={'a' * 64})"}, "a"),
])  # fmt: skip
def test_each_kind_of_subject_tells_which_images_a_job_must_have(technique, subjects, images):
    row = Row("1", "technique", json.dumps({"technique": technique, "subjects": subjects}), "")
    assert row.images == {one * 64 for one in images}
