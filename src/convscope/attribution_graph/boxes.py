"""Boxes: operations joined as far as channels stay apart, so that a convolution brings along its norm and rectifier.

A value that one operation alone reads, which keeps channels apart, is inside the box of that operation. What moves
numbers, or pools places, has no box: its numbers are those of the units they come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .holders import Axes, Holder, by_channel, channel_numbers, units_after
from .kinds import is_moved, keeps
from .operations import Operation


@dataclass(eq=False)
class FlowBox:
    """Operations in order, of which the last makes `end`; its channels are the units from number `first` on."""

    end: str
    count: int
    operations: list[Operation] = field(default_factory=list)
    first: int = -1

    @property
    def units(self) -> range:
        """The numbers of its units."""
        return range(self.first, self.first + self.count)


@dataclass(frozen=True)
class BoxEntry:
    """Where an operation reads what other boxes hold; `aligned` if each channel reads its own channel alone."""

    operation: Operation
    name: str
    aligned: bool


class BoxGraph:
    """The boxes of the operations up to a value, and whose unit each number of each value is.

    `shapes` are those of all values for one image, `start` is the name of the image and `end` that of the last value.
    """

    def __init__(
        self, operations: Sequence[Operation], shapes: Mapping[str, tuple[int, ...]], start: str, end: str
    ) -> None:
        self.operations, self.start, self.end = operations, start, end
        self._read = Counter(name for operation in operations for name in operation.call.refs)
        self._read.update(name for o in operations if o.maker is not None for name in o.maker.refs)
        self._read[end] += 1
        self.holders: dict[str, Holder] = {}
        self._boxes = [FlowBox(start, shapes[start][1])]
        self._total = 0
        self.holders[start] = Holder(shapes[start], (1,), 0)
        for operation in operations:
            if operation.name in shapes:
                self._place(operation, shapes[operation.name])
        self.root = self._boxes[self.holders[end].box or 0]
        self.boxes = [box for number, box in enumerate(self._boxes) if self._current(box, number)]
        for box in self.boxes:
            self._numbered(box)

    @property
    def total(self) -> int:
        """How many units there are in all boxes."""
        return self._total

    def sources(self, operation: Operation) -> list[str]:
        """The inputs of an operation that have units."""
        return [name for name in operation.inputs if name in self.holders]

    def box_of(self, name: str) -> FlowBox | None:
        """The box of a value; None of one whose numbers were moved there."""
        number = self.holders[name].box
        return None if number is None else self._boxes[number]

    def units(self, name: str) -> Tensor:
        """The number of the unit of each number of a value, -1 where it is of none."""
        holder = self.holders[name]
        if holder.units is not None:
            return holder.units
        box = self.box_of(name)
        assert box is not None
        return channel_numbers(holder.shape, holder.axes) + self._numbered(box)

    def entries(self, box: FlowBox) -> list[BoxEntry]:
        """Where a box reads what others hold."""
        return [
            BoxEntry(operation, name, self.aligned(operation, name))
            for operation in box.operations
            for name in self.sources(operation)
            if self.box_of(name) is not box
        ]

    def aligned(self, operation: Operation, name: str) -> bool:
        """Whether each channel that an operation makes depends on the same channel of an input alone."""
        made, read = self.holders[operation.name], self.holders[name]
        shift = len(made.shape) - len(read.shape)
        axes = tuple(axis + shift for axis in read.axes)
        return keeps(operation) and axes == made.axes and read.count == made.count

    def _place(self, operation: Operation, shape: tuple[int, ...]) -> None:
        names = self.sources(operation)
        if not names:
            return
        given = {name: (self.holders[name], self.units(name)) for name in names} if is_moved(operation) else {}
        found = units_after(operation, given) if given else None
        if found is not None and operation.name != self.end:
            self.holders[operation.name] = Holder(shape, found[1], None, found[0].double())
            return
        axes = self._axes(operation, names, shape) if found is None else found[1]
        self.holders[operation.name] = Holder(shape, axes, len(self._boxes))
        box = FlowBox(operation.name, self.holders[operation.name].count)
        for name in names:
            if self._read[name] == 1 and self.aligned(operation, name):
                self._join(box, name)
        box.operations.append(operation)
        self._boxes.append(box)

    def _join(self, box: FlowBox, name: str) -> None:
        """Take the box of a value in."""
        number = self.holders[name].box
        if number is None or number == 0:
            return
        other = self._boxes[number]
        box.operations += other.operations
        for index, known in enumerate(self._boxes):
            if known is other:
                self._boxes[index] = box

    def _axes(self, operation: Operation, names: Sequence[str], shape: tuple[int, ...]) -> Axes:
        """Where the channels of what an operation makes lie."""
        if operation.kind in ("linear", "matmul", "bmm", "mm", "addmm"):
            return (len(shape) - 1,)
        if operation.kind.startswith("conv"):
            return (len(shape) - (2 if operation.kind.endswith("1d") else 3),)
        like = names[-1] if operation.kind == "scaled_dot_product_attention" else None
        alike = [self.holders[name] for name in names if len(self.holders[name].shape) == len(shape)]
        if like is not None and len(self.holders[like].shape) == len(shape):
            alike = [self.holders[like]]
        if alike:
            widest = max(alike, key=lambda holder: holder.count)
            return tuple(axis for axis in widest.axes if shape[axis] > 1 or keeps(operation))
        return (1,) if len(shape) > 1 else ()

    def _current(self, box: FlowBox, number: int) -> bool:
        """Whether a box is still one by itself, at the number where it was made."""
        return all(known is not box for known in self._boxes[number + 1 :])

    def _numbered(self, box: FlowBox) -> int:
        """The number of a box's first unit; it is given when it is first asked for."""
        if box.first < 0:
            box.first = self._total
            self._total += box.count
        return box.first


def flow(slope: Tensor, value: Tensor, axes: Axes) -> Tensor:
    """What each channel of a value gives to the unit, (channels,) in double precision: Σ slope × activation."""
    # Padding before a maximum is -inf, and never chosen.
    found = by_channel(slope * value, axes).sum(1, dtype=torch.float64)
    if bool(found.isfinite().all()):
        return found
    return by_channel(slope * value.nan_to_num(neginf=0.0), axes).sum(1, dtype=torch.float64)


def row(slope: Tensor, value: Tensor, units: Tensor, total: int) -> Tensor:
    """What each unit gives through some numbers of a value, (total,) doubles; `units` says whose these are."""
    given = (slope * value.nan_to_num(neginf=0.0)).double().reshape(-1)
    owners = units.reshape(-1).long().to(given.device)
    found = torch.zeros(total + 1, dtype=torch.float64, device=given.device)
    return found.index_add_(0, owners.where(owners >= 0, total), given)[:total]  # the last one is nobody
