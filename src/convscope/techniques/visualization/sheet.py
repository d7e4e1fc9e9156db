"""A whole layer as one contact sheet of what its channels want to see."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from pydantic import Field

from ...base.errors import UnknownUnit
from ...base.pixels import in_colors, to_bytes
from ...base.unit import Unit
from ...contract.technique import technique
from ...execution.features import Precision
from ...network.network import Network
from ...optimize.objective import Excite, Objective
from ...results.synthesis import Sheet
from ...scan.result import Scan
from ...scan.subject import AScan, scan_of
from ..common_knobs import BatchSize, Seed
from ..inspection.patches import patches
from .batch import VisualizationSetup
from .batches import VisualizationBatches
from .maximize import sides
from .presets import PRESETS, PresetName
from .run import VisualizationRun

_SIDE = 64  # of a patch, in pixels


@technique(resumes=True)
def sheet(
    net: Network,
    layer: str,
    *,
    channels: Annotated[int, Field(ge=1, le=65536, description="channels to show, the first in order")] = 64,
    start: Annotated[int, Field(ge=0, description="the first channel that is shown")] = 0,
    preset: Annotated[
        PresetName,
        Field(description="the recipe, named by its paper; natural: ours; convscope: our first, burned"),
    ] = "natural",
    steps: Annotated[int, Field(ge=1, le=100_000, description="steps of ascent a picture")] = 64,
    size: Annotated[
        int, Field(ge=1, le=4096, description="side of the pictures, at most what the network takes")
    ] = 128,
    scan: Annotated[AScan, Field(description="folder of a scan, for rows of top patches beside the pictures")] = "",
    top: Annotated[int, Field(ge=1, le=9, description="patches a channel, where there is a scan")] = 3,
    seed: Seed = 0,
    batch_size: BatchSize = "auto",
    precision: Annotated[Precision, Field(description="auto: bf16 where the processor is fast at it")] = "auto",
) -> Sheet:
    """Paint what each channel of a layer wants to see, as one sheet.

    Olah et al. 2017, "Feature visualization"; OpenAI's Microscope showed whole layers so. Pictures are made a few at a
    time, each as `maximize` makes it. With `cs.checkpoint(folder)` the sheet goes on where it was stopped, channel by
    channel, with the same bytes; cancelled, it holds what is there. Raises UnknownUnit for a first channel beyond the
    last, BadKnob as `maximize` does.
    """
    seen, units = scan_of(net, scan), net.layers[layer].units
    if start >= units:
        raise UnknownUnit(f"start must be below {units}, the number of channels of {layer}, not {start}.")
    shown = np.arange(start, min(start + channels, units))
    chosen = dataclasses.replace(PRESETS[preset], steps=steps)
    most = min(net.preprocessing.size)
    setup = VisualizationSetup(net, chosen, sides(net, min(size, most)), seed=seed, precision=precision)
    wanted = tuple(Objective(((1.0, Excite(Unit(layer, int(channel)))),)) for channel in shown)
    run = VisualizationRun(VisualizationBatches(setup, wanted, batch_size=batch_size))
    painted = run.paint()
    pictures = to_bytes(np.concatenate([one.images for one in painted]).transpose(0, 2, 3, 1))
    driven = np.concatenate([one.driven for one in painted])
    shown = shown[: len(pictures)]
    evidence: dict[str, Any] = {"steps": steps, "channels": units, **run.work.evidence}
    if not driven.all():
        evidence["undriven"] = f"could not be raised: channels {', '.join(map(str, shown[~driven]))}"
    return Sheet(
        values=np.concatenate([one.values for one in painted]), unit=Unit(layer), network=net.name, evidence=evidence,
        shown=shown, images=in_colors(pictures), driven=driven,
        patches=_patches(net, seen, layer, shown, top),
    )  # fmt: skip


def _patches(net: Network, scan: Scan | None, layer: str, shown: NDArray[np.int64], top: int) -> NDArray[np.uint8]:
    """The top patches of each channel, (n, top, side, side, 3), white where there are fewer."""
    if scan is None:
        return np.zeros((len(shown), 0, _SIDE, _SIDE, 3), np.uint8)
    found = np.full((len(shown), top, _SIDE, _SIDE, 3), 255, np.uint8)
    for row, channel in zip(found, shown, strict=True):
        crops = patches(net, scan, f"{layer}:{channel}", top=top, projection="none").crops
        for place, crop in zip(row, crops, strict=False):
            place[:] = np.asarray(PIL.Image.fromarray(crop).resize((_SIDE, _SIDE), PIL.Image.Resampling.BICUBIC))
    return found
