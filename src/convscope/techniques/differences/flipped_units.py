"""Which units flip when a picture changes: each in units of its own spread, beside what mere noise does."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...base.errors import BadKnob, BadScan, UnknownLayer
from ...base.image import Image, ImageLike, open_image
from ...base.unit import Unit
from ...contract import knobs
from ...contract.subjects import ImageSubject
from ...contract.technique import technique
from ...network.layer_choice import bottlenecks
from ...network.layers.layers import Layer
from ...network.network import Network
from ...results.flipped_units import CONSTANT, DEAD, FlippedUnits
from ...scan.result import Scan, open_scan
from ...scan.selection import select
from ..common_knobs import Seed
from .control import held_share, noisy_copies, steps_between
from .reference import Reference, of_photos, of_scan
from .responses import Responses, responses

MOST = 16  # layers where none are named
ChosenLayers = Annotated[
    str,
    Field(description="auto: at most 16 that everything goes through; all; or names, with commas between them"),
    knobs.Several(","),
]
CHANGED = ImageSubject(replaced=False)


def _digests(folder: str) -> dict[str, str]:
    return {folder: open_scan(folder).digest} if folder else {}


@technique(changed=CHANGED)
def flipped_units(
    net: Network,
    image: ImageLike,
    changed: ImageLike,
    *,
    scan: Annotated[
        str,
        Field(description="folder of a scan, which says what is usual for each unit; empty: the bundled photos do"),
        knobs.Names(_digests),
    ] = "",
    layers: ChosenLayers = "auto",
    draws: Annotated[int, Field(ge=1, le=100, description="noisy copies of the picture, as a control")] = 8,
    seed: Seed = 0,
) -> FlippedUnits:
    """Find the units that move from one picture to another, beside those that noise of the same size moves.

    Das et al. 2020, "Bluff", asked it of classes; here it is asked of one picture and what became of it, such as an
    adversarial example. A unit's response is its largest activation, at least 0, as scans keep it; of a layer without
    places its activation. `values` is the difference of the responses in standard deviations over a data set, at least
    the layer's 5th percentile of these; dead and constant units have none. A unit flips where it crosses its 95th
    percentile. The control moves every value of the picture by as many steps of 255 as the change did, with signs drawn
    at random, `draws` times. Both pictures are compared as the network sees them. Raises BadScan for a scan of another
    network, BadKnob for layers there are not, and BadImage.
    """
    known = _opened(scan) if scan else None
    return units_between(net, open_image(image), open_image(changed), known, layers, draws, seed)


def _opened(folder: str) -> Scan:
    try:
        return open_scan(folder)
    except BadScan as error:
        raise BadKnob(f"scan must be the folder of a scan, not {folder!r}: {error}") from error


def units_between(
    net: Network, image: Image, changed: Image, scan: Scan | None, layers: str = "auto", draws: int = 8, seed: int = 0
) -> FlippedUnits:
    """The same, of a scan that may be in memory."""
    rows = chosen_layers(net, layers)
    seen, other = net.see(image), net.see(changed)
    usual = of_photos(net, rows, seen) if scan is None else of_scan(net, scan, rows)
    steps = steps_between(seen, other)
    noisy = noisy_copies(seen, steps, draws, seed, net.preprocessing.channels == 1)
    found = responses(net, np.concatenate([seen[None], other[None], noisy]), rows)
    about = {**_size(steps), **usual.evidence, "draws": draws, "seed": seed, "forward_passes": found.passes}
    return _answer(net, image, (seen, other), rows, found, usual, {**about, **_held(seen, steps)})


def chosen_layers(net: Network, layers: str) -> list[Layer]:
    """The layers that a knob names, in order of execution; raises BadKnob and UnknownLayer."""
    if layers != "auto":
        return list(select_named(net, layers))
    found = [net.layers[name] for name in bottlenecks(net, list(net.layers)[-1], MOST)]
    if not found:
        raise BadKnob(f"layers must be named for {net.name}: none is known through which everything goes. Say all.")
    return found


def select_named(net: Network, layers: str) -> tuple[Layer, ...]:
    """The layers of these names, each tensor once; raises BadKnob where there is none of a name."""
    try:
        return select(net, layers).layers
    except UnknownLayer as error:
        raise BadKnob(f"layers must be auto, or layers of {net.name}, not {layers!r}: {error}") from None


def _answer(
    net: Network,
    image: Image,
    pair: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    rows: list[Layer],
    found: Responses,
    usual: Reference,
    evidence: dict[str, Any],
) -> FlippedUnits:
    each = [usual.layers[row.name] for row in rows]
    values = np.concatenate([found.values[row.name] for row in rows], 1).astype(np.float32)
    spread = np.concatenate([one.unit_of_change for one in each]).astype(np.float32)
    state = np.concatenate([one.dead * DEAD + one.constant * CONSTANT for one in each]).astype(np.int8)
    apart = np.stack([found.apart[row.name] for row in rows], 1).astype(np.float32)
    floored = sum(int((one.counted & (one.spread < one.unit_of_change)).sum()) for one in each)
    left_out = {"dead": int((state == DEAD).sum()), "constant_units": int((state == CONSTANT).sum())}
    return FlippedUnits(
        values=np.where(state == 0, (values[1] - values[0]) / spread, 0).astype(np.float32),
        unit=Unit(rows[-1].name),
        network=net.name,
        evidence={**evidence, **left_out, "floored": floored, **net.preprocessing.told(image)},
        image=image,
        seen=pair[0],
        seen_changed=pair[1],
        layers=tuple(row.name for row in rows),
        edges=np.cumsum([0, *(row.units for row in rows)], dtype=np.int64),
        before=values[0],
        after=values[1],
        noisy=values[2:],
        spread=spread,
        high=np.concatenate([one.high for one in each]).astype(np.float32),
        state=state,
        apart=apart[1],
        noisy_apart=apart[2:],
    )


def _size(steps: NDArray[np.int16]) -> dict[str, Any]:
    """How large the change is, as the network sees it."""
    moved = int((steps != 0).sum())
    found: dict[str, Any] = {
        "l2": float(np.sqrt((steps.astype(np.float64) ** 2).sum()) / 255),
        "largest_step": int(np.abs(steps).max()),
        "changed_share": moved / steps.size,
    }
    return found if moved else {**found, "unmoved": "the network sees no difference between the two pictures"}


def _held(seen: NDArray[np.uint8], steps: NDArray[np.int16]) -> dict[str, str]:
    share = held_share(seen, steps)
    said = f"{share:.1%} of the values that changed can move one way only, so controls move them as the change did"
    return {"held": said} if share else {}
