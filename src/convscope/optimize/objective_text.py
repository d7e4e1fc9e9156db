"""Objectives from text: the grammar that `str` of an objective writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..base.errors import BadKnob, nearest
from ..base.sums import split_sum
from ..base.unit import Valued, parse
from .objective import (
    Above,
    Alignment,
    Caricature,
    Direction,
    Diversity,
    Excite,
    Inside,
    LayerEnergy,
    Objective,
    Term,
)

ObjectiveLike: TypeAlias = str | Valued | Term | Objective
_CALL = re.compile(r"([a-z]+)\((.*)\)")
_IMAGE = re.compile(r"caricature\s*\([^,]*,\s*([^,)]*)")
_FORMS = (
    "An objective is a unit, such as logits:281, or dream(LAYER), diversity(LAYER), alignment(LAYER), "
    "above(logits:CLASS), inside(UNIT, BORDER), direction(LAYER, NUMBERS) or caricature(LAYER, IMAGE), with weights "
    "such as 0.5*, joined by + and - between spaces."
)


def objective(text: ObjectiveLike, labels: Sequence[str] = ()) -> Objective:
    """The objective that a text, a unit or a term stands for; raises BadKnob or UnknownUnit where it is none.

    `logits:281` · `-1*blocks.2.0:5` · `logits:281 - 0.5*logits:282` · `dream(blocks.3)` · `diversity(blocks.3)` ·
    `alignment(blocks.3)` · `above(logits:281)` · `direction(blocks.3, 0.1 0.2 …)` · `caricature(blocks.3, sample:cat)`.
    Without 2 positions at each side of a map: `inside(blocks.3:5, 2)` and `dream(blocks.3, 2)`.
    """
    match text:
        case Objective():
            return text
        case Term():
            return Objective(((1.0, text),))
        case Valued():
            return Objective(tuple((weight, Excite(unit)) for weight, unit in text.terms))
        case str():
            return _read(text.strip(), labels)
    raise BadKnob(f"An objective must be text, a Unit or a term, not {type(text).__name__}. {_FORMS}")


def images_named(text: str) -> list[str]:
    """All that a text, which may hold several objectives and need not be right, may name as an image."""
    return [image.strip() for image in _IMAGE.findall(text)]


def _read(text: str, labels: Sequence[str]) -> Objective:
    if not text:
        raise BadKnob(f"An objective must not be empty. {_FORMS}")
    return Objective(tuple((weight, _term(part, labels)) for weight, part in split_sum(text, labels)))


def _term(text: str, labels: Sequence[str]) -> Term:
    call = _CALL.fullmatch(text)
    if call is None:
        return Excite(parse(text, labels))
    name, inside = call[1], call[2].strip()
    if name not in _MADE:
        raise BadKnob(f"There is no objective {name}().{nearest(name, _MADE)} {_FORMS}")
    try:
        return _MADE[name](inside, labels)
    except (ValueError, TypeError) as error:
        if isinstance(error, BadKnob):
            raise
        raise BadKnob(f"{text!r} is not an objective. {_FORMS}") from None


def _inside(inside: str, labels: Sequence[str]) -> Inside:
    unit, border = inside.rsplit(",", 1)
    return Inside(parse(unit.strip(), labels), int(border))


def _dream(inside: str, _: Sequence[str]) -> LayerEnergy:
    layer, *border = inside.split(",")
    return LayerEnergy(layer.strip(), *map(int, border))


def _direction(inside: str, _: Sequence[str]) -> Direction:
    layer, vector, *power = inside.split(",")
    return Direction(layer.strip(), tuple(map(float, vector.split())), *map(float, power))


def _caricature(inside: str, _: Sequence[str]) -> Caricature:
    """The image may have commas in its name; what comes after the last one is the power where it is a number."""
    layer, image = (part.strip() for part in inside.split(",", 1))
    rest, comma, last = image.rpartition(",")
    power = _POWER.fullmatch(last) if comma else None
    return Caricature(layer, rest.strip(), float(last)) if power else Caricature(layer, image)


_POWER = re.compile(r"\s*-?\d+(\.\d*)?(e[+-]?\d+)?\s*")
_MADE: dict[str, Callable[[str, Sequence[str]], Term]] = {
    "dream": _dream,
    "diversity": lambda inside, _: Diversity(inside),
    "alignment": lambda inside, _: Alignment(inside),
    "above": lambda inside, labels: Above(parse(inside, labels)),
    "inside": _inside,
    "direction": _direction,
    "caricature": _caricature,
}
