"""What a unit wants to see: pictures that excite it most, painted from noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...base.errors import BadKnob, BadSource
from ...base.image import Image
from ...base.pixels import in_colors
from ...base.unit import Unit, spanning
from ...contract.knobs import Several
from ...contract.technique import technique
from ...execution.features import Precision
from ...network.network import Network
from ...optimize import photo_spectrum as spectra
from ...optimize.objective import Objective
from ...optimize.objective_subject import ObjectiveSubject
from ...optimize.objective_text import ObjectiveLike, objective
from ...results.synthesis import Maximized
from ...scan.subject import AScan, scan_of
from ..common_knobs import BatchSize, Seed
from .batch import Painted, VisualizationSetup
from .batches import VisualizationBatches
from .presets import CANVASES, PRESETS, CanvasName, PresetName, VisualizationPreset
from .run import VisualizationRun
from .validation import against_scan, judged, judges_named

_LEAST = 4  # the canvas may be this many times smaller than what the network takes
_AUTO = "auto: the preset's own"
_ELSEWHERE = (
    "networks that react to fainter changes, as most later ones, may give grey or fine texture instead of shapes"
)
_DEVELOPED = "the middle of each picture, stretched about its mean; values are of what it was before"

Steps = Annotated[int, Field(ge=1, le=100_000)] | Literal["auto"]
Size = Annotated[int, Field(ge=1, le=4096)] | Literal["auto"]


@dataclass(frozen=True)
class Wanted:
    """Objectives that a request names."""

    objectives: tuple[Objective, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.objectives))

    @property
    def unit(self) -> Unit:
        """What all have in common, as far as it is a unit."""
        units = [o.unit for o in self.objectives]
        if len(set(units)) == 1 and units[0] is not None:
            return units[0]
        return spanning(layer for o in self.objectives for layer in o.layers)


def read_objectives(net: Network, given: ObjectiveLike | Sequence[ObjectiveLike] | Wanted) -> Wanted:
    """One objective or several, checked against the network; text may hold several with ; between them."""
    if isinstance(given, Wanted):
        return given
    several: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    parts = [part for one in several for part in (one.split(";") if isinstance(one, str) else [one])]
    if not parts:
        raise BadKnob("unit must be at least one unit or objective, not an empty list. Name one, such as logits:281.")
    return Wanted(tuple(objective(part, net.labels).resolved(net) for part in parts))


@technique(resumes=True, unit=ObjectiveSubject(read_objectives))
def maximize(
    net: Network,
    unit: ObjectiveLike | Sequence[ObjectiveLike],
    *,
    preset: Annotated[
        PresetName,
        Field(description="the recipe, named by its paper; natural: ours; convscope: our first, burned"),
    ] = "natural",
    steps: Annotated[Steps, Field(description=f"steps of ascent; {_AUTO}")] = "auto",
    size: Annotated[Size, Field(description="side of the pictures in pixels; auto: what the network takes")] = "auto",
    canvas: Annotated[CanvasName, Field(description=f"what ascent changes; {_AUTO}")] = "auto",
    variants: Annotated[int, Field(ge=1, le=16, description="pictures of each unit, from other noise")] = 1,
    diversity: Annotated[float, Field(ge=0, description="how much the variants of a unit are to differ")] = 0.0,
    alpha: Annotated[bool, Field(description="pictures with an alpha channel: only what matters is opaque")] = False,
    spectrum: Annotated[str, Field(description="photos whose spectrum maco keeps; empty: the bundled ones")] = "",
    scan: Annotated[AScan, Field(description="folder of a scan, to compare with what photos give")] = "",
    judges: Annotated[
        str, Field(description="networks that say what they take a class for, such as lite1,lite2"), Several(",")
    ] = "",
    seed: Seed = 0,
    batch_size: BatchSize = "auto",
    precision: Annotated[Precision, Field(description="auto: bf16 where the processor is fast at it")] = "auto",
) -> Maximized:
    """Paint the picture that excites a unit most.

    Erhan et al. 2009; Simonyan et al. 2013 (preset simonyan); Yosinski et al. 2015 (yosinski1 to 4); Olah et al. 2017
    (lucid); Fel et al. 2023 (maco); Chollet 2020, Keras' example (chollet2020). `unit` is one unit or objective, or a
    list; as text, with ; between them: a unit, or sums of units with weights, `-1*UNIT` for what a unit avoids,
    dream(LAYER), direction(LAYER, NUMBERS), caricature(LAYER, IMAGE), above(logits:CLASS), inside(UNIT, BORDER);
    alignment(LAYER) and diversity(LAYER) compare a picture with all variants of its unit or, where there is one of
    each, with all pictures that are asked for, however few a pass takes. A channel's value is the mean over its map.
    Our preset keeps colors no stronger than in photos; what it and others give is measured in bench/README.md. A unit
    that cannot be driven is reported in `.driven`. Cancelled, the result holds the best so far. Raises BadKnob for a
    canvas much smaller than the network's input, ForwardFailed for a unit without a gradient. With
    `cs.checkpoint(folder)` a stopped run goes on.
    """
    wanted = read_objectives(net, unit)
    held_out, seen, photos = judges_named(judges), scan_of(net, scan), _photos(spectrum)
    apart = diversity if variants > 1 else 0.0
    chosen = _chosen(preset, steps, canvas)
    if alpha and chosen.developed:
        raise BadKnob(f"alpha must be off with preset {preset}, whose pictures are stretched. Choose another preset.")
    setup = VisualizationSetup(net, chosen, sides(net, size, chosen.side), photos, alpha, seed, precision, apart)
    batches = VisualizationBatches(setup, wanted.objectives, variants, batch_size)
    run = VisualizationRun(batches)
    painted = run.paint()
    images = _pictures(painted)
    asked = [piece.objective for piece in batches.pieces][: len(images)]
    driven = np.concatenate([one.driven for one in painted])
    units = [o.unit for o in asked]
    evidence = {**_labels(net, units), **_evidence(setup, painted, asked), **run.work.evidence}
    evidence |= {"spectrum_distance": spectra.distance(images, photos).tolist(), **_undriven(asked, driven)}
    evidence |= against_scan(net, seen, units, images) | judged(held_out, units, images)
    return Maximized(
        values=np.concatenate([one.values for one in painted]), unit=wanted.unit, network=net.name, evidence=evidence,
        images=images, objectives=tuple(map(str, asked)), driven=driven, curve=_curve(painted),
    )  # fmt: skip


def sides(net: Network, size: int | Literal["auto"], own: int | None = None) -> tuple[int, int]:
    """Height and width of a canvas; raises BadKnob for one much smaller than what the network takes.

    Left to choose, it is a preset's `own` side or what the network takes, whichever is smaller.
    """
    height, width = net.preprocessing.size
    if size == "auto":
        return (own, own) if own is not None and _LEAST * own >= min(height, width) >= own else (height, width)
    least = -(-min(height, width) // _LEAST)
    if size < least:
        raise BadKnob(
            f"size must be at least {least} for {net.name}, a quarter of the {height} × {width} pixels it takes, not "
            f"{size}: enlarged more it is a blur. Use {height}."
        )
    return size, size


def _chosen(preset: PresetName, steps: int | Literal["auto"], canvas: CanvasName) -> VisualizationPreset:
    found = PRESETS[preset]
    if canvas != "auto":
        found = dataclasses.replace(found, paint=CANVASES[canvas])
    return found if steps == "auto" else dataclasses.replace(found, steps=steps)


def _pictures(painted: list[Painted]) -> NDArray[np.float32]:
    """(n, H, W, 3), or 4 with alpha."""
    return np.ascontiguousarray(in_colors(np.concatenate([one.images for one in painted]).transpose(0, 2, 3, 1)))


def _labels(net: Network, units: Sequence[Unit | None]) -> dict[str, Any]:
    labels = [net.label(u.channel) if u and u.is_class and u.channel is not None else "" for u in units]
    return {"labels": labels} if any(labels) else {}


def _curve(painted: list[Painted]) -> NDArray[np.float32]:
    """The values of all batches on the way; NaN where a batch ended early."""
    longest = max(len(one.curve) for one in painted)
    padded = [np.pad(one.curve, ((0, longest - len(one.curve)), (0, 0)), constant_values=np.nan) for one in painted]
    return np.concatenate(padded, 1)


def _evidence(setup: VisualizationSetup, painted: list[Painted], asked: Sequence[Objective]) -> dict[str, Any]:
    passes = sum(len(one.curve) for one in painted) * setup.preset.looks
    told: dict[str, Any] = {"steps": setup.preset.steps, "passes": passes}
    told["start"] = np.concatenate([one.start for one in painted]).tolist()
    if setup.preset.chosen_on:
        told["recipe"] = f"lengths of steps were chosen on {setup.preset.chosen_on}: {_ELSEWHERE}"
    if setup.preset.developed is not None:
        told["developed"] = _DEVELOPED
    redirected = sum(one.redirected for one in painted)
    if redirected:
        told["redirected"] = f"{redirected} first steps with redirected gradients, where pictures had none"
    ended = np.concatenate([one.ended for one in painted])
    broken = [f"step {step} of {one}" for step, one in zip(ended, asked, strict=True) if step]
    if broken:
        told["not_finite"] = f"numbers were not finite at {', '.join(broken)}: the best picture before is kept"
    return told


def _photos(source: str) -> tuple[Image, ...]:
    try:
        return tuple(spectra.photos(source))
    except BadSource as error:
        raise BadSource(f"spectrum must be a collection of images, not {source!r}. {error}") from error


def _undriven(asked: Sequence[Objective], driven: NDArray[np.bool_]) -> dict[str, Any]:
    names = [str(one) for one, raised in zip(asked, driven, strict=True) if not raised]
    told = (
        f"could not be raised, or only by a picture that is all grey: {', '.join(names)}; these pictures show nothing"
    )
    return {"undriven": told} if names else {}
