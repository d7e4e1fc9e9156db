"""What a style transfer is to make: by whose preset, which pictures, and at what sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from ...base.errors import BadKnob
from ...base.image import Image
from ...contract.images import Pictures, split_text
from .presets import OPTIMIZERS, STYLE_PRESETS, StylePreset, StylePresetName
from .statistics import Statistic

_LARGEST = 512  # by default; the sources' own
_LEAST = 31.5  # shorter side of the smallest size, in pixels
_SHEET, _WEIGHTS, _SCALES = 192, (0.25, 1.0, 4.0, 16.0), (1.0, 2.0)  # of a preview: longest side, and what varies

Auto: TypeAlias = Literal["auto"]


@dataclass(frozen=True)
class StyleVariant:
    """One picture to be made: of which content, and how much more style, and at what scale, than is asked for."""

    content: int = 0
    style: float = 1.0
    scale: float = 1.0

    def __str__(self) -> str:
        return f"style × {self.style:g}, scale × {self.scale:g}"


@dataclass(frozen=True)
class Level:
    """A picture by its number, at (height, width) `size`, for `steps`; whether it begins, and is finished, with it.

    It is `coarser` by so many sizes than the last one.
    """

    picture: int
    size: tuple[int, int]
    steps: int
    first: bool
    coarser: int

    @property
    def last(self) -> bool:
        """Whether the picture is finished with it."""
        return self.coarser == 0


def sizes_up(size: tuple[int, int], smallest: int, factor: float, most: int) -> list[tuple[int, int]]:
    """(height, width) up to `size`, each `factor` times the one before; longest sides from `smallest`, `most` sizes.

    Sizes with a side of less than 32 pixels are left out: there is no painting in them.
    """
    found = [size]
    while len(found) < most:
        height, width = (side / factor ** len(found) for side in size)
        if max(height, width) < smallest - 0.5 or min(height, width) < _LEAST:
            break
        found.append((round(height), round(width)))
    return found[::-1]


@dataclass(frozen=True)
class StyleWeights:
    """What counts how much: content, style and roughness, and what makes a style; auto: as in the preset."""

    content: float | Auto
    style: float | Auto
    variation: float | Auto
    statistic: Statistic | Auto


@dataclass(frozen=True)
class StyleEffort:
    """Steps at each size, how many sizes, and by which optimizer; auto: as in the preset."""

    steps: int | Auto
    scales: int | Auto
    optimizer: Literal["auto", "adam", "lbfgs"]


def preset_with(name: StylePresetName, weights: StyleWeights, effort: StyleEffort) -> StylePreset:
    """The preset with what was asked for; raises BadKnob where nothing is left to be like."""
    given: dict[str, Any] = {key: value for key, value in vars(weights).items() if value != "auto"}
    if effort.steps != "auto":
        given["steps"] = (effort.steps,)
    if effort.scales != "auto":
        given |= {"most": effort.scales, "smallest": 1}
    if effort.optimizer not in ("auto", STYLE_PRESETS[name].optimizer.kind):
        given["optimizer"] = OPTIMIZERS[effort.optimizer]
    preset = replace(STYLE_PRESETS[name], **given)
    if preset.content + preset.style <= 0:
        raise BadKnob("content_weight and style_weight must not both be 0: there would be nothing to paint. Raise one.")
    return preset


def read_blend(blend: str, styles: int) -> list[float]:
    """The share of each style; raises BadKnob for another number of them, for negative ones and for none above 0."""
    try:
        weights = [float(part) for part in split_text(blend)] or [1.0] * styles
    except ValueError:
        raise BadKnob(f"blend must be numbers with ; between them, such as 2;1, not {blend!r}. Correct it.") from None
    if len(weights) != styles:
        raise BadKnob(f"blend must have a weight for each of {styles} styles, not {len(weights)}. Give one for each.")
    if not (all(0 <= weight < math.inf for weight in weights) and sum(weights) > 0):
        raise BadKnob(f"blend must be weights from 0 on that do not add up to zero, not {blend!r}. Raise one of them.")
    return [weight / sum(weights) for weight in weights]


def variants_of(content: Pictures, sheet: bool) -> list[StyleVariant]:
    """Each content as it is; for a preview sheet, the first one in several weights and scales."""
    if not sheet:
        return [StyleVariant(number) for number in range(len(content.images))]
    return [StyleVariant(0, weight, scale) for scale in _SCALES for weight in _WEIGHTS]


def size_of(image: Image, size: int | Auto, sheet: bool, height: int | None = None) -> tuple[int, int]:
    """(height, width) of what is made of a content; left to choose, of a preset's `height` where it has one."""
    longest: float = min(max(image.size), _LARGEST) if size == "auto" else size
    if size == "auto" and height is not None:
        longest = max(image.size) * height / image.size[0]
    factor = (min(longest, _SHEET) if sheet else longest) / max(image.size)
    return max(1, round(image.size[0] * factor)), max(1, round(image.size[1] * factor))


def levels_of(
    preset: StylePreset, variants: Sequence[StyleVariant], sizes: Sequence[tuple[int, int]], sheet: bool
) -> list[Level]:
    """All sizes of the first picture and of each variant of a sheet; of those after the first, the last size alone."""
    found = []
    for number, variant in enumerate(variants):
        sides = sizes_up(sizes[variant.content], preset.smallest, preset.factor, preset.most)
        for k, side in enumerate(sides):
            if sheet or number == 0 or k == len(sides) - 1:
                first = k == 0 or (number > 0 and not sheet)
                found.append(Level(number, side, preset.steps_at(k), first, len(sides) - 1 - k))
    return found
