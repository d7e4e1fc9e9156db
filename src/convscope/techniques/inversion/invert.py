"""What a layer still holds of an image: a picture made anew from its activations alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ...base.image import Image, open_image
from ...base.unit import UnitLike
from ...contract.subjects import Given
from ...contract.technique import technique
from ...execution.features import Precision, looking
from ...network.network import Network
from ...results.synthesis import Inversion
from ..common_knobs import Seed
from .layers import read_depths
from .run import InversionRun, InversionSetup, Inverted
from .target import INVERSION_PRESETS, InversionPresetName, natural, squares

_OTHERS = ("sample:coffee", "sample:rocket")  # one of them is another photo than the image

Steps = Annotated[int, Field(ge=1, le=100_000)] | Literal["auto"]
Weight = Annotated[float, Field(ge=0, le=1e6)] | Literal["auto"]


@technique(resumes=True, layer=Given(read_depths))
def invert(
    net: Network,
    image: Image,
    layer: UnitLike | Sequence[UnitLike],
    *,
    preset: Annotated[
        InversionPresetName,
        Field(description="mahendran: pixels, and weights that stay, as in the paper; convscope: ours"),
    ] = "convscope",
    steps: Annotated[Steps, Field(description="steps of ascent a layer; auto: the preset's own")] = "auto",
    smoothness: Annotated[
        Weight, Field(description="weight of total variation; at 1 a photo's counts 1 to 5; auto: the preset's")
    ] = "auto",
    range: Annotated[
        Weight, Field(description="weight of the norm that keeps off black and white; auto: the preset's own")
    ] = "auto",
    seed: Seed = 0,
    precision: Annotated[Precision, Field(description="auto: bf16 where the processor is fast at it")] = "auto",
) -> Inversion:
    """Make an image anew from what a layer holds of it.

    Mahendran and Vedaldi 2015, "Understanding deep image representations by inverting them": from noise, the picture x
    of the least ‖Φ(x) − Φ₀‖² / ‖Φ₀‖² + `smoothness` · total variation + `range` · mean |x|⁶. Where it differs from the
    image, the layer has forgotten. `layer` is one layer, several with ; between them or in a list, or `depth`: six from
    shallow to deep. Ours paints a pyramid, with regularizers that fade with the error; `mahendran` pixels, with some
    that stay, and Adam instead of the paper's momentum. `values` (n,) are the relative errors of the pictures as
    returned, rounded to 8 bits, in full precision; the evidence has those of the first picture and of another photo,
    too. Cancelled, the result holds the best so far of the layers begun; with `cs.checkpoint(folder)` a stopped run
    goes on. Raises BadKnob for a layer that is zero everywhere, ForwardFailed for one without a gradient.
    """
    depths, seen = read_depths(net, layer), net.see(image)
    settings = INVERSION_PRESETS[preset]
    settings = settings if steps == "auto" else dataclasses.replace(settings, steps=steps)
    smooth, within = (settings.weight if weight == "auto" else weight for weight in (smoothness, range))
    setup = InversionSetup(net, seen, settings, natural(smooth, within, net.preprocessing.size), seed, precision)
    run = InversionRun(setup, depths.layers)
    with looking(net, depths.layers, precision):
        run.carry_out()
        made = run.inverted
    values = np.array([_error(net, one.layer, seen, one.picture) for one in made], np.float32)
    return Inversion(
        values=values, unit=depths.unit, network=net.name,
        evidence={"steps": settings.steps, **_measures(net, seen, made, values), **_troubles(made),
                  **run.work.evidence, **net.preprocessing.told(image)},
        images=(np.stack([one.picture for one in made]) / 255).astype(np.float32),
        layers=tuple(one.layer for one in made), seen=seen,
    )  # fmt: skip


def _error(net: Network, layer: str, seen: NDArray[np.uint8], picture: NDArray[np.uint8]) -> float:
    """The relative error of a picture, by the network as it is."""
    with torch.no_grad():
        own, other = (net.read(net.feed(pixels), layer)[layer].double() for pixels in (seen, picture))
    return float(squares(other - own) / squares(own))


def _measures(
    net: Network, seen: NDArray[np.uint8], made: list[Inverted], values: NDArray[np.float32]
) -> dict[str, Any]:
    """What a reader needs to know whether an error is small: those of noise, and of another photo."""
    name, photo = next((n, p) for n in _OTHERS if not np.array_equal(p := net.see(open_image(n)), seen))
    return {
        "errors": dict(zip((one.layer for one in made), values.tolist(), strict=True)),
        "start": [_error(net, one.layer, seen, one.start) for one in made],
        "another_photo": name,
        "of_another_photo": [_error(net, one.layer, seen, photo) for one in made],
    }


def _troubles(made: list[Inverted]) -> dict[str, Any]:
    told = {}
    broken = [f"step {one.broken} of {one.layer}" for one in made if one.broken]
    if broken:
        told["not_finite"] = f"numbers were not finite at {', '.join(broken)}: the best picture before is kept"
    stuck = [one.layer for one in made if one.stuck and not one.broken]
    if stuck:
        told["unmoved"] = f"no slope leads from noise to {', '.join(stuck)}: those pictures show nothing of the image"
    return told
