#!/usr/bin/env bash
# safetensors 0.8.0: saving the same tensors with the same metadata of several entries gives other bytes from call to
# call, also in one process. Seen: about 20 different files of 50 saves with four entries; their contents are equal, but
# the entries of `__metadata__` stand in the header in another order each time. With one entry all 50 are the same.
# Who names files by a hash of their bytes, caches by it, or compares backups, takes equal files for different ones.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check safetensors==0.8.0 numpy
"$folder/venv/bin/python" - <<'PYTHON'
import hashlib
import json

import numpy as np
import safetensors
from safetensors.numpy import load, save

TENSORS = {"x": np.arange(6, dtype=np.float32)}


def files(entries):
    metadata = {name: name for name in entries}
    return [save(TENSORS, metadata) for _ in range(50)]


def header(file):
    return json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])


several, one = files("abcd"), files("a")
different = len({hashlib.sha256(file).hexdigest() for file in several})
print(safetensors.__version__, "different files:", different, "with several entries,", len(set(one)), "with one")
assert all(header(file) == header(several[0]) and np.array_equal(load(file)["x"], TENSORS["x"]) for file in several)
assert len(set(one)) == 1
assert different > 5, different
PYTHON
