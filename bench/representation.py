"""Maps, grids, alignments and codes beside their peers, in one run: `python bench/representation.py`.

Run it with nothing else busy. Times of maps are processor time on one thread, since threads that wait for each other
say nothing on a busy machine; the least of several turns, in which all sides alternate. `--photos ZIP` adds the pass
that makes codes, beside a bare forward; `--large` maps 10,000 points too, which takes minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE as SklearnTSNE

import convscope as cs
from convscope.representation.embedding.evolution import evolve
from convscope.representation.embedding.methods import map_codes
from convscope.representation.embedding.principal import principal_axes
from convscope.representation.embedding.quality import map_quality
from convscope.representation.similarity.streamed_cka import StreamedCKA
from convscope.results.grid import _costs, _stretched, arrange, arrangement_cost

TURNS = 3
Work = Callable[[], Any]


def cpu(work: Work) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def least(sides: dict[str, Work], turns: int = TURNS) -> dict[str, tuple[float, Any]]:
    """The least processor time of each side over some turns, and what it gave last."""
    best: dict[str, tuple[float, Any]] = {}
    for _ in range(turns):
        for name, work in sides.items():
            spent, found = cpu(work)
            best[name] = (min(spent, best.get(name, (np.inf, None))[0]), found)
    return best


def maps(codes: NDArray[np.float32], turns: int) -> None:
    from openTSNE import TSNE

    components = principal_axes(codes).project(codes).astype(np.float64)
    sides: dict[str, Work] = {
        "convscope": lambda: map_codes(codes).coordinates,
        "openTSNE": lambda: np.asarray(TSNE(n_jobs=1, random_state=0).fit(components)),
        "scikit-learn": lambda: SklearnTSNE(random_state=0, init="pca", n_jobs=1).fit_transform(components),
    }
    found = least(sides, turns)
    for name, (spent, points) in found.items():
        quality = map_quality(codes, points)
        ratio = spent / found[name][0] if name == "convscope" else found["convscope"][0] / spent
        print(
            f"| {name}, {len(codes):,} points | {spent:.1f} | {ratio:.2f} | {quality.trustworthiness:.4f} | "
            f"{quality.neighbor_recall:.3f} |"
        )


def grids() -> None:
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(20, 2)) * 5
    points = (centers[rng.integers(0, 20, 2500)] + rng.normal(size=(2500, 2))).astype(np.float32)
    cells = np.stack(np.divmod(np.arange(2500), 50), 1)
    targets = _stretched(points[:, ::-1].astype(np.float64), cells)

    def exact() -> NDArray[np.int64]:
        return cells[linear_sum_assignment(_costs(targets, cells))[1]]

    found = least({"ours": lambda: arrange(points, 50), "scipy": exact}, 2)
    ratio = arrangement_cost(points, found["ours"][1]) / arrangement_cost(points, found["scipy"][1])
    print(f"grid of 2,500: {found['ours'][0] / found['scipy'][0]:.3f} of scipy's time, {ratio:.3f} of the least cost")
    many = (centers[rng.integers(0, 20, 10_000)] + rng.normal(size=(10_000, 2))).astype(np.float32)
    print(f"grid of 10,000: {cpu(lambda: arrange(many))[0]:.2f} s")


def alignments() -> None:
    try:
        from cka import cka_from_features as peer
    except ImportError:
        peer = None
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1000, 64))
    sides = [
        [np.tanh(base @ rng.normal(size=(64, 256))) + rng.normal(size=(1000, 256)) * 0.5 for _ in range(20)]
        for _ in range(2)
    ]

    def ours() -> NDArray[np.float64]:
        stream = StreamedCKA()
        for start in range(0, 1000, 128):
            stream.add(*([layer[start : start + 128] for layer in side] for side in sides))
        return stream.result().values

    sides_by: dict[str, Work] = {"ours": ours}
    if peer is not None:
        tensors = [torch.stack([torch.from_numpy(layer) for layer in side]) for side in sides]
        sides_by["pytorch-cka"] = lambda: peer(*tensors).numpy()
    found = least(sides_by)
    print(f"CKA of 20 × 20 layers of 256 units, 1,000 images, in blocks of 128: {found['ours'][0]:.2f} s of processor")
    if peer is None:
        print("pytorch-cka is not installed: no comparison")
        return
    spent, theirs = found["pytorch-cka"]
    apart = np.abs(found["ours"][1].clip(0, 1) - theirs).max()
    print(f"pytorch-cka, whole and in float64: {spent:.2f} s; largest difference {apart:.1e}")


def evolutions(digits: NDArray[np.float32]) -> None:
    """How far a snapshot that has not changed moves, beside runs that know nothing of each other."""
    from openTSNE import TSNE
    from scipy.spatial import procrustes

    def apart(one: NDArray[Any], other: NDArray[Any]) -> float:
        return float(np.median(np.linalg.norm(np.subtract(*procrustes(other, one)[:2]), axis=1)) * len(one) ** 0.5)

    after = digits[:1000]
    before = np.maximum(after @ np.random.default_rng(0).normal(size=(after.shape[1], 64)).astype(np.float32), 0)
    evolved = evolve([before, after])
    null = evolved.null.median if evolved.null is not None else np.nan
    for start in ("pca", "random"):
        one, other = (np.asarray(TSNE(initialization=start, random_state=seed).fit(after)) for seed in (0, 1))
        print(f"independent runs, {start} start, laid over each other: {apart(one, other):.3f} radii")
    print(f"a snapshot that has not changed: {null:.4f} radii")
    own = map_codes(before, method="tsne").coordinates
    kept, alone = (map_quality(before, points).neighbor_recall for points in (evolved.coordinates[0], own))
    print(f"neighbors kept before training: {kept:.3f}, by a map of its own {alone:.3f}")


def codes(photos: str) -> None:
    net = cs.load("lite0")
    x = net.prepare("sample:cat").repeat(4, 1, 1, 1).contiguous(memory_format=torch.channels_last)
    source = cs.codes(net, photos, "global_pool").source
    seen = [net.see(source.open(source.entries(shard)[i].id)) for shard in source.shards(64)[:2] for i in range(64)]

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(len(seen) // 4):
                net.module(x)

    found = least({"codes": lambda: cs.codes(net, seen, "global_pool", workers=0), "bare": bare})
    print(f"codes of {len(seen)} images, decoded: {found['bare'][0] / found['codes'][0]:.2f} of a bare forward's speed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", default="")
    parser.add_argument("--large", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| map | s of processor | convscope over it | trustworthiness | recall@10 |\n|---|---|---|---|---|")
    digits = load_digits().data.astype(np.float32)
    maps(digits, TURNS)
    if given.large:
        rng = np.random.default_rng(0)
        several = [digits + rng.normal(0, 0.5, digits.shape).astype(np.float32) for _ in range(6)]
        maps(np.concatenate(several)[:10_000], 1)
    grids()
    alignments()
    evolutions(digits)
    if given.photos:
        codes(given.photos)


if __name__ == "__main__":
    main()
