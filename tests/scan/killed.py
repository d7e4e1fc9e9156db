"""Not a test: one process that has imported everything, and forks scans that it kills at random moments.

It scans a folder three times: undisturbed, whole with kills, and in two parts with kills. The process itself runs
on one thread, so that none is lost in a fork.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

import convscope as cs
from convscope.data.open import open_source
from convscope.data.source import Entry, Source
from convscope.scan import job
from convscope.scan.statistics.state import State

KNOBS = {"batch_size": 2, "top": 5, "sample": 7, "workers": 0, "checkpoint": 0}


def network() -> cs.Network:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3, 2), nn.ReLU())
    return cs.Network(module.eval(), size=32, name="small")


def forked(output: Path, shard: str, images: str) -> tuple[int, int]:
    """Scan in a child, slowly enough to be killed; returns its number, and what can be read from once it reports."""
    reports, told = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            torch.set_num_threads(2)
            with cs.listening(lambda *_: os.write(told, b".")):
                cs.scan(network(), slowly(images), output, shard=shard, **KNOBS)
            code = 0
        finally:
            os._exit(code)
    os.close(told)
    return child, reports


def slowly(images: str) -> Source:
    """The images, ten milliseconds each."""
    source = open_source(images)
    read = type(source).read

    def slow(self: Source, entry: Entry) -> object:
        time.sleep(0.01)
        return read(self, entry)

    type(source).read = slow  # type: ignore[method-assign, assignment]
    return source


def tortured(output: Path, shard: str, images: str, rng: random.Random, kills: int) -> dict[str, int]:
    """Start a scan again and again, kill each, and let the last one end; how many died, and where the shards stood."""
    found = {"killed": 0, "moved": 0}
    before = 0
    for _ in range(kills):
        child, reports = forked(output, shard, images)
        if rng.random() < 0.7:
            os.read(reports, 1)  # then it is in the middle of things
            time.sleep(rng.random() * 0.06)
        else:
            time.sleep(rng.random() * 0.25)
        os.kill(child, signal.SIGKILL)
        found["killed"] += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        os.close(reports)
        after = done(output, shard)
        assert after >= before
        found["moved"] += after > before
        before = after
    ended(*forked(output, shard, images))
    return found


def done(output: Path, shard: str) -> int:
    """How many shards the checkpoint holds, which must load."""
    file = output / "parts" / f"{shard.replace('/', '-of-')}.safetensors"
    return len(State.load(file).shards) if file.exists() else 0


def ended(child: int, reports: int) -> None:
    _, status = os.waitpid(child, 0)
    os.close(reports)
    assert os.waitstatus_to_exitcode(status) == 0


def main() -> None:
    told = json.loads(sys.argv[1])
    job.SHARD = 4
    torch.set_num_threads(1)
    output, images, rng = Path(told["output"]), told["images"], random.Random(told["seed"])
    cs.scan(network(), images, output / "whole", **KNOBS)
    results = [tortured(output / "inline", "0/1", images, rng, 10)]
    results += [tortured(output / "parts", part, images, rng, 5) for part in ("0/2", "1/2")]
    cs.merge_scans([output / "parts"])
    print(json.dumps({key: sum(found[key] for found in results) for key in results[0]}))


if __name__ == "__main__":
    main()
