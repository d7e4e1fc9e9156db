"""Which layers a scan looks at: a choice in words → rows of the layer table, each tensor once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal, TypeAlias

from torch import nn

from ..base.errors import BadKnob, BadWeights, CannotExport, UnknownLayer, nearest
from ..graph.trace import executed
from ..network.isolation.parts import unwrap
from ..network.layers.layers import Layer
from ..network.network import Network

Wish: TypeAlias = Literal["auto", "yes", "no"]


@dataclass(frozen=True)
class Selection:
    """The layers a scan reduces, in order of execution; `same` maps others to the one that puts out the same tensor.

    `scored` is the layer whose output is read as class scores, reduced or not; none where no predictions are kept.
    """

    layers: tuple[Layer, ...]
    same: Mapping[str, str]
    scored: str = ""

    @property
    def seen(self) -> tuple[str, ...]:
        """The names of all layers that are looked at."""
        names = tuple(layer.name for layer in self.layers)
        return names if self.scored in ("", *names) else (*names, self.scored)

    @cached_property
    def first(self) -> dict[str, int]:
        """The column of each layer's channel 0 where all units stand side by side."""
        columns, at = {}, 0
        for layer in self.layers:
            columns[layer.name] = at
            at += layer.units
        return columns

    @property
    def units(self) -> int:
        """How many units there are in all layers together."""
        return sum(layer.units for layer in self.layers)


def select(net: Network, wanted: str, predictions: Wish = "no") -> Selection:
    """The layers that `wanted` names, separated by commas; with `predictions`, class scores are looked at too.

    `all` is every layer but the input, `convolutions` all convolutions; * stands for any text. Raises BadKnob where
    nothing is named, UnknownLayer for what does not exist.
    """
    words = [word.strip() for word in wanted.split(",") if word.strip()]
    if not words:
        raise BadKnob("layers must name at least one layer, not nothing. Say all, or names separated by commas.")
    chosen = {name for word in words for name in _named(net, word)}
    explicit = chosen.intersection(words)
    order = [name for name in net.layers.including(*chosen) if name in chosen]
    names = [name for name in order if name in explicit or _is_trained(net, name)]
    if not names:
        raise BadKnob(f"layers must name layers of {net.name} whose weights are there, not only {wanted!r}.")
    net.check_trained(names)
    same = _same(net, names)
    first = {name: same.get(name, name) for name in names}
    kept = [name for name in names if first[name] == name]
    scored = same.get("logits", "logits") if _are_scored(net, names, predictions) else ""
    table = net.layers  # which is looked through anew each time it is asked for
    return Selection(tuple(table[name] for name in kept), {n: f for n, f in first.items() if n != f}, scored)


def _are_scored(net: Network, names: list[str], predictions: Wish) -> bool:
    """Whether class scores are looked at: without a wish, where they are among the layers and so cost nothing."""
    if predictions != "yes":
        return predictions == "auto" and net.classifies and "logits" in names
    if not net.classifies:
        raise BadKnob(f"predictions must be auto or no for {net.name}, which puts out maps, not one score a class.")
    net.check_trained(["logits"])
    return True


def _named(net: Network, word: str) -> Iterable[str]:
    known = [name for name in net.layers if name != "input"]
    if word == "all":
        return known
    if word == "convolutions":
        modules = dict(unwrap(net.module).named_modules())
        return [name for name in known if isinstance(modules.get(name), nn.Conv2d | nn.ConvTranspose2d)]
    if "*" in word:
        table = net.layers.with_functions if "@" in word else net.layers
        found = [name for name in table if name != "input" and fnmatchcase(name, word)]
        if not found:
            raise UnknownLayer(f"{net.name} has no layer like {word!r}.{nearest(word.replace('*', ''), known)}")
        return found
    return [net.layers[word].name]


def _is_trained(net: Network, name: str) -> bool:
    try:
        net.check_trained([name])
    except BadWeights:
        return False
    return True


def _same(net: Network, names: list[str]) -> dict[str, str]:
    """Layers that put out the very value another one does, such as an Identity, → the first that does."""
    try:
        outputs = executed(net, *names).outputs
    except CannotExport:
        return {}  # then each is looked at by itself
    first: dict[str, str] = {}
    same = {name: first.setdefault(outputs[name], name) for name in names}
    return {name: other for name, other in same.items() if name != other}
