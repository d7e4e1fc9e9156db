"""What a network looked like at a step: maps, weights and their gradients as tiles, and what it took pictures for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...base.pixels import Floats
from ...training.live.live_look import PICTURES, LiveLook
from ...training.storage.record import Record
from ..workspace.frame import encode
from ..workspace.training_messages import AskRunLook, Guess, Guessed, RunLook, RunTiles
from .curves import run_of

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

KINDS = ("maps", "map_gradients", "weights", "weight_gradients")
_TILES, _SIDE = 32, 48  # maps of a layer, and pixels of one, at most
_TOP = 3


def run_look(workspace: Workspace, ask: AskRunLook) -> bytes:
    """A RunLook frame; raises BadRecord for a run that has not begun, BadKnob for one of which nothing is kept."""
    run = run_of(workspace, ask)
    record = run.now().record
    newest = run.loop.look()
    kept = record.pictured
    live = ask.step < 0 and newest is not None and (not kept or newest.step >= kept[-1])
    if not live and not kept:
        raise BadKnob("A look must be at a step of which something is kept, and nothing is yet. Wait a moment.")
    look = newest if live and newest is not None else kept_look(record, _nearest(kept, ask.step))
    return _encoded(look, live, record)


def kept_look(record: Record, step: int) -> LiveLook:
    """What a record holds of a step."""
    look = LiveLook(step)
    arrays = record.arrays(step)
    look.arrays = {(what, layer): values for (what, layer), values in arrays.items() if what in KINDS and layer}
    look.answers = arrays.get(("answers", None))
    return look


def _nearest(kept: tuple[int, ...], step: int) -> int:
    return kept[-1] if step < 0 else min(kept, key=lambda one: (abs(one - step), one))


def _encoded(look: LiveLook, live: bool, record: Record) -> bytes:
    tiles, arrays = list[RunTiles](), dict[str, NDArray[Any]]()
    for layer in record.layers:
        for what in KINDS:
            values = look.arrays.get((what, layer))
            if values is not None and values.size:
                told, arrays[f"t{len(tiles)}"] = _tiles(what, layer, len(tiles), values)
                tiles.append(told)
    pictures = record.pictures
    if pictures is not None:
        arrays["pictures"] = shown_pictures(pictures)
    why = "" if record.about["probe"] else "The recorder was given no probe, so there are no maps and no test pictures."
    guessed = () if look.answers is None else _guessed(look.answers, record)
    header = RunLook(step=look.step, live=live, tiles=tuple(tiles), guessed=guessed, why=why,
                     gradient_of=record.about.get("gradient_of") or "")  # fmt: skip
    return encode(header, arrays)


def _tiles(what: Any, layer: str, number: int, values: Floats) -> tuple[RunTiles, NDArray[np.uint8]]:
    """Values as bytes on one scale for all tiles of a layer: about zero where any is negative."""
    finite = values[np.isfinite(values)]
    least, most = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    end = max(abs(least), abs(most)) or 1.0
    low, high = (-end, end) if least < 0 else (0.0, end)
    color = what.startswith("weight") and values.ndim == 4 and values.shape[1] == 3
    shaped, rows = (values, 0) if color else _laid_out(what, values)
    data = np.rint(np.nan_to_num((shaped - low) / (high - low), nan=0.0).clip(0, 1) * 255).astype(np.uint8)
    told = RunTiles(kind=what, layer=layer, array=number, low=low, high=high, least=least, most=most, color=color,
                    rows=rows, shape=values.shape)  # fmt: skip
    return told, data


def _laid_out(what: str, values: Floats) -> tuple[Floats, int]:
    """Tiles (n, h, w): of maps a channel each, of kernels one an input, a filter a row; a matrix as it is."""
    if what.startswith("weight") and values.ndim > 2:
        tiles = values.reshape(-1, *_plane(values.shape[2:]))
        return tiles, values.shape[1] if values.shape[1] > 1 else 0
    if values.ndim == 1:
        return values[None, None], 1
    if values.ndim == 2 or what.startswith("weight"):
        return values.reshape(1, *values.shape[:2]), 1
    return _pooled(values[:_TILES].reshape(-1, *_plane(values.shape[1:]))[:_TILES]), 0


def _plane(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many rows and columns a tile of such a shape has; of more axes the first ones are laid below each other."""
    return int(np.prod(shape[:-1])), shape[-1]


def _pooled(maps: Floats) -> Floats:
    """Maps of at most 48 pixels a side, by means of squares."""
    while max(maps.shape[1:]) > _SIDE and min(maps.shape[1:]) > 1:
        h, w = (side // 2 * 2 for side in maps.shape[1:])
        maps = maps[:, :h, :w].reshape(len(maps), h // 2, 2, w // 2, 2).mean((2, 4))
    return maps


def shown_pictures(values: Floats) -> NDArray[np.uint8]:
    """Pictures (n, C, H, W) as they are given to a network as (n, H, W, 3), stretched to the range of all of them."""
    low, high = float(values.min()), float(values.max())
    seen = (values - low) / ((high - low) or 1.0)
    if seen.ndim != 4:
        seen = seen.reshape(len(seen), 1, 1, -1)
    seen = seen[:, :3] if seen.shape[1] >= 3 else seen[:, :1].repeat(3, 1)
    return np.asarray(np.rint(seen.transpose(0, 2, 3, 1) * 255), np.uint8)


def _guessed(answers: Floats, record: Record) -> tuple[Guessed, ...]:
    if answers.ndim != 2:
        return ()
    pictures = record.pictures
    count = min(len(answers), PICTURES if pictures is None else len(pictures))
    classes = record.classes
    return tuple(
        guessed(answers[i], record.about.get("labels", []), -1 if classes is None else int(classes[i]))
        for i in range(count)
    )


def guessed(scores: Floats, labels: list[str], index: int = -1) -> Guessed:
    """The most probable classes of a picture, by a softmax of its scores."""
    finite = np.nan_to_num(scores.astype(np.float64), nan=-np.inf)
    chances = np.exp(finite - finite.max()) if np.isfinite(finite.max()) else np.zeros(len(scores))
    chances /= chances.sum() or 1.0

    def named(number: int) -> str:
        return labels[number] if number < len(labels) else str(number)

    best = [int(number) for number in np.argsort(-chances, kind="stable")[:_TOP]]
    guesses = tuple(Guess(label=named(i), index=i, probability=float(chances[i])) for i in best)
    return Guessed(label=named(index) if index >= 0 else "", index=index, guesses=guesses)
