"""Where the channels of a value lie, whatever its layout, and of which unit each of its numbers is.

Channels are found by their numbers: operations that move numbers are run on the numbers of units in place of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from .kinds import PADS, POOLS, is_moved
from .operations import Operation

Axes: TypeAlias = tuple[int, ...]
NOBODY = -1  # the unit of numbers that do not depend on the image


@dataclass(frozen=True, eq=False)
class Holder:
    """A value: its shape, the axes along which its channels lie, and its own box, or whose numbers were moved there.

    `units` holds the number of the unit of each of its numbers.
    """

    shape: tuple[int, ...]
    axes: Axes
    box: int | None
    units: Tensor | None = None

    @property
    def count(self) -> int:
        """How many channels there are."""
        return math.prod(self.shape[axis] for axis in self.axes)


def channel_numbers(shape: tuple[int, ...], axes: Axes) -> Tensor:
    """The number of the channel of each number of a value, as a view of one for each channel."""
    sizes = [shape[axis] if axis in axes else 1 for axis in range(len(shape))]
    return torch.arange(math.prod(sizes), dtype=torch.float64).reshape(sizes).expand(shape)


def by_channel(values: Tensor, axes: Axes) -> Tensor:
    """The numbers of each channel of a value, (channels, all others)."""
    rest = [axis for axis in range(values.ndim) if axis not in axes]
    count = math.prod(values.shape[axis] for axis in axes)
    return values.permute(*axes, *rest).reshape(count, -1)


def units_after(operation: Operation, given: Mapping[str, tuple[Holder, Tensor]]) -> tuple[Tensor, Axes] | None:
    """The units of the numbers that an operation moves or pools, and the axes of its channels; None for any other.

    `given` are the holders of its inputs, with the units of their numbers.
    """
    if not is_moved(operation):
        return None
    run = run_on_units(operation)
    units = run({name: units for name, (_, units) in given.items()})
    channels = run({name: channel_numbers(h.shape, h.axes) for name, (h, _) in given.items()})
    if units is None or channels is None:
        return None
    first = next(iter(given.values()))[0]
    if operation.kind in PADS:
        units = _filled(units, first.axes)
        return units, first.axes
    same = operation.kind == "cat" and len(first.shape) == units.ndim
    return units, first.axes if same else _varying(channels)


def run_on_units(operation: Operation) -> Callable[[Mapping[str, Tensor]], Tensor | None]:
    """How to run an operation on numbers that stand for units, or places; None where it pools several."""
    if operation.kind in PADS:
        named = operation.named
        return lambda given: torch.nn.functional.pad(next(iter(given.values())), named["pad"], value=NOBODY)
    constants = {name: _nobody(value) for name, value in operation.constants.items()}
    changed = Operation(operation.call, operation.inputs, constants, operation.maker)
    return (lambda given: changed(given)) if operation.kind not in POOLS else (lambda given: _pooled(changed, given))


def _nobody(value: Any) -> Any:
    floats = isinstance(value, Tensor) and value.is_floating_point()
    return torch.full_like(value, NOBODY, dtype=torch.float64, device="cpu") if floats else value


def _pooled(operation: Operation, given: Mapping[str, Tensor]) -> Tensor | None:
    """The units of what is pooled; None where numbers of several units are pooled together."""
    (name, units), *_ = given.items()
    shifted = units.double() + 2
    of_ones, mean, square, negative = (
        operation({name: x}) for x in (torch.ones_like(shifted), shifted, shifted.square(), -shifted)
    )
    found = (mean / of_ones).round()
    alone = (square / of_ones - found.square()).abs().max() < 0.5 and (negative / of_ones + found).abs().max() < 0.5
    return found - 2 if alone else None


def _varying(channels: Tensor) -> Axes:
    """The axes along which the numbers of channels differ."""
    return tuple(a for a in range(channels.ndim) if bool((channels != channels.narrow(a, 0, 1)).any()))


def _filled(units: Tensor, axes: Axes) -> Tensor:
    """Padded places belong to the channel they are put beside; channels of padding alone to nobody."""
    rest = [axis for axis in range(units.ndim) if axis not in axes]
    return torch.where(units == NOBODY, units.amax(rest, keepdim=True), units) if rest else units
