"""DeepDream against a plain loop, its memory and its seams: `python bench/dream.py [WEIGHTS]`, with nothing else busy.

WEIGHTS is a file with VGG16's weights; without one they are random, which is as fast. The plain loop is the one people
write after the notebook of 2015: a hook, the whole network to its end, parameters that take gradients, the default
layout, fp32. The two take turns; the figure is the median of their ratios. Memory is that of a process of its own.
"""

from __future__ import annotations

import platform
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F

import convscope as cs
from convscope.techniques.dream.octaves import Octaves

PAIRS = 3
PHOTO = "sample:astronaut"
LAYER = "features.22"  # relu4_3
SIZE, LARGE = 512, 2048
OCTAVES, SCALE, STEPS, RATE, JITTER = 4, 1.4, 10, 1.5, 32


def vgg16(weights: str | None) -> cs.Network:
    """The network."""
    return cs.load("torchvision:vgg16", weights=weights)


def plain(net: cs.Network) -> np.ndarray:
    """The notebook's loop, in PyTorch."""
    module = net.module.eval()
    seen: list[torch.Tensor] = []
    hook = module.get_submodule(LAYER).register_forward_hook(lambda _m, _x, out: seen.append(out.clone()))
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (net.preprocessing.mean, net.preprocessing.std))
    pixels = torch.from_numpy(cs.open_image(PHOTO).pixels.copy()).permute(2, 0, 1)[None] / 255
    sides = [round(SIZE / SCALE**k) for k in reversed(range(OCTAVES))]
    detail = torch.zeros(1, 3, sides[0], sides[0])
    rng = np.random.default_rng(0)
    for side in sides:
        base = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
        x = base + F.interpolate(detail, (side, side), mode="bilinear")
        for _ in range(STEPS):
            shift = tuple(rng.integers(-JITTER, JITTER + 1, 2).tolist())
            leaf = ((x.roll(shift, (2, 3)) - mean) / std).requires_grad_()
            seen.clear()
            module(leaf)
            seen[0].square().mean().backward()
            assert leaf.grad is not None
            slope = leaf.grad.roll((-shift[0], -shift[1]), (2, 3))
            x = (x + RATE / 255 * slope / slope.abs().mean()).clamp(0, 1).detach()
        detail = x - base
    hook.remove()
    return x.numpy()


def ours(net: cs.Network, size: int = SIZE, **knobs: object) -> cs.Dream:
    """The same with convscope, at its defaults."""
    return cs.dream(net, PHOTO, LAYER, size=size, octaves=OCTAVES, **knobs)


def seconds(work: object, net: cs.Network) -> float:
    """How long one takes."""
    start = time.perf_counter()
    work(net)  # type: ignore[operator]
    return time.perf_counter() - start


def large(weights: str | None) -> None:
    """Dream at 2048 pixels, and print the peak of memory and what is seen of the borders."""
    net = vgg16(weights)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    with borders(LARGE) as lines:
        found = ours(net, LARGE)
    took = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent = f"{took:.0f} s, peak {peak / 2**20:.2f} GiB (with the network loaded: {before / 2**20:.2f})"
    jump = f"{seams(found, lines):.3f}×"
    work = f"VGG16 {LAYER}, {LARGE} px, {OCTAVES} octaves × {STEPS} steps"
    print(f"| {work} | {spent} | {found.evidence['tiles']} | {jump} |")


@contextmanager
def borders(side: int) -> Iterator[tuple[set[int], set[int]]]:
    """The rows and the columns of a picture of this side that begin a tile at some step inside the block."""
    lines: tuple[set[int], set[int]] = (set(), set())
    slopes = Octaves._slopes

    def watched(self: Any, pictures: torch.Tensor, redirect: bool) -> Any:
        rng = torch.Generator()
        rng.set_state(self._ascent.rngs[0].get_state())
        shifts = torch.randint(-JITTER, JITTER + 1, (2,), generator=rng).tolist()  # as the step itself will draw them
        places = torch.rand(2, generator=rng).tolist()
        if pictures.shape[-1] == side:
            for axis in (0, 1):
                spans = self.goal.tiling.spans(axis, side, places[axis])
                lines[axis].update((span.first - shifts[axis]) % side for span in spans[1:])
        return slopes(self, pictures, redirect)

    with patch.object(Octaves, "_slopes", watched):
        yield lines


def seams(found: cs.Dream, lines: tuple[set[int], set[int]]) -> float:
    """The mean jump of what was changed across borders of tiles, over the mean jump elsewhere; the worse direction."""
    change = found.image - found.original.astype(np.float32) / 255
    ratios = []
    for axis in (0, 1):
        jumps = np.abs(np.diff(change, axis=axis)).mean(axis=(1 - axis, 2))
        at = np.array(sorted(lines[axis] - {0})) - 1
        ratios.append(float(jumps[at].mean() / np.delete(jumps, at).mean()))
    return max(ratios)


def main(weights: str | None) -> None:
    """Print the tables of `bench/README.md`."""
    warnings.simplefilter("ignore")
    print("| work | time, memory | tiles | mean jump across borders, over that elsewhere |")
    print("|---|---|---|---|", flush=True)
    words = [sys.executable, "-W", "ignore", __file__, "--large", *([weights] if weights else [])]
    subprocess.run(words, check=True)  # first: a process begins with the peak of the one that started it
    net = vgg16(weights)
    times = [(seconds(plain, net), seconds(ours, net)) for _ in range(PAIRS)]
    a, b = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(x / y for x, y in times)
    print("\n| work | plain loop, s | convscope, s | ratio |")
    print("|---|---|---|---|")
    print(f"| VGG16 {LAYER}, {SIZE} px, {OCTAVES} octaves × {STEPS} steps | {a:.1f} | {b:.1f} | {ratio:.2f}× |")
    print(f"\ntorch {torch.__version__}, Python {platform.python_version()}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word != "--large"]
    (large if "--large" in sys.argv else main)(given[0] if given else None)
