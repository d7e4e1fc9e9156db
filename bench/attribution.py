"""Occlusion, SmoothGrad and integrated gradients beside Captum, each run in a process of its own.

`python bench/attribution.py [ROW …]` prints the tables of `bench/README.md`. Captum gets the module as its library
builds it, at the best of several batch sizes, found on a part of the work; both get the same photo.
"""

from __future__ import annotations

import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import convscope as cs

PHOTO, UNIT = "sample:cat", 285
NETWORKS = {"vgg16": "torchvision:vgg16", "resnet18": "torchvision:resnet18", "lite0": "lite0"}
ROWS = [
    *((name, "occlusion", precision) for name in NETWORKS for precision in ("fp32", "bf16")),
    ("lite0", "smoothgrad", "fp32"),
    ("lite0", "integrated_gradients", "fp32"),
]
SIZES = (1, 16, 64)  # of Captum's batches
TURNS = 3


def net_of(name: str) -> cs.Network:
    """The network of a row; published weights need a download, so random ones do for all but lite0."""
    return cs.load(NETWORKS[name], weights="DEFAULT" if name == "lite0" else None)


def ours(name: str, technique: str, precision: str) -> Callable[[], np.ndarray]:
    """A convscope call, as a user makes it."""
    net = net_of(name)
    knobs: dict[str, dict[str, Any]] = {
        "occlusion": {"size": 32, "stride": 8, "precision": precision},
        "smoothgrad": {"samples": 50},
        "integrated_gradients": {"steps": 50, "limit": 50},
    }
    return lambda: getattr(cs, technique)(net, PHOTO, f"logits:{UNIT}", **knobs[technique]).values


def theirs(name: str, technique: str, size: int, share: bool) -> Callable[[], np.ndarray]:
    """Captum's call, with `size` inputs a forward; only a part of the work where `share`."""
    from captum.attr import IntegratedGradients, NoiseTunnel, Occlusion, Saliency

    net = net_of(name)
    module = net.module.to(memory_format=torch.contiguous_format).eval()  # as torchvision and timm build it
    if technique == "occlusion":
        stride = 32 if share else 8
        peer = Occlusion(module)

        def occlude() -> np.ndarray:
            x = net.prepare(PHOTO)
            with torch.no_grad():
                found = peer.attribute(
                    x, strides=(3, stride, stride), sliding_window_shapes=(3, 32, 32), target=UNIT,
                    perturbations_per_eval=size,
                )  # fmt: skip
            return found[0, 0].numpy()

        return occlude
    steps = 16 if share else 50
    if technique == "smoothgrad":
        tunnel, std = NoiseTunnel(Saliency(module)), 0.15 * float(np.ptp(net.prepare(PHOTO)))
        return lambda: tunnel.attribute(
            net.prepare(PHOTO), nt_samples=steps, nt_samples_batch_size=size, stdevs=std, target=UNIT, abs=False
        )[0].numpy()
    integrated = IntegratedGradients(module)
    return lambda: integrated.attribute(
        net.prepare(PHOTO), target=UNIT, n_steps=steps, internal_batch_size=size
    )[0].detach().float().numpy()  # fmt: skip


def child(side: str, name: str, technique: str, option: str, share: str, out: str) -> None:
    """Time one call, and for convscope the next one too, which finds the executed graph ready."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    call = ours(name, technique, option) if side == "ours" else theirs(name, technique, int(option), share == "share")
    seconds = []
    for _ in range(2 if side == "ours" else 1):
        start = time.perf_counter()
        values = call()
        seconds.append(time.perf_counter() - start)
    np.save(out, values)
    print(json.dumps({"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}))


def run(side: str, name: str, technique: str, option: object, share: bool = False) -> tuple[list[float], float, Any]:
    """Seconds of each call, peak memory in MB, and the values, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "values.npy")
        words = [side, name, technique, str(option), "share" if share else "whole", out]
        done = subprocess.run([sys.executable, __file__, "--child", *words], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        return found["seconds"], found["peak"], np.load(out)


def row(name: str, technique: str, precision: str) -> str:
    """One row of the table: measured in turns, medians."""
    best = min(SIZES, key=lambda size: run("theirs", name, technique, size, share=True)[0][0])
    turns = 1 if name == "vgg16" else TURNS
    pairs = [(run("theirs", name, technique, best), run("ours", name, technique, precision)) for _ in range(turns)]
    captum = statistics.median(their[0][0] for their, _ in pairs)
    first, later = (statistics.median(our[0][i] for _, our in pairs) for i in (0, 1))
    ratio = statistics.median(their[0][0] / our[0][1] for their, our in pairs)
    (_, their_peak, expected), (_, our_peak, got) = pairs[-1]
    apart = "other noise" if technique == "smoothgrad" else f"{abs(expected - got).max() / abs(expected).max():.0e}"
    cells = [f"{technique.replace('_', ' ')}, {name}, {precision}", f"{captum:.1f} ({best} a pass)", f"{first:.1f}"]
    cells += [f"{later:.1f}", f"**{ratio:.1f}×**", apart, f"{their_peak:.0f} / {our_peak:.0f}"]
    return f"| {' | '.join(cells)} |"


def main(names: list[str]) -> None:
    """Print the rows, all or those of some networks."""
    print("| work, 224 px | Captum, s | convscope, first call, s | later calls, s | ratio | difference | peak, MB |")
    print("|---|---|---|---|---|---|---|")
    for name, technique, precision in ROWS:
        if not names or name in names or technique in names:
            print(row(name, technique, precision), flush=True)
    versions = f"torch {torch.__version__}, captum 0.9, Python {platform.python_version()}"
    print(f"\n{versions}, {torch.get_num_threads()} threads, {TURNS} turns, 1 for vgg16")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main(sys.argv[1:])
