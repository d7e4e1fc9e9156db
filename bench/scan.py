"""A scan against a bare forward, in one run: `python bench/scan.py ZIP`. Run it with nothing else busy.

ZIP holds photos; without it the bundled photos are repeated. All 49 convolutions of lite0. Decoding is excluded but for
the last part, which goes from JPEG files to tables. Every figure is the median of turns in which all sides alternate.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

import convscope as cs
from convscope.data.loading import Batch
from convscope.data.open import open_source
from convscope.scan.engine import _batches, _Lanes
from convscope.scan.job import ScanJob
from convscope.scan.statistics.batch_summary import Summary
from convscope.scan.statistics.manifest import Manifest
from convscope.scan.statistics.state import State

KNOBS: dict[str, Any] = {
    "top": 100,
    "per_image": 1,
    "sample": 256,
    "positions": 16,
    "duplicates": 0.0,
    "batch_size": "auto",
}
IMAGES, TURNS = 256, 5


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare(net: cs.Network, x: torch.Tensor, size: int) -> None:
    with torch.inference_mode():
        for start in range(0, len(x), size):
            net.module(x[start : start + size])


def naive(net: cs.Network, x: torch.Tensor, size: int) -> None:
    """What people write: a hook that flattens each map and keeps the largest value and its place."""
    best: dict[str, Any] = {}

    def hook(name: str) -> Any:
        def keep(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
            flat = output.flatten(2)
            value, place = flat.max(2)  # which copies the map into another layout
            best.setdefault(name, []).append((value, place, flat.mean(2), (flat == 0).float().mean(2)))

        return keep

    modules = [(n, m) for n, m in net.module.named_modules() if isinstance(m, torch.nn.Conv2d)]
    hooks = [module.register_forward_hook(hook(name)) for name, module in modules]
    bare(net, x, size)
    for one in hooks:
        one.remove()
    for rows in best.values():
        torch.cat([row[0] for row in rows]).topk(min(100, len(x)), 0)


def ours(job: ScanJob, batches: list[Batch], state: State) -> None:
    with _Lanes(job, state) as crew:
        for batch in batches:
            crew.give(batch)
        crew.rest()


def speed(net: cs.Network, source: Any) -> None:
    """Bare forwards of several batch sizes, naive hooks, and the scan with its own batch size."""
    jobs = {c: ScanJob.of(net, source, "convolutions", "source", **KNOBS, compile=c) for c in (False, True)}
    batches = decoded(jobs[False], IMAGES)
    x = inputs(net, batches)
    few = x[: IMAGES // 4]
    sides: dict[str, tuple[int, Callable[[], object]]] = {
        **{f"bare {size}": (len(x), lambda size=size: bare(net, x, size)) for size in (4, 8, 16, 32)},
        **{f"naive {size}": (len(few), lambda size=size: naive(net, few, size)) for size in (8, 32)},
    }
    states = {c: job.begin() for c, job in jobs.items()}
    for c, job in jobs.items():
        sides["scan, compile" if c else "scan"] = (len(x), lambda c=c, job=job: ours(job, batches, states[c]))
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(TURNS + 1):  # the first one compiles, and fills caches
        for c, job in jobs.items():
            states[c] = job.begin()
        for name, (count, work) in sides.items():
            taken = seconds(work) / count * 1e3
            times[name] += [taken] if turn else []
    print(
        "| | ms an image | "
        + " | ".join(f"over bare {size}" for size in (4, 8, 16, 32))
        + " |\n|---|---|---|---|---|---|"
    )
    for name, found in times.items():
        ratios = [median(b / t for b, t in zip(times[f"bare {n}"], found, strict=True)) for n in (4, 8, 16, 32)]
        print(f"| {name} | {median(found):.1f} | " + " | ".join(f"{ratio:.2f}×" for ratio in ratios) + " |", flush=True)


def decoded(job: ScanJob, count: int) -> list[Batch]:
    batches: list[Batch] = []
    with closing(_batches(job, job.shards, 2)) as feed:
        for batch in feed:
            batches.append(batch)
            if sum(len(b.entries) for b in batches) >= count:
                break
    return batches


def inputs(net: cs.Network, batches: list[Batch]) -> torch.Tensor:
    seen = np.stack([net.preprocessing.normalize(image) for batch in batches for image in batch.seen])
    return torch.from_numpy(seen).contiguous(memory_format=torch.channels_last)


def whole(net: cs.Network, source: Any, path: str) -> None:
    """From JPEG files to tables."""
    job = ScanJob.of(net, source, "convolutions", "source", **KNOBS, compile=False)
    size = job.ledger.knobs["batch_size"]
    batches = decoded(job, 10**9)
    count = sum(len(batch.entries) for batch in batches)
    x = inputs(net, batches[:64])
    found: dict[str, list[float]] = {name: [] for name in ("decode", "bare 32", "network", "both", "cs.scan")}

    def both(state: State) -> None:
        with _Lanes(job, state) as crew:
            for batch in _batches(job, job.shards, 2):
                crew.give(batch)
            crew.rest()

    for _ in range(3):
        found["decode"].append(seconds(lambda: decoded(job, 10**9)))
        found["bare 32"].append(seconds(lambda: bare(net, x, 32)) * count / len(x))
        for name, work in (("network", lambda s: ours(job, batches, s)), ("both", both)):
            state = job.begin()
            found[name].append(seconds(lambda work=work, state=state: work(state)))
        found["cs.scan"].append(seconds(lambda: cs.scan(net, path, layers="convolutions")))
    told = {name: median(times) / count * 1e3 for name, times in found.items()}
    print(", ".join(f"{name} {ms:.1f} ms" for name, ms in told.items()), f"an image, of {count}, batches of {size}")
    for name in ("bare 32", "network"):
        share = max(told["decode"], told[name]) / told["both"]
        print(f"decoding and network together: {share:.2f}× of the slower of decode and {name}")


def memory(path: str, copies: int) -> None:
    code = f"""
import convscope as cs
from convscope.data.open import open_source
net = cs.load("lite0")
source = open_source({path!r})
shard = source.shards(10**9)[0]
images = [source.read(entry) for entry in source.entries(shard)] * {copies}
found = cs.scan(net, images, layers="convolutions")
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]  # Linux
print(found.evidence["images"], int(peak[0]) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    images, peak = done.stdout.split()
    print(f"peak memory for {images} images: {peak} MB")


def states() -> None:
    """The state of the 26,560 units of ResNet-50's convolutions, and the merging of two of them."""
    layers = tuple((f"layer{i}", "Conv2d", (units, 7, 7)) for i, units in enumerate((26_560 // 40,) * 40))
    ledger = Manifest("resnet50", "", {}, "", 2, (), layers, {}, {**KNOBS, "random": False, "batch_size": 4}, {})
    rng, made = np.random.default_rng(0), []
    for part in range(2):
        state = State.empty(ledger)
        units = state.moments.zeros.size
        state.histograms.counts[:, 150:360] = rng.integers(0, 9, (units, 210))
        for start in range(0, 300, 20):
            summary = Summary.empty(20, units)
            summary.peak[:] = rng.exponential(size=(20, units))
            numbers = np.arange(20) + start + 1000 * part
            state.moments.update(summary)
            state.top.update(summary, numbers)
            state.sample.update(summary, numbers)
        state.shards = {part}
        made.append(state)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{i}.safetensors" for i in range(2)]
        saving = median(seconds(lambda s=s, f=f: s.save(f)) for s, f in zip(made, files, strict=True))
        loaded = [State.load(file) for file in files]
        merging = seconds(lambda: loaded[0].merge(loaded[1]))
        print(
            f"state of {units} units, k = 100: {files[0].stat().st_size / 1e6:.0f} MB, saved in {saving:.2f} s, ",
            end="",
        )
        print(f"loaded in {seconds(lambda: State.load(files[0])):.2f} s, two merged in {merging:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="?", default="")
    parser.add_argument("--only", default="", help="speed, whole, memory or states")
    given = parser.parse_args()
    net = cs.load("lite0")
    path = given.photos or "samples"
    source = open_source(path if given.photos else [s.path for s in cs.samples().values()] * 16)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, Python {sys.version.split()[0]}")
    if given.only in ("", "speed"):
        speed(net, source)
    if given.only in ("", "whole"):
        whole(net, source, path)
    if given.only in ("", "memory"):
        for copies in (1, 4):
            memory(path, copies)
    if given.only in ("", "states"):
        states()
    print(f"this process at its peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
