"""What becomes of a changed picture in its file: written, read again, and shown to this network and to others."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ...base.image import Image, open_image
from ...network.network import Network
from ...results.adversarial import Ranked
from .question import AttackQuestion, ranked

_DRAWS = 8  # of the random control
_LOSSY = {"jpeg": "JPEG", "jpg": "JPEG", "webp": "WEBP"}


def written(picture: Image) -> Image:
    """A picture as it is read again from the bytes of its PNG file."""
    return open_image(picture.png(level=1))


def changed(clean: Image, pixels: NDArray[np.uint8]) -> Image:
    """The picture with other pixels."""
    return Image(pixels, profile=clean.profile, view=clean.view)


def norms(clean: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> dict[str, float]:
    """How large a change is: `l2` and `linf` of pixels from 0 to 1, `steps` at most, the share of values `changed`."""
    steps = pixels.astype(np.float64) - clean
    most = float(np.abs(steps).max(initial=0))
    share = float(np.count_nonzero(steps) / steps.size)
    return {"l2": float(np.linalg.norm(steps)) / 255, "linf": most / 255, "steps": most, "changed": share}


def control(clean: NDArray[np.uint8], pixels: NDArray[np.uint8], seed: int) -> list[NDArray[np.uint8]]:
    """Random changes of the same size: the same steps at other places of the same region, each up or down by chance."""
    steps = pixels.astype(np.int16) - clean
    rows, columns = (np.flatnonzero(steps.any(axis)) for axis in ((1, 2), (0, 2)))
    if not len(rows):
        return []
    region = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    found = []
    for number in range(_DRAWS):
        rng = np.random.default_rng([seed, number])
        drawn = clean.astype(np.int16)
        moved = rng.permutation(np.abs(steps[region]).ravel()).reshape(steps[region].shape)
        drawn[region] += moved * rng.choice(np.array([-1, 1], np.int16), moved.shape)
        found.append(drawn.clip(0, 255).astype(np.uint8))
    return found


def against_control(question: AttackQuestion, others: list[Image]) -> dict[str, Any]:
    """How many random changes of the same size do what the attack did."""
    taken = [found[0][1] for found in question.net.predict(others, 1)] if others else []
    return {"control": {"of": len(others), "fooled": sum(map(question.fooled, taken))}} if others else {}


def judged_by(judges: list[Network], clean: Image, file: Image, others: list[Image]) -> dict[str, Any]:
    """What other networks take picture and file for, and how many random changes change that."""
    told = {}
    for judge in judges:
        before, after = judge.predict([clean, file], 1)
        moved = [found[0][1] != before[0][1] for found in judge.predict(others, 1)] if others else []
        told[judge.name] = {
            "before": before[0][0],
            "after": after[0][0],
            "probability": after[0][2],
            "changed": before[0][1] != after[0][1],
            "control": f"{sum(moved)} of {len(moved)}",
        }
    return {"judges": told} if told else {}


def read_format(text: str) -> tuple[str, int] | None:
    """The lossy format and quality that the file is tried in besides; None for png. Raises BadKnob."""
    if text == "png":
        return None
    found = re.fullmatch(r"(\w+):(\d{1,3})", text)
    if found and found[1] in _LOSSY and 1 <= int(found[2]) <= 100:
        return found[1], int(found[2])
    why = " A lossy file rounds each step of the change to what its quality allows." if text in _LOSSY else ""
    raise BadKnob(
        f"format must be png, which keeps every step, or one to be tried besides, such as jpeg:95, not {text!r}.{why} "
        "Say with which quality, and what it does to the picture is told."
    )


def tried(question: AttackQuestion, file: Image, format: tuple[str, int] | None) -> dict[str, Any]:
    """What the network takes the file for after a lossy encoding."""
    if format is None:
        return {}
    name, quality = format
    buffer = io.BytesIO()
    PIL.Image.fromarray(file.pixels).save(buffer, _LOSSY[name], quality=quality)
    best: Ranked = ranked(question.net, open_image(buffer.getvalue(), view=file.view))[0]
    word = "still fooled" if question.fooled(best[1]) else "lost"
    return {f"after_{name}_{quality}": f"{word}: {best[0]} ({best[2]:.3g})"}
