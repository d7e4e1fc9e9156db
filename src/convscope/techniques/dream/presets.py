"""Presets of dreams: octaves, steps and their length, by the names of those who published them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

DreamPresetName = Literal["mordvintsev2015", "chollet-dream"]


@dataclass(frozen=True)
class DreamPreset:
    """How to dream: octaves and what each is larger by, steps of a length in pixel values, and the shift before each.

    `border` positions at each side of a map do not count. An octave ends above a value of `highest`, if that is not 0.
    What a smaller octave could not show of the picture comes back before the next one, or with `late` after it; pixels
    are `clipped` at each step, or only at the end.
    """

    octaves: int
    scale: float
    steps: int
    rate: float
    jitter: int
    border: int = 0
    highest: float = 0.0
    late: bool = False
    clipped: bool = True


DREAM_PRESETS: dict[DreamPresetName, DreamPreset] = {
    "mordvintsev2015": DreamPreset(4, 1.4, 10, 1.5, 32),
    # His network takes -1 to 1, in which a step is 0.01.
    "chollet-dream": DreamPreset(3, 1.4, 20, 0.01 * 127.5, 0, border=2, highest=15.0, late=True, clipped=False),
}
assert set(DREAM_PRESETS) == set(get_args(DreamPresetName))
