#!/usr/bin/env bash
# torch 2.14.1: `with torch.compiler.set_stance("force_eager")` in two threads whose blocks overlap, first in first out.
# One stance serves all threads, and each block puts back the one that it met. Seen: the thread that is still inside its
# block runs compiled code; once both are outside, nothing that is compiled runs any more, on any thread, without a word
# (0 runs of the backend; the stance is force_eager). Constructing the object alone, without `with`, also sets it.
# Who serves models from threads and switches compiling off around some work loses it for good. Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.14.1 numpy
"$folder/venv/bin/python" - <<'PYTHON'
import threading

import torch

runs = []


def backend(graph, _inputs):
    return lambda *args: runs.append(1) or graph.forward(*args)


def counted(model, x):
    before = len(runs)
    model(x)
    return len(runs) - before


model, x = torch.compile(torch.nn.Linear(3, 3), backend=backend), torch.ones(1, 3)
assert counted(model, x) == 1

first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()
seen = {}


def first():
    with torch.compiler.set_stance("force_eager"):
        first_is_in.set()
        second_is_in.wait()
    first_is_out.set()


def second():
    first_is_in.wait()
    with torch.compiler.set_stance("force_eager"):
        second_is_in.set()
        first_is_out.wait()
        seen["inside"] = counted(model, x)


threads = [threading.Thread(target=first), threading.Thread(target=second)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
seen["afterwards"] = counted(model, x)
print(torch.__version__, seen)
assert seen == {"inside": 1, "afterwards": 0}, seen
PYTHON
