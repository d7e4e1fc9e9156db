"""A unit's address: which neuron, channel, layer or class is meant, or which sum of them.

Whether it exists is the network's to say.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TypeAlias

from .errors import UnknownUnit, nearest
from .sums import Weighted, spelled, split_sum

_ADDRESS = re.compile(r"(?P<layer>[^:@]+(@\d{1,6})?)(:(?P<channel>[^@]+)(@(?P<y>\d{1,9}),(?P<x>\d{1,9}))?)?")
_SIGNS = re.compile(r"(?<=\w)\s*([+-])\s*(?=(?:[\d.]+\*)?[\w.]+:)")
_FORMS = "An address is layer, layer:channel, layer:channel@y,x, logits:class or probs:class."


class Valued(ABC):
    """Anything with one value for an image: a unit, or a weighted sum of units.

    These are added, subtracted and multiplied with numbers: `Unit("logits", 207) - 0.5 * Unit("logits", 281)`.
    """

    __array_ufunc__ = None  # numbers of NumPy leave the multiplication to us

    @property
    @abstractmethod
    def terms(self) -> Weighted[Unit]:
        """The units it is the sum of, each with its weight."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The layers it is read from, each once."""
        return tuple(dict.fromkeys(unit.source for _, unit in self.terms))

    def __add__(self, other: Valued) -> Valued:
        return total([*self.terms, *other.terms]) if isinstance(other, Valued) else NotImplemented

    def __sub__(self, other: Valued) -> Valued:
        return self + -other if isinstance(other, Valued) else NotImplemented

    def __neg__(self) -> Valued:
        return -1 * self

    def __rmul__(self, weight: float) -> Valued:
        if not isinstance(weight, Real):
            return NotImplemented
        return total([(float(weight) * own, unit) for own, unit in self.terms])

    __mul__ = __rmul__


@dataclass(frozen=True)
class Unit(Valued):
    """What one address names: a layer, a channel of it, one neuron (y, x) of a channel, or a class.

    The value of a channel is the sum of its neurons' activations, that of a layer the sum of its channels'.
    """

    layer: str
    channel: int | None = None
    position: tuple[int, int] | None = None

    def __str__(self) -> str:
        channel = "" if self.channel is None else f":{self.channel}"
        position = "" if self.position is None else "@{},{}".format(*self.position)
        return f"{self.layer}{channel}{position}"

    @property
    def terms(self) -> Weighted[Unit]:
        """Itself, once."""
        return ((1.0, self),)

    @property
    def source(self) -> str:
        """The layer it is read from: a probability is made of the class scores."""
        return "logits" if self.layer == "probs" else self.layer

    @property
    def is_class(self) -> bool:
        """Whether this is a class score or a class probability."""
        return self.layer in ("logits", "probs") and self.channel is not None


@dataclass(frozen=True)
class Combination(Valued):
    """A weighted sum of different units, such as logits:207 - 0.5*logits:281; `total` makes it."""

    weights: tuple[float, ...]
    units: tuple[Unit, ...]

    def __str__(self) -> str:
        return spelled(self.terms)

    @property
    def terms(self) -> Weighted[Unit]:
        """The units it is the sum of, each with its weight."""
        return tuple(zip(self.weights, self.units, strict=True))


UnitLike: TypeAlias = Valued | str


def total(terms: Iterable[tuple[float, Unit]]) -> Valued:
    """The sum of units with weights, equal ones taken together; raises UnknownUnit where nothing is left of it."""
    asked, weights = tuple(terms), dict[Unit, float]()
    for weight, unit in asked:
        weights[unit] = weights.get(unit, 0.0) + weight
    left = {unit: weight for unit, weight in weights.items() if weight != 0}
    if not left:
        raise UnknownUnit(f"A sum of units must not be zero for every image, as {spelled(asked)} is. Change a term.")
    if not all(map(math.isfinite, left.values())):
        raise UnknownUnit(f"Weights of units must be finite numbers, not as in {spelled(asked)}. Give smaller ones.")
    return next(iter(left)) if [*left.values()] == [1] else Combination(tuple(left.values()), tuple(left))


def spanning(layers: Iterable[str]) -> Unit:
    """What stands for layers where a result is about all of them: the layer itself, if it is one."""
    names = set(layers)
    return Unit(names.pop() if len(names) == 1 else "several layers")


def parse_sum(address: UnitLike, labels: Sequence[str] = ()) -> Valued:
    """The unit an address names, or the sum of units: addresses with weights such as 0.5*, joined by + and -.

    Raises UnknownUnit as `parse` does, and for a sum that is always zero.
    """
    if isinstance(address, Valued):
        return address
    return total((weight, parse(part, labels)) for weight, part in split_sum(str(address).strip(), labels))


def parse(address: UnitLike, labels: Sequence[str] = ()) -> Unit:
    """The one unit an address names; a class may be named by its label.

    Raises UnknownUnit for text that is no address, for a label that is missing or ambiguous, and for a sum of units.
    """
    if isinstance(address, Unit):
        return address
    text = str(address).strip()
    (_, first), *others = split_sum(text, labels)
    if not isinstance(address, Combination):
        try:
            return _parsed(text, labels)
        except UnknownUnit as error:
            if not others:
                raise _blanks(text, labels) or error from None
    layer = first.partition(":")[0]
    raise UnknownUnit(
        f"This takes one unit or layer, not a sum as {text} is. Give one of its terms, such as {first}"
        + (f", or where a layer is needed {layer}." if layer != first else ".")
    )


def _blanks(text: str, labels: Sequence[str]) -> UnknownUnit | None:
    """The error for a sum whose signs stand between no blanks; None where it is none with them either."""
    spaced = _SIGNS.sub(r" \1 ", text)
    terms = [term for _, term in split_sum(spaced, labels)]
    if len(terms) < 2 or not all(":" in term and _ADDRESS.fullmatch(term) for term in terms):
        return None
    return UnknownUnit(f"The signs of a sum must have blanks around them, not as in {text!r}. Ask for {spaced!r}.")


def _parsed(address: str, labels: Sequence[str]) -> Unit:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise UnknownUnit(f"{address!r} is not the address of a unit. {_FORMS}")
    layer, channel = match["layer"].strip(), match["channel"]
    position = None if match["y"] is None else (int(match["y"]), int(match["x"]))
    return Unit(layer, None if channel is None else _channel(layer, channel.strip(), labels), position)


def _channel(layer: str, text: str, labels: Sequence[str]) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    if layer in ("logits", "probs"):
        return find_label(text, labels)
    raise UnknownUnit(f"{text!r} is not a channel of {layer}: a channel is a whole number from 0. {_FORMS}")


def find_label(text: str, labels: Sequence[str]) -> int:
    """The index of the class with this label; commas separate synonyms inside a label."""
    if not labels:
        raise UnknownUnit(f"This network has no labels, so the class {text!r} must be given as a number.")
    if list(labels).count(text) == 1:
        return list(labels).index(text)
    wanted = _plain(text)
    for names in (lambda label: [label], lambda label: label.split(",")):
        found = [i for i, label in enumerate(labels) if wanted in map(_plain, names(label))]
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownUnit(f"Classes {', '.join(map(str, found))} are all called {text!r}. Give one by its number.")
    raise UnknownUnit(f"No class is called {text!r}.{nearest(text, labels)} A number works too.")


def _plain(label: str) -> str:
    return " ".join(label.replace("_", " ").casefold().split())
