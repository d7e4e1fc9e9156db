"""A unit's address: which neuron, channel, layer or class is meant. Whether it exists is the network's to say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .errors import UnknownUnit, nearest

_ADDRESS = re.compile(r"(?P<layer>[^:@]+)(:(?P<channel>[^@]+)(@(?P<y>\d{1,9}),(?P<x>\d{1,9}))?)?")
_FORMS = "An address is layer, layer:channel, layer:channel@y,x, logits:class or probs:class."


@dataclass(frozen=True)
class Unit:
    """Anything with one value: a layer, a channel of it, one neuron (y, x) of a channel, or a class.

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
    def source(self) -> str:
        """The layer it is read from: a probability is made of the class scores."""
        return "logits" if self.layer == "probs" else self.layer

    @property
    def is_class(self) -> bool:
        """Whether this is a class score or a class probability."""
        return self.layer in ("logits", "probs") and self.channel is not None


UnitLike: TypeAlias = Unit | str


def spanning(layers: Iterable[str]) -> Unit:
    """What stands for layers where a result is about all of them: the layer itself, if it is one."""
    names = set(layers)
    return Unit(names.pop() if len(names) == 1 else "several layers")


def parse(address: UnitLike, labels: Sequence[str] = ()) -> Unit:
    """The unit an address names; a class may be named by its label.

    Raises UnknownUnit for text that is no address and for a label that is missing or ambiguous.
    """
    if isinstance(address, Unit):
        return address
    match = _ADDRESS.fullmatch(str(address).strip())
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
