"""What a recorder costs a training loop, in one run: `python bench/recorder.py [--peers FOLDER] [--rounds N]`.

ResNet-18 in its form for CIFAR, batches of 64 × 32², one thread, processor time: wall time on a machine with other work
scatters far more than what is measured. All sides watch the same module, in turns of one step: two modules of one kind
differ by more than a recorder costs, by where their memory lies. A look is read in the step behind it, which counts as
well. Medians over rounds. The default recorder runs beside a plain loop on a small network, for many short steps.
`--peers` is a folder of packages in which wandb and torchspace are installed. The size of a record of 10,000 steps is
that of a look and a snapshot, times as many as there would be.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.models import resnet18

import convscope as cs
from convscope.training.convnetjs.networks import cifar10
from convscope.training.watching.budget import is_snapshot, least_gap

Watch = Callable[[], Any]


def network() -> nn.Module:
    """ResNet-18 with a first convolution of 3 × 3 and no pool, as is usual for pictures of 32 × 32."""
    torch.manual_seed(0)
    module = resnet18(num_classes=10)
    module.conv1, module.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return module


class Loop:
    """A loop that takes one step at a time, and how much of the processor each took."""

    def __init__(self, module: nn.Module, batch: int = 64) -> None:
        self.module, self.optimizer = module, torch.optim.SGD(module.parameters(), 0.01, momentum=0.9)
        self.x, self.y = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))

    def step(self, told: Callable[[torch.Tensor], Any] | None = None) -> float:
        began = time.process_time()
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.module(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        if told is not None:
            told(loss)
        return time.process_time() - began


class Peers:
    """wandb and TorchSpace on a module, each for one step at a time."""

    def __init__(self, place: str, module: nn.Module) -> None:
        sys.path.append(place)
        os.environ |= {"WANDB_MODE": "offline", "WANDB_DIR": tempfile.mkdtemp(), "WANDB_SILENT": "true"}
        import wandb
        from torchspace.runtime import RuntimeSession

        self._module, self._run, self._session = module, wandb.init(project="bench"), RuntimeSession

    @contextmanager
    def wandb(self) -> Iterator[Any]:
        self._run.watch(self._module, log="all", log_freq=1)
        yield lambda loss: self._run.log({"loss": float(loss.detach())})
        self._run.unwatch(self._module)

    @contextmanager
    def torchspace(self) -> Iterator[Any]:
        session = self._session(self._module).install()
        yield lambda _loss: session.collect_param_grads()
        session.remove()


def a_look(peers: str | None, rounds: int, folder: Path) -> None:
    """What a look costs, and a step of the others, in the steps of one module."""
    loop = Loop(network())
    others = Peers(peers, loop.module) if peers else None
    extra: dict[str, list[float]] = defaultdict(list)
    plains: list[float] = []
    turns = 6
    with cs.Recorder(loop.module, loop.optimizer, folder=folder, every=turns) as recorder:
        for number in range(rounds + 1):

            def told(loss: torch.Tensor) -> None:
                recorder.step(loss=loss)

            looked, behind = loop.step(told), loop.step(told)
            plain = [loop.step(told), loop.step(told)]
            found = {"a look": (looked + behind, 2)}
            for name in ("wandb", "torchspace"):
                if others is None:
                    loop.step(told)
                    continue
                with getattr(others, name)() as its:
                    found[name] = loop.step(lambda loss, its=its: (its(loss), told(loss))), 1
            if number:  # the first round warms up
                middle = float(np.mean(plain))
                plains.append(middle)
                for name, (took, steps) in found.items():
                    extra[name].append(took / middle - steps)
    print(f"a plain step: {np.median(plains):.2f} s of the processor")
    ours = float(np.median(extra["a look"]))
    for name, found_extra in extra.items():
        middle, low, high = np.median(found_extra), min(found_extra), max(found_extra)
        print(f"{name}: +{middle:.3f} of a plain step ({low:.3f} to {high:.3f}), {middle / ours:.1f} × a look")


def the_default(steps: int, folder: Path) -> None:
    """The default recorder beside a plain loop, and what a step costs that is not looked at."""
    plain, watched = (Loop(cifar10().module.train(), 32) for _ in range(2))
    pairs = list[tuple[float, float]]()
    with cs.Recorder(watched.module, watched.optimizer, folder=folder, probe=torch.randn(100, 3, 32, 32)) as recorder:
        for _ in range(steps):
            pairs.append((plain.step(), watched.step(lambda loss: recorder.step(loss=loss))))
        share = recorder.cost
    sampled = np.array(cs.open_record(folder).table("steps")["sampled"].to_pylist())[1:]
    both = np.array(pairs)[1:]
    ratios = both[:, 1] / both[:, 0]
    whole = both[:, 1].sum() / both[:, 0].sum()
    print(f"default, {steps} steps of {1e3 * np.median(both[:, 0]):.0f} ms: {whole:.3f} × plain in all; steps that are "
          f"not looked at {np.median(ratios[~sampled]):.3f}; by its own clock {share:.3f}")  # fmt: skip
    if sampled.any():
        print(f"the {sampled.sum()} that are: {np.median(ratios[sampled]):.3f}")


def size_of_10_000(folder: Path) -> float:
    """Megabytes of a record of 10,000 steps: as many looks as the gaps allow, all snapshots, and a row a step."""
    probe = torch.randn(100, 3, 32, 32)
    loop = Loop(network())
    with cs.Recorder(loop.module, loop.optimizer, folder=folder, probe=probe, every=1):
        for _ in range(3):
            loop.step()
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
    codes = (2000 - len(probe)) * 512 * 2  # of a probe of 2,000 images
    print(f"a look {a_look / 1e3:.0f} kB × {looks}, a snapshot {(a_snapshot + codes) / 1e6:.2f} MB × {snapshots}")
    return (a_look * looks + (a_snapshot + codes) * snapshots + 100 * 10_000) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="folder of packages with wandb and torchspace")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=600, help="of the default recorder on a small network")
    given = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp())
    the_default(given.steps, folder / "default")
    a_look(given.peers, given.rounds, folder / "look")
    print(f"10,000 steps: {size_of_10_000(folder / 'size'):.0f} MB")


if __name__ == "__main__":
    main()
