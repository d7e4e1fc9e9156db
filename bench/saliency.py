"""Saliency on lite0 against Captum's, in one run: `python bench/saliency.py`. Run it with nothing else busy.

The two take turns, so that a machine whose speed drifts slows both; the figure is the median of their ratios.
Captum is given the prepared tensor; convscope opens and prepares nothing either, but makes its whole result.
"""

from __future__ import annotations

import platform
import statistics
import time
import warnings
from collections.abc import Callable

import captum
import torch
from captum.attr import Saliency

import convscope as cs

PAIRS = 40
UNIT = "logits:281"


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print one row of the table in `bench/README.md`."""
    warnings.simplefilter("ignore")
    net, image = cs.load("lite0"), cs.open_image("sample:cat")
    x = net.prepare(image).contiguous()  # the default layout, as a user of Captum has it
    peer = Saliency(net.module)

    def theirs() -> object:
        return peer.attribute(x, target=281, abs=False)

    def ours() -> object:
        return cs.saliency(net, image, UNIT)

    difference = abs(cs.saliency(net, image, UNIT).values - peer.attribute(x, target=281, abs=False)[0].numpy()).max()
    for _ in range(5):
        theirs(), ours()
    times = [(seconds(theirs), seconds(ours)) for _ in range(PAIRS)]
    ratio = statistics.median(a / b for a, b in times)
    captum_ms, ours_ms = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"captum {captum_ms:.1f} ms, convscope {ours_ms:.1f} ms, ratio {ratio:.2f}, largest difference {difference:.1e}"
    )
    print(
        f"torch {torch.__version__}, captum {captum.__version__}, Python {platform.python_version()}, "
        f"{torch.get_num_threads()} threads"
    )


if __name__ == "__main__":
    main()
