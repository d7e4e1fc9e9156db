"""What a style transfer is to make: by whose recipe, which pictures, and at what sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from ...base.errors import BadKnob
from ...base.image import Image
from ...contract.images import Pictures, split_text
from .presets import CLIMBS, STYLE_PRESETS, StylePreset, StylePresetName
from .problem import StyleVariant
from .pyramid import Level, sizes_up
from .statistics import Statistic

_LARGEST = 512  # by default; the sources' own
_SHEET, _WEIGHTS, _SCALES = 192, (0.25, 1.0, 4.0, 16.0), (1.0, 2.0)  # of a preview: longest side, and what varies

Auto: TypeAlias = Literal["auto"]


def chosen(
    preset: StylePresetName,
    content: float | Auto,
    style: float | Auto,
    variation: float | Auto,
    statistic: Statistic | Auto,
    steps: int | Auto,
    scales: int | Auto,
    optimizer: Literal["auto", "adam", "lbfgs"],
) -> StylePreset:
    """The preset with what was asked for; raises BadKnob where nothing is left to be like."""
    given: dict[str, Any] = {
        "content": content, "style": style, "variation": variation, "statistic": statistic, "most": scales
    }  # fmt: skip
    recipe = replace(STYLE_PRESETS[preset], **{name: value for name, value in given.items() if value != "auto"})
    recipe = recipe if scales == "auto" else replace(recipe, smallest=1)
    recipe = recipe if steps == "auto" else replace(recipe, steps=(steps,))
    if optimizer not in ("auto", recipe.climb.optimizer):
        recipe = replace(recipe, climb=CLIMBS[optimizer])
    if recipe.content + recipe.style <= 0:
        raise BadKnob("content_weight and style_weight must not both be 0: there would be nothing to paint. Raise one.")
    return recipe


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


def jobs_of(content: Pictures, sheet: bool) -> list[StyleVariant]:
    if not sheet:
        return [StyleVariant(number) for number in range(len(content.images))]
    return [StyleVariant(0, weight, scale) for scale in _SCALES for weight in _WEIGHTS]


def size_of(image: Image, size: int | Auto, sheet: bool) -> tuple[int, int]:
    longest = min(max(image.size), _LARGEST) if size == "auto" else size
    factor = (min(longest, _SHEET) if sheet else longest) / max(image.size)
    return max(1, round(image.size[0] * factor)), max(1, round(image.size[1] * factor))


def levels_of(
    recipe: StylePreset, jobs: Sequence[StyleVariant], sizes: Sequence[tuple[int, int]], sheet: bool
) -> list[Level]:
    """All sizes of the first picture and of each variant of a sheet; of those after the first, the last size alone."""
    found = []
    for number, job in enumerate(jobs):
        sides = sizes_up(sizes[job.content], recipe.smallest, recipe.factor, recipe.most)
        for k, side in enumerate(sides):
            if sheet or number == 0 or k == len(sides) - 1:
                first = k == 0 or (number > 0 and not sheet)
                found.append(Level(number, side, recipe.steps_at(k), first, len(sides) - 1 - k))
    return found
