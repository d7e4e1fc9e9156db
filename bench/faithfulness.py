"""Insertion and deletion of every method over photos: which map names the pixels a class probability depends on?

`python bench/faithfulness.py ZIP [PHOTOS]` takes photos from a zip, the same ones every time, and prints the table of
`bench/README.md`. Random numbers of samples and steps are cut for the three slowest methods, as the table says.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import time
import zipfile
from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
import torch

import convscope as cs
from convscope.techniques.evaluation.attribution_methods import importance
from convscope.techniques.evaluation.insertion_deletion import curves

METHODS: dict[str, dict[str, Any]] = {
    "saliency": {},
    "input_x_gradient": {},
    "guided_backprop": {},
    "deconvnet": {},
    "smoothgrad": {},
    "vargrad": {},
    "integrated_gradients": {"limit": 50},
    "gradcam": {},
    "occlusion": {},
    "rise": {"samples": 300},
    "perturbation_mask": {"steps": 50},
}
STEPS, WORKERS = 14, 2


def photo_names(archive: str, count: int) -> list[str]:
    """The names of `count` photos, drawn with a fixed seed."""
    with zipfile.ZipFile(archive) as photos:
        names = sorted(name for name in photos.namelist() if name.lower().endswith((".jpg", ".jpeg")))
    return sorted(np.random.default_rng(0).choice(names, count, replace=False).tolist())


@cache
def network() -> cs.Network:
    """The network, once for each worker, on one thread."""
    torch.set_num_threads(1)
    return cs.load("lite0")


def judge(work: tuple[str, str]) -> dict[str, tuple[float, float, float]]:
    """For one photo and every method: the areas under both curves of the top class's probability, and the seconds."""
    archive, name = work
    net = network()
    with zipfile.ZipFile(archive) as photos:
        image = cs.open_image(photos.read(name))
    unit, found = f"probs:{net.predict(image, 1)[0][1]}", {}
    noise = np.random.default_rng(0).random(net.preprocessing.size)
    for method, knobs in [("random", {}), *METHODS.items()]:
        start = time.perf_counter()
        values = noise if method == "random" else importance(getattr(cs, method)(net, image, unit, **knobs))
        seconds = time.perf_counter() - start
        areas = curves(net, image, unit, values, steps=STEPS).evidence
        found[method] = areas["deletion"], areas["insertion"], seconds
    return found


def main(archive: str, count: int) -> None:
    """Print the methods, the best difference of the areas first."""
    scores: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        for number, found in enumerate(pool.imap_unordered(judge, [(archive, n) for n in photo_names(archive, count)])):
            for method, row in found.items():
                scores[method].append(row)
            print(f"{number + 1} of {count} photos", file=sys.stderr, flush=True)
    print("| rank | method | knobs | deletion | insertion | insertion − deletion | ± | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    gains = {m: [b - a for a, b, _ in rows] for m, rows in scores.items()}
    for rank, method in enumerate(sorted(gains, key=lambda m: -statistics.mean(gains[m])), 1):
        low, high, seconds = (statistics.mean(column) for column in zip(*scores[method], strict=True))
        error = statistics.stdev(gains[method]) / len(gains[method]) ** 0.5
        knobs = ", ".join(f"{k}={v}" for k, v in METHODS.get(method, {}).items()) or "defaults"
        cells = [str(rank), method.replace("_", " "), knobs, f"{low:.3f}", f"{high:.3f}"]
        print(f"| {' | '.join([*cells, f'{high - low:.3f}', f'{error:.3f}', f'{seconds:.1f}'])} |")
    print(f"\nlite0, {count} photos, probability of the top class, fill blur, {STEPS} steps; seconds on one thread")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 50)
