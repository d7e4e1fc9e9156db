"""What a call depends on in its inputs, and the words in which rules say so.

A rule also says which axes of the value it makes are places, so that maps are known in any layout. Values are whole
tensors here, their batch an axis like any other. What no rule knows may depend on everything, and is called a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Flag, auto
from functools import cached_property
from typing import Any, TypeAlias

from torch import Tensor

from . import axis_map, channel_map
from .axis_map import AxisMap
from .channel_map import ChannelMap, Places, Shape
from .trace import Call, Graph
from .window import Reaches

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


class Trait(Flag):
    """What else there is to a dependency, each with an operation that has it.

    On the way back to the image the last three act together. A pixel shuffle blurs: which places are seen depends on
    the channel, and its rule does not say how. That does no harm until an operation before it sorts channels, when it
    matters which; one that blends all of them ends it.
    """

    NONE = 0
    GATE = auto()  # only scales whole maps: `factor` in `maps * factor`, as squeeze-and-excitation does
    GUESS = auto()  # may be less than what is said: `roll`, which has no rule
    LOOSE = auto()  # may be less than what is said unless all of the output is wanted: `view` of a map as windows
    BLURS = auto()  # tells channels less well apart than the operation does: `pixel_shuffle`
    SORTS = auto()  # tells channels apart: `cat`, or `conv2d` in groups
    BLENDS = auto()  # does not, each output looks at all of them: `conv2d` in one group


@dataclass(frozen=True, eq=False)
class Dependency:
    """What a call looks at in one input: along y and x (None: its own place), and along the `channels` and other axes.

    `windows`: where the call may be done on a part of a map, what that part must hold for a place of the output.
    """

    value: str
    axes: tuple[AxisMap | None, AxisMap | None] = (None, None)
    channels: ChannelMap = channel_map.same_channel
    traits: Trait = Trait.NONE
    windows: Reaches | None = None


@dataclass(frozen=True)
class OperatorCall:
    """A call with what a rule must know of it: tensors that do not depend on the image, and maps that do."""

    call: Call
    graph: Graph
    tensors: Mapping[str, Tensor]
    maps: Mapping[str, Map]
    makers: Mapping[str, Call]

    @cached_property
    def args(self) -> dict[str, Any]:
        """The call's arguments by name."""
        return self.call.named

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

    @cached_property
    def same_everywhere(self) -> bool:
        """Whether all inputs are maps of the size it makes, or constants that are the same at all places of those."""
        constants = [name for name in self.call.refs if name not in self.maps]
        flat = all(name in self.tensors and math.prod(self.tensors[name].shape[-2:]) == 1 for name in constants)
        made = self.graph.shapes.get(self.call.name, ())[1:]  # without batch and channels
        return flat and {self.maps[name].shape[2:] for name in self.values} == {made}


Ruling: TypeAlias = tuple[Map, list[Dependency]]  # the value a call makes, and what it depends on
Rule: TypeAlias = Callable[[OperatorCall], Ruling]


def unknown(operator: OperatorCall, shape: Shape | None = None, places: Places = (None, None)) -> Ruling:
    """Whatever it does, it looks at no more than everything."""
    shape = operator.shape() if shape is None else shape
    return Map(shape, places), [whole_input(operator, name, Trait.GUESS) for name in operator.values]


def whole_input(operator: OperatorCall, value: str, traits: Trait = Trait.NONE) -> Dependency:
    """Looks at everything of an input."""
    source = operator.maps[value]
    y, x = (None if axis is None else axis_map.everything(source.shape[axis]) for axis in source.places)
    return Dependency(value, (y, x), channel_map.every_channel(len(source.shape)), traits)


def on_maps(
    operator: OperatorCall,
    shape: Shape,
    y: AxisMap,
    x: AxisMap,
    channels: ChannelMap = channel_map.same_channel,
    traits: Trait = Trait.NONE,
    windows: Reaches | None = None,
) -> Ruling:
    """Looks at places of (N, C, H, W); whatever else the call is given may matter everywhere."""
    first, *others = operator.values
    map_ = Dependency(first, (y, x), channels, traits, windows)
    return Map(shape, (2, 3)), [map_, *(whole_input(operator, name, Trait.GUESS) for name in others)]


def for_maps(rule: Rule) -> Rule:
    """A rule for operations whose input is (N, C, H, W), whatever is known of it."""

    def careful(operator: OperatorCall) -> Ruling:
        source, shape = operator.source, operator.shape()
        if source.places == (2, 3) and len(source.shape) == len(shape) == 4:
            return rule(operator)
        if math.prod(source.shape[2:]) == 1 and len(source.shape) == len(shape) == 4:
            return Map(shape, (2, 3)), [whole_input(operator, name) for name in operator.values]
        return unknown(operator, shape, (2, 3) if len(shape) == 4 else (None, None))

    return careful
