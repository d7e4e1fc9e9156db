"""DeepDream: a picture in which whatever a layer sees in it is exaggerated, coarse to fine."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field

from ...base.errors import BadImage, BadKnob
from ...base.image import Image, open_image
from ...base.unit import Unit, spanning
from ...contract.images import naming
from ...contract.technique import technique
from ...execution.features import FeatureExtractor, Precision, looking, painting
from ...network.backward.gradient import VANISHED
from ...network.network import Network
from ...optimize import objective as terms
from ...optimize.objective import Excite, Objective, Term
from ...optimize.objective_subject import ObjectiveSubject
from ...optimize.objective_text import ObjectiveLike, objective
from ...optimize.resample import Travel, as_bytes, picture_to_pixels, resized, to_picture
from ...optimize.tiling import TiledObjective, Tiling, tiling
from ...results.synthesis import Dream
from ..common_knobs import Seed
from .guide import follow_guide
from .octaves import DreamSettings, Octaves, octave_sizes, sizes_taken
from .presets import DREAM_PRESETS, DreamPresetName

_LARGEST = 3  # by default, a dream is at most this many times as large as what the network takes

Auto: TypeAlias = Literal["auto"]
Size: TypeAlias = Annotated[int, Field(ge=16, le=8192)]
Tile: TypeAlias = Annotated[int, Field(ge=32, le=8192)]
Guide = Annotated[str, BeforeValidator(lambda given: str(given) if isinstance(given, Path) else given), naming()]


def read_dream(net: Network, given: ObjectiveLike) -> Objective:
    """What is to be raised, checked against the network: a whole layer stands for its dream."""
    found = objective(given, net.labels).resolved(net)
    made = Objective(tuple((weight, _dreamed(term)) for weight, term in found.terms))
    for _, term in made.terms:
        _check(term)
    return made


@technique(resumes=True, layer=ObjectiveSubject(read_dream))
def dream(
    net: Network,
    image: Image,
    layer: ObjectiveLike,
    *,
    preset: Annotated[
        DreamPresetName, Field(description="whose recipe: of those who began it, or of Keras' example")
    ] = "mordvintsev2015",
    octaves: Annotated[
        Annotated[int, Field(ge=1, le=16)] | Auto,
        Field(description="sizes the picture is dreamed at, coarse to fine; auto: the preset's, as in what follows"),
    ] = "auto",
    scale: Annotated[
        Annotated[float, Field(gt=1, le=4)] | Auto,
        Field(description="how much larger each octave is than the one before"),
    ] = "auto",
    steps: Annotated[
        Annotated[int, Field(ge=1, le=10_000)] | Auto, Field(description="steps of ascent an octave")
    ] = "auto",
    rate: Annotated[
        Annotated[float, Field(gt=0, le=255)] | Auto,
        Field(description="mean length of a step, in pixel values of 0 to 255"),
    ] = "auto",
    jitter: Annotated[
        Annotated[int, Field(ge=0, le=1024)] | Auto, Field(description="shift before each step, at most, in pixels")
    ] = "auto",
    highest: Annotated[
        Annotated[float, Field(ge=0)] | Auto, Field(description="an octave ends above this value; 0: never")
    ] = "auto",
    smoothing: Annotated[float, Field(ge=0, le=32, description="blur of gradients, in pixels; 0: none")] = 0.0,
    size: Annotated[
        Size | Literal["auto"],
        Field(description="longest side in pixels; auto: the image's, at most 3 times what the network takes"),
    ] = "auto",
    guide: Annotated[Guide, Field(description="a picture whose features the dream is to have; empty: none")] = "",
    tile: Annotated[
        Tile | Literal["auto"],
        Field(description="side in pixels of what is shown to the network at once; auto: by the memory it needs"),
    ] = "auto",
    frames: Annotated[int, Field(ge=0, le=10_000, description="frames of a zoom into the dream; 0: no video")] = 0,
    zoom: Annotated[float, Field(ge=0.5, le=2, description="how much nearer each frame is")] = 1.05,
    drift_x: Annotated[float, Field(ge=-1024, le=1024, description="shift to the right a frame, in pixels")] = 0.0,
    drift_y: Annotated[float, Field(ge=-1024, le=1024, description="shift downwards a frame, in pixels")] = 0.0,
    rotation: Annotated[float, Field(ge=-180, le=180, description="degrees a frame turns, clockwise")] = 0.0,
    seed: Seed = 0,
    precision: Annotated[Precision, Field(description="auto: bf16 where the processor has it")] = "auto",
) -> Dream:
    """Exaggerate in a picture whatever a layer sees in it.

    Mordvintsev et al. 2015, "Inceptionism: going deeper into neural networks"; the default preset is that of their
    code: the gradient of the layer's mean square over its mean magnitude, in four octaves that carry their detail on.
    `chollet-dream` is Keras' example of 2020, made for the layers mixed4 to mixed7 of Inception V3, weighted 1, 1.5, 2
    and 2.5: no jitter, no borders of maps, an end above a value of 15, and detail that comes back after each octave.
    `layer` is a layer, or a channel to raise, LAYER:5, or a sum with weights, `dream(LAYER) + 0.5*LAYER:5`. With a
    `guide`, each position is moved to that feature of the guide it is most like. Large pictures are dreamed in tiles
    without seams. With `frames`, each is the dream of the one before, seen from nearer, and `.save("dream.mp4")` writes
    a video. Cancelled, the result holds what is there; with `cs.checkpoint(folder)` a stopped run goes on. Raises
    BadImage for a guide smaller than what a neuron of the layer sees, BadKnob for a size the network cannot take,
    ForwardFailed for a layer without a gradient.
    """
    raised, led = read_dream(net, layer), _opened(guide)
    given: dict[str, Any] = {
        "octaves": octaves,
        "scale": scale,
        "steps": steps,
        "rate": rate,
        "jitter": jitter,
        "highest": highest,
    }
    chosen = replace(DREAM_PRESETS[preset], **{name: value for name, value in given.items() if value != "auto"})
    settings = DreamSettings(
        chosen.steps, chosen.rate, chosen.jitter, smoothing, frames, Travel(zoom, (drift_x, drift_y), rotation), seed,
        chosen.highest, chosen.late, chosen.clipped,
    )  # fmt: skip
    with looking(net, raised.layers, painting(net, precision)) as extractor:
        aim = _without_border(raised, chosen.border) if led is None else follow_guide(extractor, raised, led)
        sizes, rigid = _sizes(extractor, image, size, chosen.octaves, chosen.scale)
        start = resized(to_picture(image, net.preprocessing.channels, extractor.device), sizes[-1])
        windows = tiling(net, raised.layers, sizes[-1], tile, rigid)
        run = Octaves(TiledObjective(extractor, aim, windows), start, sizes, settings)
        run.carry_out()
        last, precise = run.image(), "bf16" if extractor.half else "fp32"
    frames_made = run.pictures or ([as_bytes(last)] if frames else [])
    return Dream(
        values=run.curve, unit=_unit(raised), network=net.name,
        evidence={"objective": str(aim), **_evidence(run, windows), "precision": precise},
        image=picture_to_pixels(last),
        original=as_bytes(start),
        frames=np.stack(frames_made) if frames_made else np.zeros((0, *sizes[-1], 3), np.uint8),
    )  # fmt: skip


def _dreamed(term: Term) -> Term:
    whole = isinstance(term, Excite) and term.unit.channel is None
    return terms.LayerEnergy(term.layer) if whole else term


def _without_border(raised: Objective, border: int) -> Objective:
    """The same, where so many positions at each side of the maps of dreams do not count."""
    if not border:
        return raised
    inner = ((w, replace(t, border=border) if isinstance(t, terms.LayerEnergy) else t) for w, t in raised.terms)
    return Objective(tuple(inner))


def _check(term: Term) -> None:
    """Refuse what has no meaning in pictures of any size, or in one picture."""
    fixed = isinstance(term, Excite) and term.unit.position is not None
    if fixed or not isinstance(term, Excite | terms.LayerEnergy | terms.Direction | terms.Above):
        raise BadKnob(
            f"layer must be layers, channels, classes or directions, not {term}, which does not mean the same at every "
            "size of the picture. Leave out a position; for other objectives there is maximize."
        )


def _opened(guide: str) -> Image | None:
    try:
        return open_image(guide) if guide else None
    except BadImage as error:
        raise BadImage(f"guide must be an image, not {guide!r}. {error}") from error


def _sizes(
    extractor: FeatureExtractor, image: Image, size: int | Literal["auto"], octaves: int, scale: float
) -> tuple[list[tuple[int, int]], bool]:
    """Height and width of each octave, and whether the network must be shown windows of its own size."""
    own = extractor.net.preprocessing.size
    longest = min(max(image.size), _LARGEST * max(own)) if size == "auto" else size
    found = sizes_taken(extractor, octave_sizes(_scaled(image, longest / max(image.size)), octaves, scale))
    if found:
        return found, False
    least = max(side / length for side, length in zip(own, image.size, strict=True))
    enlarged = max(longest / max(image.size), least) if size == "auto" else longest / max(image.size)
    found = octave_sizes(_scaled(image, enlarged), octaves, scale)
    found = [one for one in found if one[0] >= own[0] and one[1] >= own[1]]
    if not found:
        needed = math.ceil(least * max(image.size))
        raise BadKnob(
            f"size must be at least {needed} for this image, not {size}: {extractor.net.name} takes no other pictures "
            f"than {own[1]} × {own[0]} pixels, and is shown windows of that size. Or use auto."
        )
    return found, True


def _scaled(image: Image, factor: float) -> tuple[int, int]:
    height, width = (max(1, round(side * factor)) for side in image.size)
    return height, width


def _unit(raised: Objective) -> Unit:
    """What is raised, as far as it is one unit or layer."""
    if raised.unit is not None:
        return raised.unit
    return spanning(raised.layers)


def _ended_early(run: Octaves) -> dict[str, Any]:
    """Which octaves went no further because their value was high enough."""
    highest, found = run.settings.highest, list[str]()
    for number, values in enumerate(run.curve):
        taken = int(np.isfinite(values).sum())
        if highest and 0 < taken < len(values) and values[taken - 1] > highest:
            found.append(f"octave {number + 1} after {taken} of {len(values)} steps")
    return {"ended": f"above a value of {highest:g}: {', '.join(found)}"} if found else {}


def _evidence(run: Octaves, windows: Tiling) -> dict[str, Any]:
    height, width = run.sizes[-1]
    told: dict[str, Any] = {"octaves": [f"{w} × {h}" for h, w in run.sizes]}
    rows, columns = (len(windows.spans(axis, side, 0)) for axis, side in ((0, height), (1, width)))
    if rows * columns > 1:
        told["tiles"] = f"{rows} × {columns} in the last octave, shown with {windows.halo} pixels around each"
    if run.redirected:
        told["redirected"] = f"{run.redirected} first steps with redirected gradients, where the picture had none"
    if run.stuck:
        told["vanished"] = VANISHED
    told |= _ended_early(run)
    if run.broken:
        return {**told, "not_finite": f"numbers were not finite at {run.broken}: the picture before is kept"}
    return {**told, **run.work.evidence}
