"""Gradients against Captum's, in one run: `python bench/saliency.py`. Run it with nothing else busy.

Both go from an opened photo to NumPy values, with the same module; the photo is prepared in every call, by the same
code. The two take turns, so that a machine whose speed drifts slows both; the figure is the median of their ratios.
"""

from __future__ import annotations

import platform
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import captum
import numpy as np
import torch
from captum.attr import GuidedBackprop, NeuronGradient, Saliency

import convscope as cs

PAIRS = 30
PHOTO = cs.open_image("sample:cat")
Work = Callable[[], np.ndarray]


def logit(name: str, weights: str | None, index: int = 281) -> tuple[Work, Work]:
    """Saliency of a class score."""
    net = cs.load(name, weights=weights)
    peer = Saliency(net.module)
    return (
        lambda: peer.attribute(given(net), target=index, abs=False)[0].numpy(),
        lambda: cs.saliency(net, PHOTO, f"logits:{index}").values,
    )


def neuron(name: str, weights: str | None, layer: str) -> tuple[Work, Work]:
    """The gradient of one neuron in the middle of a network."""
    net = cs.load(name, weights=weights)
    peer = NeuronGradient(net.module, net.module.get_submodule(layer))
    return (
        lambda: peer.attribute(given(net), (7, 5, 5))[0].detach().numpy(),
        lambda: cs.saliency(net, PHOTO, f"{layer}:7@5,5").values,
    )


def guided(name: str, weights: str | None, index: int = 281) -> tuple[Work, Work]:
    """Guided backpropagation of a class score."""
    net = cs.load(name, weights=weights)
    peer = GuidedBackprop(net.module)
    return (
        lambda: peer.attribute(given(net), target=index)[0].numpy(),
        lambda: cs.guided_backprop(net, PHOTO, f"logits:{index}").values,
    )


def given(net: cs.Network) -> Any:
    """The prepared photo."""
    return net.prepare(PHOTO)


ROWS: dict[str, Callable[[], tuple[Work, Work]]] = {
    "saliency, lite0, class score": lambda: logit("lite0", "DEFAULT"),
    "saliency, lite0, neuron of `blocks.2`": lambda: neuron("lite0", "DEFAULT", "blocks.2"),
    "saliency, resnet18, class score": lambda: logit("torchvision:resnet18", None),
    "saliency, vgg16, class score": lambda: logit("torchvision:vgg16", None),
    "guided backprop, resnet18, class score": lambda: guided("torchvision:resnet18", None),
}


def measure(theirs: Work, ours: Work) -> tuple[float, float, float, float]:
    """Median milliseconds of both, the median of their ratios, and the largest difference over the largest value."""
    expected, got = theirs(), ours()
    for _ in range(3):
        theirs(), ours()
    times = [(_milliseconds(theirs), _milliseconds(ours)) for _ in range(PAIRS)]
    a, b = (statistics.median(column) for column in zip(*times, strict=True))
    return a, b, statistics.median(x / y for x, y in times), float(abs(expected - got).max() / abs(expected).max())


def _milliseconds(work: Work) -> float:
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    """Print the table of `bench/README.md`."""
    warnings.simplefilter("ignore")
    print("| work, 224 px, one photo | Captum, ms | convscope, ms | ratio | largest relative difference |")
    print("|---|---|---|---|---|")
    for name, make in ROWS.items():
        theirs, ours, ratio, difference = measure(*make())
        print(f"| {name} | {theirs:.1f} | {ours:.1f} | {ratio:.2f}× | {difference:.0e} |")
    versions = f"torch {torch.__version__}, captum {captum.__version__}, Python {platform.python_version()}"
    print(f"\n{versions}, {torch.get_num_threads()} threads, {PAIRS} pairs")


if __name__ == "__main__":
    main()
