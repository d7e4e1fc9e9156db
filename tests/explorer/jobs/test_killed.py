"""A server that is killed in the middle of its jobs: none is lost, none is done twice."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import convscope as cs
from convscope.store import Store

SCRIPT = Path(__file__).with_name("killed.py")
_SPEC = importlib.util.spec_from_file_location("killed", SCRIPT)
killed = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(killed)


def started(folder, how):
    return subprocess.Popen([sys.executable, SCRIPT, folder, how], stdout=subprocess.PIPE, text=True)


def test_killed_in_the_middle_of_three_jobs(tmp_path):
    first, ids = started(tmp_path, "submit"), []
    for line in first.stdout:
        words = line.split()
        ids += [words[0]] if words[1] == "queued" else []
        if len(ids) == 3 and words[0] == ids[1] and words[1] == "running" and int(words[2]) >= 20:
            break
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    first.stdout.close()

    done, state = ids[0], tmp_path / "states" / ids[1] / "group0.safetensors"
    assert state.is_file()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").rglob(f"{done}.*")}
    assert len(before) == 5

    out, _ = started(tmp_path, "restart").communicate(timeout=120)
    lines = [line.split() for line in out.splitlines()]
    listed, told = next(words[1:] for words in lines if words[0] == "listed"), [w for w in lines if len(w[0]) == 64]
    assert {*listed} <= {f"{id}:{state}" for id in ids for state in ("queued", "running", "done")} and len(listed) == 3
    assert f"{done}:done" in listed and f"{ids[2]}:queued" in listed
    assert next(words for words in lines if words[0] == "end")[1:] == [f"{id}:done" for id in reversed(ids)]
    assert [words[0] for words in told if words[1] == "done"] == ids[1:]  # each once, and the first not again
    assert {path: path.stat().st_mtime_ns for path in before} == before

    store = Store(tmp_path)
    for channel, id in enumerate(ids):
        whole = cs.maximize(killed.network(), f"0:{channel}", steps=killed.STEPS[channel])
        assert whole.request.digest == id and store.get(id, "npz") == whole.encoded(".npz")
    assert not [*(tmp_path / "states").iterdir()]
    store.close()
