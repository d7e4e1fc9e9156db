"""Style transfer against neural-style-pt: `python bench/style.py SHARED [--presets SIZE | --large SIZE]`.

SHARED is the folder of data and models. The judge is `bench/style_judge.py` there: fixed fp32 losses of VGG16,
Tübingen in the manner of the Starry Night. Times are multiples of its calibration loop, measured just before, so that
they can be compared with another machine's. The time is that of the whole call; the points of the curve on the way are
judged outside of it. Memory is that of a process of its own.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

import convscope as cs

STEPS = 10  # of the large picture
CONTENT, STYLE = "tubingen.jpg", "starry_night_google.jpg"
PAINTINGS = ("starry_night_google.jpg", "the_scream.jpg", "shipwreck.jpg")
SOURCES = ("convscope", "gatys2015", "gatys2016", "neural-style", "crowson")


class Bench:
    """The data, the network and the judge."""

    def __init__(self, shared: Path) -> None:
        self.pictures, self.weights = shared / "data/style", shared / "models/vgg16-features.safetensors"
        self.curve = json.loads((shared / "bench/neural-style-pt.json").read_text())["curve"]
        spec = importlib.util.spec_from_file_location("style_judge", shared / "bench/style_judge.py")
        assert spec is not None and spec.loader is not None
        self.judging: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.judging)

    def network(self) -> cs.Network:
        """VGG16's convolutions."""
        return cs.load("torchvision:vgg16", weights=str(self.weights))

    def judged(self, picture: np.ndarray) -> tuple[float, float]:
        """Content and style of a picture (H, W, 3) from 0 to 1."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "made.png"
            PIL.Image.fromarray(np.rint(picture.clip(0, 1) * 255).astype(np.uint8)).save(path)
            found = self.judging.judge(path, self.pictures / CONTENT, self.pictures / STYLE, self.weights)
        return found["content"], found["style"]

    def loop(self) -> float:
        """Seconds of the calibration loop."""
        return float(self.judging.calibrate(self.weights))

    def style(self, net: cs.Network, painting: str = STYLE, **knobs: Any) -> cs.Stylized:
        """Tübingen in the style of a painting."""
        return cs.style(net, self.pictures / CONTENT, self.pictures / painting, **knobs)


def curve(bench: Bench) -> None:
    """Print how good the picture is after how long, beside neural-style-pt's last point."""
    net, points, spent = bench.network(), [], [0.0]
    bench.style(net, size=128, steps=1)  # what a process does once
    loop = bench.loop()
    start = time.perf_counter()

    def watch(step: int, total: int, preview: object) -> None:
        begun = time.perf_counter()
        if step % 20 == 0 or step == total:
            points.append((step, begun - start - spent[0], np.array(preview)))
        spent[0] += time.perf_counter() - begun

    with cs.listening(watch):
        made = bench.style(net)
    whole = time.perf_counter() - start - spent[0]
    print(
        f"calibration loop {loop:.2f} s\n\n| step | longer side | multiples | content | style |\n|---|---|---|---|---|"
    )
    for step, seconds, picture in [*points[:-1], (points[-1][0], whole, made.image)]:
        content, style = bench.judged(picture)
        print(f"| {step} | {max(picture.shape)} | {seconds / loop:.2f} | {content:.3f} | {style:.3f} |", flush=True)
    last = bench.curve[-1]
    theirs = f"| 512 | {last['multiples']:.2f} | {last['content']:.3f} | {last['style']:.3f} |"
    print(f"| neural-style-pt, {last['step']} {theirs}")
    print(f"\ntorch {torch.__version__}, Python {platform.python_version()}, {torch.get_num_threads()} threads")


def large(bench: Bench, size: int) -> None:
    """Print the time of ten steps on a large picture, and the peak of memory of this process."""
    net = bench.network()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start = time.perf_counter()
    made = bench.style(net, size=size, scales=1, steps=STEPS)
    took = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    height, width = made.image.shape[:2]
    loop = bench.loop()
    told = f"{took / loop:.1f} | {peak:.2f} | {before:.2f}"
    print(f"| {width} × {height}, {STEPS} steps | {told} | {made.evidence.get('tiles', 'none')} |", flush=True)


def presets(bench: Bench, folder: Path, size: int) -> None:
    """Write what every preset makes of every painting, and print its judgement; this takes an hour and more."""
    net = bench.network()
    folder.mkdir(exist_ok=True)
    print("| preset | painting | seconds | content | style |\n|---|---|---|---|---|")
    for source in SOURCES:
        for painting in PAINTINGS:
            start = time.perf_counter()
            made = bench.style(net, painting, preset=source, size=size)
            took = time.perf_counter() - start
            made.save(folder / f"{source}-{Path(painting).stem}.png")
            content, style = bench.judged(made.image) if painting == STYLE else (float("nan"), float("nan"))
            print(f"| {source} | {painting} | {took:.0f} | {content:.3f} | {style:.3f} |", flush=True)


def main(words: list[str]) -> None:
    """The tables of `bench/README.md`."""
    warnings.simplefilter("ignore")
    bench = Bench(Path(words[0]))
    if "--presets" in words:
        return presets(bench, Path("styles"), int(words[-1]))
    if "--large" in words:
        return large(bench, int(words[-1]))
    curve(bench)
    print("\n| picture | multiples | peak, GiB | before, GiB | tiles |\n|---|---|---|---|---|", flush=True)
    subprocess.run([sys.executable, "-W", "ignore", __file__, words[0], "--large", "2048"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
