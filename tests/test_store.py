"""The store: parts come back as they were, within a limit, after kills, among threads and processes."""

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from convscope.base.errors import BadKnob, BadStore, CannotWrite
from convscope.store import Store


def digest(of):
    return hashlib.sha256(str(of).encode()).hexdigest()


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store")
    yield made
    made.close()


def files(store):
    return sorted(path.name for path in (store.folder / "parts").rglob("*") if path.is_file())


def test_parts_come_back_as_they_were_and_outlive_the_process(store):
    store.put(digest(1), "png", b"\x89PNG\0" * 1000)
    store.put(digest(1), "frame", b"")
    store.put(digest(2), "png", b"other")
    store.put(digest(2), "png", b"newer")
    assert store.get(digest(1), "png") == b"\x89PNG\0" * 1000 and store.get(digest(1), "frame") == b""
    assert store.names(digest(1)) == ["frame", "png"] and store.names(digest(3)) == []
    assert store.get(digest(1), "npz") is None and store.get(digest(3), "png") is None
    store.close()
    again = Store(store.folder)
    assert again.get(digest(2), "png") == b"newer"
    again.close()


@pytest.mark.parametrize(("key", "name"), [
    ("../../etc/passwd", "png"), (digest(1), "../x"), (digest(1), ""), (digest(1)[:-1], "png"), (digest(1), "a.b"),
])  # fmt: skip
def test_a_name_that_could_lead_elsewhere_is_refused(store, key, name):
    with pytest.raises(BadKnob):
        store.put(key, name, b"x")
    assert store.get(key, name) is None and store.names(key) == []
    assert not (store.folder / "parts").exists()


@given(st.lists(st.tuples(st.sampled_from("pg"), st.integers(0, 7), st.integers(0, 40)), max_size=60))
def test_it_forgets_what_a_plain_model_of_least_recently_used_forgets(tmp_path_factory, steps):
    store, model, limit = Store(tmp_path_factory.mktemp("lru"), limit=100), OrderedDict(), 100
    for kind, key, size in steps:
        if kind == "p":
            store.put(digest(key), "png", bytes(size))
            model[key] = size
            model.move_to_end(key)
            while sum(model.values()) > limit and len(model) > 1:
                model.popitem(last=False)
        else:
            found = store.get(digest(key), "png")
            assert (found is not None) == (key in model)
            if key in model:
                model.move_to_end(key)
    assert {key for key in range(8) if store.names(digest(key))} == set(model)
    assert len(files(store)) == len(model)
    store.close()


def test_all_parts_of_a_digest_go_together_and_the_newest_stays_however_large(tmp_path):
    store = Store(tmp_path, limit=100)
    store.put(digest(1), "png", bytes(30))
    store.put(digest(2), "png", bytes(30))
    store.put(digest(1), "frame", bytes(30))
    store.put(digest(3), "png", bytes(40))
    assert store.names(digest(2)) == [] and store.names(digest(1)) == ["frame", "png"]
    store.put_all(digest(4), {"png": bytes(200), "npz": bytes(300)})
    assert store.names(digest(4)) == ["npz", "png"]
    assert len(files(store)) == 2
    store.close()


def test_a_missing_file_counts_as_absent_and_can_be_put_again(store):
    store.put(digest(1), "png", b"x")
    next((store.folder / "parts").rglob("*.png")).unlink()
    assert store.get(digest(1), "png") is None and store.names(digest(1)) == []
    store.put(digest(1), "png", b"y")
    assert store.get(digest(1), "png") == b"y"


@pytest.mark.parametrize("content", [b"junk" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_corrupt_index_says_what_to_do(tmp_path, content):
    (tmp_path / "store.sqlite").write_bytes(content)
    with pytest.raises(BadStore, match=r"store.sqlite cannot be used .* Delete it to begin anew, or name"):
        Store(tmp_path)
    assert (tmp_path / "store.sqlite").read_bytes() == content


def test_a_foreign_database_is_refused_and_left_alone(tmp_path):
    foreign = sqlite3.connect(tmp_path / "store.sqlite")
    foreign.execute("CREATE TABLE parts (mine TEXT)")
    foreign.commit()
    foreign.close()
    with pytest.raises(BadStore, match="is a database of another program"):
        Store(tmp_path)
    foreign = sqlite3.connect(tmp_path / "store.sqlite")
    assert foreign.execute("SELECT name FROM sqlite_master").fetchall() == [("parts",)]
    foreign.close()


def test_an_index_that_breaks_later_says_so_too(store):
    for key in range(300):
        store.put(digest(key), "x", b"x")
    store.close()
    path = store.folder / "store.sqlite"
    path.write_bytes(path.read_bytes()[:4096] + b"\xee" * (path.stat().st_size - 4096))
    broken = Store(store.folder)
    with pytest.raises(BadStore, match="Delete it to begin anew"):
        broken.get(digest(1), "x")
    broken.close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotWrite, match="cannot be made"):
        Store(tmp_path / "file" / "store")


def test_threads_use_it_together(store):
    failed = []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(40):
            key = rng.randrange(10)
            if rng.random() < 0.5:
                store.put(digest(key), "png", bytes([key]) * 5000)
            elif (found := store.get(digest(key), "png")) not in (None, bytes([key]) * 5000):
                failed.append((key, found))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


_OTHER = """
import sys
from pathlib import Path
from convscope.store import Store
store = Store(Path(sys.argv[1]), limit=200_000)
print("open", flush=True)
for n in range(10**9 if sys.argv[2] == "endless" else 60):
    key = f"{n % 40:064x}"
    store.put(key, "png", key.encode() * 100)
    found = store.get(f"{(n * 7) % 40:064x}", "png")
    assert found is None or found == f"{(n * 7) % 40:064x}".encode() * 100
"""


def other(folder, how):
    return subprocess.Popen([sys.executable, "-c", _OTHER, str(folder), how], stdout=subprocess.PIPE, text=True)


def test_a_file_that_is_put_into_its_place_meanwhile_is_no_leftover(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "glob", lambda folder, _pattern: iter([folder / "00" / ".gone"]))
    Store(tmp_path).close()


def test_two_processes_open_a_new_folder_at_once_and_use_it_together(tmp_path):
    both = [other(tmp_path / "new", "60") for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    for process in both:
        process.stdout.close()
    store = Store(tmp_path / "new", limit=200_000)
    assert sum(path.stat().st_size for path in (tmp_path / "new" / "parts").rglob("*.png")) <= 200_000
    store.close()


def test_killed_at_any_moment_it_holds_only_whole_parts_that_are_all_in_the_index(tmp_path):
    rng = random.Random(0)
    for _ in range(4):
        process = other(tmp_path, "endless")
        process.stdout.readline()
        threading.Event().wait(rng.random() * 0.1)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
        process.stdout.close()
    store = Store(tmp_path, limit=200_000)
    whole = {path.name for path in (tmp_path / "parts").rglob("*.png") if not path.name.startswith(".")}
    assert whole and whole == {f"{n:064x}.png" for n in range(40) if store.names(f"{n:064x}")}
    assert all(store.get(name[:64], "png") == name[:64].encode() * 100 for name in whole)
    store.close()
