"""Not a test: a workspace and jobs on a tiny network, which tell what happens until they are killed or all is done."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import torch
from torch import nn

import convscope as cs
from convscope.explorer.jobs.jobs import JobList
from convscope.explorer.workspace.messages import Ask, JobEvent, ScanEvent
from convscope.explorer.workspace.workspace import Workspace
from convscope.store import Store

STEPS = (4, 150, 5)


def network() -> cs.Network:
    torch.manual_seed(0)
    return cs.Network(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3, 2)).eval(), size=32, name="small")


def ask(channel: int) -> Ask:
    return Ask(
        network="small", technique="maximize", subjects={"unit": f"0:{channel}"}, knobs={"steps": STEPS[channel]}
    )


def say(*words: object) -> None:
    """A line at once: both threads speak."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main() -> None:
    folder, how = Path(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(1)
    over = threading.Event()

    def listen(event: JobEvent | ScanEvent) -> None:
        if isinstance(event, JobEvent):
            say(event.job.id, event.job.state, event.job.step)

    workspace = Workspace({"small": network}, Store(folder))
    workspace.begin()
    jobs = JobList(workspace, listen).begin()
    if how == "submit":
        for channel in range(3):
            jobs.submit(ask(channel))
    say("listed", *(f"{job.id}:{job.state}" for job in jobs.all()))
    while how == "submit" or any(job.state in ("queued", "running") for job in jobs.all()):
        over.wait(0.02)
    say("end", *(f"{job.id}:{job.state}" for job in jobs.all()))
    jobs.close()


if __name__ == "__main__":
    main()
