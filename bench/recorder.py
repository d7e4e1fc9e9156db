"""What a recorder costs a training loop, in one run: `python bench/recorder.py [--wandb FOLDER] [--steps N]`.

ResNet-18 in its form for CIFAR, batches of 64 × 32², one thread, processor time: wall time on a machine with other work
scatters far more than what is measured. The sides take steps in turns, and the least time of each counts, but for the
default recorder: all its steps together, over as many plain ones. `--wandb` is a folder of packages in which wandb is
installed. The size of a record of 10,000 steps is that of a look and a snapshot, times as many as there would be.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.models import resnet18

import convscope as cs
from convscope.training.watching.budget import is_snapshot, least_gap

Step = Callable[[], None]


def network() -> nn.Module:
    """ResNet-18 with a first convolution of 3 × 3 and no pool, as is usual for pictures of 32 × 32."""
    torch.manual_seed(0)
    module = resnet18(num_classes=10)
    module.conv1, module.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return module


class Side:
    """A loop that takes one step at a time, and what it cost."""

    def __init__(self, watch: Callable[[nn.Module, torch.optim.Optimizer], Any]) -> None:
        self.module, self.costs = network(), list[float]()
        self.optimizer = torch.optim.SGD(self.module.parameters(), 0.05, momentum=0.9)
        self.x, self.y = torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,))
        self.after = watch(self.module, self.optimizer)

    def step(self) -> None:
        began = time.process_time()
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.module(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        if self.after is not None:
            self.after(loss)
        self.costs.append(time.process_time() - began)


def recorded(folder: Path, **knobs: Any) -> Callable[[nn.Module, torch.optim.Optimizer], Any]:
    def watch(module: nn.Module, optimizer: torch.optim.Optimizer) -> Any:
        recorder = cs.Recorder(module, optimizer, folder=folder, **knobs)
        recorders.append(recorder)
        return lambda loss: recorder.step(loss=loss)

    return watch


recorders: list[cs.Recorder] = []


def watched_by_wandb(place: str) -> Callable[[nn.Module, torch.optim.Optimizer], Any]:
    sys.path.append(place)
    os.environ |= {"WANDB_MODE": "offline", "WANDB_DIR": tempfile.mkdtemp(), "WANDB_SILENT": "true"}
    import wandb

    run = wandb.init(project="bench")

    def watch(module: nn.Module, _optimizer: torch.optim.Optimizer) -> Any:
        run.watch(module, log="all", log_freq=1)
        return lambda loss: run.log({"loss": float(loss.detach())})

    return watch


def size_of_10_000(folder: Path, images: int) -> float:
    """Megabytes of a record of 10,000 steps: as many looks as the gaps allow, all snapshots, and a row a step."""
    looks = snapshots = step = 0
    last = -1
    while step < 10_000:
        looks, step = looks + 1, step + least_gap(step)
    for number in range(10_001):
        if is_snapshot(number, last):
            snapshots, last = snapshots + 1, number
    record = cs.open_record(folder)
    sizes = {name: sum(f.stat().st_size for f in folder.glob(f"{name}-*")) for name in ("layers", "snapshots")}
    a_look = sizes["layers"] / len(set(record.table("layers")["step"].to_pylist()))
    a_snapshot = sizes["snapshots"] / len(record.snapshots)
    codes = (2000 - images) * 512 * 2  # of a probe of 2,000 images
    print(f"a look {a_look / 1e3:.0f} kB × {looks}, a snapshot {(a_snapshot + codes) / 1e6:.2f} MB × {snapshots}")
    return (a_look * looks + (a_snapshot + codes) * snapshots + 100 * 10_000) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wandb", help="folder of packages with wandb")
    parser.add_argument("--steps", type=int, default=30)
    given = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp())
    probe = torch.randn(100, 3, 32, 32)
    sides = {
        "plain": Side(lambda *_: None),
        "every step": Side(recorded(folder / "every", every=1)),
        "default": Side(recorded(folder / "default")),
    }
    if given.wandb:
        sides["wandb.watch(log='all', log_freq=1)"] = Side(watched_by_wandb(given.wandb))
    for number in range(given.steps):
        for name, side in sides.items():
            if not name.startswith("wandb") or number < 3:
                side.step()
    plain = sides["plain"].costs
    for name, side in sides.items():
        least = min(side.costs[1:]) / min(plain)
        middle = np.median([a / b for a, b in zip(side.costs[1:], plain[1:], strict=False)])
        whole = sum(side.costs[1:]) / sum(plain[1 : len(side.costs)])
        print(f"{name}: least {least:.3f}, median of pairs {middle:.3f}, all but the first {whole:.3f} × plain")
    print(f"a plain step takes {min(plain):.2f} s of the processor; the default recorder says it took "
          f"{recorders[1].cost:.3f} of the time")  # fmt: skip
    for recorder in recorders:
        recorder.close()
    with cs.Recorder(sides["plain"].module, sides["plain"].optimizer, folder=folder / "probe", probe=probe, every=1):
        for _ in range(3):
            sides["plain"].step()
    print(f"10,000 steps: {size_of_10_000(folder / 'probe', len(probe)):.0f} MB")


if __name__ == "__main__":
    main()
