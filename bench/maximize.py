"""Feature visualization against Lucent, in one run: `python bench/maximize.py PHOTOS`. Run it with nothing else busy.

Twenty classes of lite0 at 224 pixels, judged by lite1 and lite2, which took no part; and 32 channels of a middle layer,
by the largest activation in the picture over the largest in PHOTOS (a zip or folder). The two take turns, a few units
at a time, so that a machine whose speed drifts slows both. Lucent gets the network's own normalization as its last
transform, and its pictures of earlier steps are looked at on the way. Memory is that of a process of its own.

`python bench/maximize.py PHOTOS --looks FOLDER [PRESET …]` instead tells how burned the pictures of the guide's eight
classes look, beside PHOTOS', and writes them into FOLDER; without Lucent where it is not installed.
"""

from __future__ import annotations

import functools
import importlib.util
import platform
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from looks import COLUMNS, Looks

import convscope as cs
from convscope.optimize import photo_spectrum as spectra

CLASSES = [1, 63, 107, 145, 207, 254, 281, 292, 309, 323, 388, 417, 440, 483, 511, 604, 671, 817, 933, 950]
LAYER, CHANNELS = "blocks.3.0.bn1.drop", range(32)
OURS, THEIRS = (48, 96, 144), (32, 64, 128)  # steps
CHANNEL_STEPS = 64
SIZE = 224
GUIDE = [1, 207, 281, 292, 323, 388, 817, 933]  # goldfish, retriever, tabby, tiger, monarch, panda, car, cheeseburger


def main(photos: str) -> None:
    """Print the tables."""
    warnings.simplefilter("ignore")
    # first: a process begins with the peak of the one that started it
    print(f"peak memory of maximize, 16 classes at {SIZE} px: {peak():.2f} GB\n", flush=True)
    net, judges = cs.load("lite0"), [cs.load("lite1"), cs.load("lite2")]
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {torch.get_num_threads()} threads\n")
    classes(net, judges)
    channels(net, photos)


def classes(net: cs.Network, judges: list[cs.Network]) -> None:
    """Quality over time of both."""
    seconds: dict[str, float] = defaultdict(float)
    ranks: dict[str, list[list[int]]] = defaultdict(list)
    for start in range(0, len(CLASSES), 4):
        group = CLASSES[start : start + 4]
        for steps in OURS:
            begun = time.perf_counter()
            found = cs.maximize(net, [f"logits:{c}" for c in group], steps=steps)
            name = f"convscope, {steps} steps"
            seconds[name] += time.perf_counter() - begun
            ranks[name] += [standing(judges, p, c) for p, c in zip(found.images, group, strict=True)]
        for c in group:
            begun = time.perf_counter()
            pictures = lucent(net, f"classifier:{c}")
            took = time.perf_counter() - begun
            for steps, picture in zip(THEIRS, pictures, strict=True):
                seconds[f"Lucent, {steps} steps"] += took * steps / THEIRS[-1]
                ranks[f"Lucent, {steps} steps"].append(standing(judges, picture, c))
    base = seconds[f"Lucent, {THEIRS[-1]} steps"]
    header("20 classes", "s an image", "of Lucent's time", "top-1 lite1", "top-1 lite2", "median rank")
    for name, told in ranks.items():
        first = [sum(r[i] == 1 for r in told) / len(told) for i in range(2)]
        middle = "/".join(f"{np.median([r[i] for r in told]):g}" for i in range(2))
        took = f"{seconds[name] / 20:.2f} | {seconds[name] / base:.2f}"
        print(f"| {name} | {took} | {first[0]:.2f} | {first[1]:.2f} | {middle} |")


def channels(net: cs.Network, photos: str) -> None:
    """Values of a middle layer's channels over what photos reach."""
    with tempfile.TemporaryDirectory() as folder:
        scan = cs.scan(net, photos, folder, layers=LAYER, top=1)
        most = [scan.statistics(f"{LAYER}:{c}")["max"] for c in CHANNELS]
    pictures: dict[str, list[Any]] = {"convscope": [], "Lucent": []}
    seconds = {"convscope": 0.0, "Lucent": 0.0}
    for start in range(0, len(CHANNELS), 4):
        group = CHANNELS[start : start + 4]
        begun = time.perf_counter()
        found = cs.maximize(net, [f"{LAYER}:{c}" for c in group], steps=CHANNEL_STEPS)
        seconds["convscope"] += time.perf_counter() - begun
        pictures["convscope"] += list(found.images)
        for c in group:
            begun = time.perf_counter()
            pictures["Lucent"].append(lucent(net, f"{LAYER.replace('.', '_')}:{c}")[-1])
            seconds["Lucent"] += time.perf_counter() - begun
    print()
    header(f"32 channels of {LAYER}", "s an image", "of Lucent's time", "peak over maximum", "mean of the map")
    for name, painted in pictures.items():
        maps = [
            net.read(net.prepare(as_bytes(p)), LAYER)[LAYER][0, c].numpy()
            for p, c in zip(painted, CHANNELS, strict=True)
        ]
        ratio = np.mean([m.max() / top for m, top in zip(maps, most, strict=True)])
        took = seconds[name] / len(CHANNELS), seconds[name] / seconds["Lucent"]
        print(f"| {name} | {took[0]:.2f} | {took[1]:.2f} | {ratio:.2f} | {np.mean([m.mean() for m in maps]):.2f} |")


def looks(photos: str, folder: Path, presets: list[str]) -> None:
    """How pictures of each preset look, what Lucent's look like, and what photos do."""
    warnings.simplefilter("ignore")
    net, judges = cs.load("lite0"), [cs.load("lite1"), cs.load("lite2")]
    real = spectra.photos(photos)
    header("8 classes", *COLUMNS, "spectrum distance", "top-1 lite1", "top-1 lite2")
    folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Any] = {f"convscope, {name}": functools.partial(ours, net, name) for name in presets}
    if importlib.util.find_spec("lucent"):
        makers[f"Lucent, {THEIRS[-1]} steps"] = lambda: np.stack([lucent(net, f"classifier:{c}")[-1] for c in GUIDE])
    for name, make in makers.items():
        made = make()
        PIL.Image.fromarray(contact(made)).save(folder / f"{name.replace(', ', '-')}.png")
        ranks = np.array([standing(judges, picture, c) for picture, c in zip(made, GUIDE, strict=True)])
        first = " | ".join(f"{share:.2f}" for share in (ranks == 1).mean(0))
        print(f"| {name} | {Looks.of(made)} | {spectra.distance(made, real).mean():.2f} | {first} |", flush=True)
    shown = np.stack([np.asarray(square(one), np.float32) / 255 for one in real])
    print(f"| {len(real)} photos | {Looks.of(shown)} | {spectra.distance(shown, real).mean():.2f} | | |")


def ours(net: cs.Network, preset: Any) -> np.ndarray:
    """The guide's eight classes by a preset."""
    groups = [GUIDE[:4], GUIDE[4:]]
    return np.concatenate([cs.maximize(net, [f"logits:{c}" for c in group], preset=preset).images for group in groups])


def contact(pictures: np.ndarray) -> np.ndarray:
    """Two rows of four."""
    rows = [np.concatenate(list(row), 1) for row in (pictures[:4], pictures[4:])]
    return as_bytes(np.concatenate(rows, 0))


def square(photo: cs.Image) -> PIL.Image.Image:
    """The middle of a photo, at the size of the pictures."""
    return PIL.ImageOps.fit(photo.pil().convert("RGB"), (SIZE, SIZE), PIL.Image.Resampling.BICUBIC)


def header(*names: str) -> None:
    """The first two lines of a table."""
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")


def lucent(net: cs.Network, objective: str) -> list[np.ndarray]:
    """Lucent's pictures after some steps, by its own defaults at 224 pixels."""
    from lucent.optvis import param, render, transform

    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (net.preprocessing.mean, net.preprocessing.std))
    pictures = render.render_vis(
        net.module.eval(), objective, param_f=lambda: param.image(SIZE, fft=True, decorrelate=True),
        transforms=[*transform.standard_transforms, lambda x: (x - mean) / std], preprocess=False,
        thresholds=THEIRS, show_image=False, progress=False,
    )  # fmt: skip
    for part in net.module.modules():  # it never removes its hooks
        part._forward_hooks.clear()
    return [picture[0] for picture in pictures]


def as_bytes(picture: np.ndarray) -> np.ndarray:
    """A picture from 0 to 1 as it would be saved."""
    return np.rint(picture.clip(0, 1) * 255).astype(np.uint8)


def standing(judges: list[cs.Network], picture: np.ndarray, index: int) -> list[int]:
    """The rank of a class for each judge, 1 for the most probable."""
    ranks = []
    for judge in judges:
        with torch.no_grad():
            scores = judge.module(judge.prepare(as_bytes(picture)))[0]
        ranks.append(int((scores > scores[index]).sum()) + 1)
    return ranks


def peak() -> float:
    """Gigabytes at most while 16 pictures are painted, in a process of its own."""
    code = "import sys; sys.path.insert(0, 'bench'); import maximize; maximize.sixteen()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    return float(done.stdout.split()[-1])


def sixteen() -> None:
    """Paint 16 classes for a few steps, and print this process's peak memory."""
    cs.maximize(cs.load("lite0"), [f"logits:{c}" for c in CLASSES[:16]], steps=8)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


if __name__ == "__main__":
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 — Lucent draws from it
    words = sys.argv[1:] or ["samples"]
    if "--looks" in words:
        looks(words[0], Path(words[2]), words[3:] or ["natural", "convscope"])
    else:
        main(words[0])
