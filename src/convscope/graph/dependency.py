"""What a call looks at in its inputs, and the words in which rules say so.

A rule also says which axes of the value it makes are places, so that maps are followed in any layout. Values are whole
tensors here, their batch an axis like any other. What no rule knows may look at everything, and is marked as a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from torch import Tensor

from . import axis_map, channel_map
from .axis_map import AxisMap
from .channel_map import ChannelMap, Places, Shape
from .trace import Call, Graph

BATCH = 2  # images the graph was traced with


@dataclass(frozen=True)
class Map:
    """The shape of a value, with its batch, and which axes are y and x; None where it has none, or they were lost."""

    shape: Shape
    places: Places = (None, None)

    @property
    def sizes(self) -> tuple[int, int]:
        """Places along y and x."""
        y, x = (1 if axis is None else self.shape[axis] for axis in self.places)
        return y, x


@dataclass(frozen=True, eq=False)
class Dependency:
    """What a call looks at in one input: along y and x (None: its own place), and along the other axes.

    `gate`: the input only scales whole maps. `guess`: it may be less. `sloppy`: it may be less unless all was wanted.
    `blurs`: which places are seen depends on the channel in a way the rule does not tell apart, which matters when a
    later one `sorts` channels, and no more when one `blends` them all.
    """

    value: str
    looks: tuple[AxisMap | None, AxisMap | None] = (None, None)
    mix: ChannelMap = channel_map.same_channel
    gate: bool = False
    guess: bool = False
    sloppy: bool = False
    blurs: bool = False
    sorts: bool = False
    blends: bool = False


@dataclass(frozen=True)
class OperatorCall:
    """A call with what a rule must know of it."""

    call: Call
    graph: Graph
    tensors: Mapping[str, Tensor]
    maps: Mapping[str, Map]
    makers: Mapping[str, Call]

    @cached_property
    def args(self) -> dict[str, Any]:
        """The call's arguments by name, defaults too."""
        found = {}
        for place, argument in enumerate(self.call.op._schema.arguments):  # type: ignore[attr-defined]
            given = self.call.kwargs.get(argument.name, argument.default_value)
            found[argument.name] = self.call.args[place] if place < len(self.call.args) else given
        return found

    @cached_property
    def values(self) -> list[str]:
        """The inputs that depend on the image."""
        return list(dict.fromkeys(name for name in self.call.refs if name in self.maps))

    @property
    def source(self) -> Map:
        """The first of them."""
        return self.maps[self.values[0]]

    def shape(self, batch: int | None = None) -> Shape:
        """Of the value it makes; of a list or tuple, that of its first entry."""
        name, shapes = self.call.name, self.graph.shapes
        if name not in shapes:
            name = next((c.name for c in self.makers.values() if c.refs[:1] == [name] and c.kind == "getitem"), name)
        return (self.source.shape[0] if batch is None else batch, *shapes.get(name, ()))

    def size(self, value: str) -> Shape:
        """The shape of any input, without its batch where it is no tensor of the module."""
        return tuple(self.tensors[value].shape) if value in self.tensors else (0, *self.graph.shapes[value])


Seen: TypeAlias = tuple[Map, list[Dependency]]
Rule: TypeAlias = Callable[[OperatorCall], Seen]


def unknown(scene: OperatorCall, shape: Shape | None = None, places: Places = (None, None)) -> Seen:
    """Whatever it does, it looks at no more than everything."""
    shape = scene.shape() if shape is None else shape
    return Map(shape, places), [whole_input(scene, name, guess=True) for name in scene.values]


def whole_input(scene: OperatorCall, value: str, **marks: bool) -> Dependency:
    """Looks at everything of an input; of a single place that is no guess."""
    source = scene.maps[value]
    y, x = (None if axis is None else axis_map.everything(source.shape[axis]) for axis in source.places)
    return Dependency(value, (y, x), channel_map.every_channel(len(source.shape)), **marks)


def on_maps(
    scene: OperatorCall,
    shape: Shape,
    y: AxisMap,
    x: AxisMap,
    channels: ChannelMap = channel_map.same_channel,
    **marks: bool,
) -> Seen:
    """Looks at places of (N, C, H, W); whatever else the call is given may matter everywhere."""
    first, *others = scene.values
    seen = Dependency(first, (y, x), channels, **marks)
    return Map(shape, (2, 3)), [seen, *(whole_input(scene, name, guess=True) for name in others)]


def for_maps(rule: Rule) -> Rule:
    """A rule for operations whose input is (N, C, H, W), whatever is known of it."""

    def careful(scene: OperatorCall) -> Seen:
        source, shape = scene.source, scene.shape()
        if source.places == (2, 3) and len(source.shape) == len(shape) == 4:
            return rule(scene)
        if math.prod(source.shape[2:]) == 1 and len(source.shape) == len(shape) == 4:
            return Map(shape, (2, 3)), [whole_input(scene, name) for name in scene.values]
        return unknown(scene, shape, (2, 3) if len(shape) == 4 else (None, None))

    return careful
