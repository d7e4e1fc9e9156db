"""Exact results for many inputs that differ from one image in a rectangle each, at a fraction of the work.

What a change cannot reach is taken from the clean forward: every step computes only the window that can have changed,
from the window before it and its surroundings in the clean maps. From where a window covers most of its map, or a step
looks at everything, whole maps are computed. After Nakandala, Kumar and Papakonstantinou 2019, "Incremental and
approximate inference for faster occlusion-based deep CNN explanations" (Krypton), for any executed graph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.pixels import Ints
from ..graph.trace import INPUT
from .dirty_windows import Interval, propagate_forward, runs, slab
from .plan import BATCH, CUT, Plan, Step

# Windows save 6.1× of vgg16's multiplications, 2.3× of resnet18's and 1.6× of lite0's (patch 32, stride 8, 224 px).
_MOST = 0.8  # of a map: from there on, gathering what surrounds a window costs more than computing the rest


@dataclass(frozen=True)
class PatchGroup:
    """Positions of the patch that run together: indices along y and x, one pair each."""

    y: Ints
    x: Ints


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a map for each of N positions, (N, C, h, w); all that is not in it is as in the clean map."""

    part: Tensor
    y: Interval
    x: Interval

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.part.shape[2], self.part.shape[3]


class Incremental:
    """Runs a plan for copies of x, (1, C, H, W), each with another rectangle of `hidden` laid over it.

    `rows` and `columns` are the rectangles' intervals along y and x; every pair of them is a position. `work` and
    `whole_work` count the multiplications done and those that whole maps would have taken.
    """

    def __init__(self, plan: Plan, x: Tensor, hidden: Tensor, rows: Interval, columns: Interval) -> None:
        self.plan, self._classifier = plan.parts
        plan = self.plan
        self.y, self.x = propagate_forward(plan, 0, rows), propagate_forward(plan, 1, columns)
        self.clean = plan.run(x.contiguous(memory_format=torch.channels_last), _surroundings(plan))
        self.work = self.whole_work = 0.0
        self.windowed: set[str] = set()
        self._image, self._hidden = x, hidden
        self._rows: dict[Any, Rows] = {}

    @property
    def convolutions(self) -> int:
        """How many convolutions there are."""
        return sum(step.work > 0 for step in self.plan.steps)

    @property
    def obstacle(self) -> str:
        """The first operation on maps that looks at everything, as a sentence."""
        first = next((step.kind for step in self.plan.steps if step.reach is None), "")
        return f"{first} looks at the whole map, and all after it depends on that" if first else "the maps are small"

    def groups(self, size: int) -> list[PatchGroup]:
        """All positions in tiles of about `size` neighbours, whose windows are much alike."""
        tall, wide = len(self.y[INPUT].low), len(self.x[INPUT].low)
        # A square of neighbours has the smallest window that holds all of theirs: vgg16 keeps 6.1× of its 6.5× so.
        side = min(math.isqrt(size), tall)
        pairs = [(y, x) for y in runs(tall, side) for x in runs(wide, max(1, size // side))]
        return [PatchGroup(np.repeat(y, len(x)), np.tile(x, len(y))) for y, x in pairs]

    def maps(self, group: PatchGroup) -> dict[str, Tensor]:
        """As far as maps go: what `finished` needs, which may be given several groups' at once."""
        values: dict[str, Any] = {BATCH: len(group.y), INPUT: self._hide(group)}
        left = self.plan.readers.copy()
        for step in self.plan.steps:
            values[step.name] = self._windowed(step, values, group) or self._whole(step, values)
            # what is whole once stays so: windows would have to be found in it again
            self.plan.free(step, values, left)
        return {layer: self._pasted(name, values[name]) for layer, name in self.plan.outputs.items()}

    def finished(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors at the plan's outputs, by layer, (N, …)."""
        rest = dict(found)
        vector = rest.pop(CUT, None)
        if vector is None:
            return rest
        values = self._classifier.run(vector)
        return {**rest, **{layer: values[name] for layer, name in self._classifier.outputs.items()}}

    def _hide(self, group: PatchGroup) -> Window:
        """The patches; one that is cut off at the edge, and so smaller than others, with some of the image."""
        y, x = self._place(INPUT, group)
        image, hidden = (_gather(_rows_of(whole), y, x) for whole in (self._image, self._hidden))
        rows, columns = y.inside(self.y[INPUT][group.y]), x.inside(self.x[INPUT][group.x])
        patch = torch.from_numpy(rows[:, :, None] & columns[:, None, :]).to(image.device)
        return Window(torch.where(patch[:, None], hidden, image), y, x)

    def _windowed(self, step: Step, values: dict[str, Any], group: PatchGroup) -> Window | None:
        """The window a step makes from windows; None where it must or had better make a whole map."""
        inputs = [values[name] for name in step.inputs]
        if step.reach is None or not all(isinstance(value, Window) for value in inputs):
            return None
        y, x = self._place(step.name, group)
        _, height, width = self.plan.shapes[step.name]
        share = y.length * x.length / (height * width)
        if share > _MOST and step.gathers:  # element-wise steps gather nothing, so a large window costs them nothing
            return None
        self._count(step, len(group.y), share)
        self.windowed |= {step.name} if step.work else set()
        slabs = [slab(reach, window) for reach, window in zip(step.reach, (y, x), strict=True)]
        return Window(step.part([self._slab(step, name, values[name], *slabs) for name in step.inputs]), y, x)

    def _whole(self, step: Step, values: dict[str, Any]) -> Any:
        for name in step.inputs:
            values[name] = self._pasted(name, values[name])
        self._count(step, values[BATCH], 1.0)
        return step.whole(values)

    def _count(self, step: Step, images: int, share: float) -> None:
        self.work += images * share * step.work
        self.whole_work += images * step.work

    def _place(self, name: str, group: PatchGroup) -> tuple[Interval, Interval]:
        _, height, width = self.plan.shapes[name]
        return self.y[name][group.y].evened(height), self.x[name][group.x].evened(width)

    def _slab(self, step: Step, name: str, window: Window, y: Interval, x: Interval) -> Tensor:
        """What a step must see of a value: the window itself, or with what surrounds it in the clean map."""
        top, left = window.y.low - y.low, window.x.low - x.low
        size = y.length, x.length
        if size == window.size and not top.any() and not left.any():
            return window.part
        part = _gather(self._surrounded(step, name), y, x)
        _lay(part, window.part, top, left)
        return part

    def _surrounded(self, step: Step, name: str) -> Rows:
        """The clean map of a value with as much beyond its edges as a step looks at."""
        assert step.reach is not None
        sizes = zip(self.plan.shapes[name][1:], self.plan.shapes[step.name][1:], step.reach, strict=True)
        (top, bottom), (left, right) = ((reach.before, reach.after(ins, outs)) for ins, outs, reach in sizes)
        key = name, top, bottom, left, right, step.edge  # for all groups, and all steps that look as far
        if key not in self._rows:
            padded = F.pad(self.clean[name], (left, right, top, bottom), value=step.edge)
            self._rows[key] = replace(_rows_of(padded), top=top, left=left)
        return self._rows[key]

    def _pasted(self, name: str, value: Any) -> Any:
        """A window laid over the clean map, for each position; whole maps and vectors as they are."""
        if not isinstance(value, Window):
            return value
        clean = _rows_of(self.clean[name])
        full = clean.table.repeat(len(value.part), 1)  # all copies one table, so that one index_copy_ pastes them all
        at = clean.places(value.y, value.x) + np.arange(len(value.part)).reshape(-1, 1, 1) * len(clean.table)
        full.index_copy_(0, torch.from_numpy(at.ravel()).to(full.device), _rows_of(value.part).table)
        return full.view(len(value.part), *self.clean[name].shape[2:], -1).permute(0, 3, 1, 2)


@dataclass(frozen=True, eq=False)
class Rows:
    """A map as a table with one row a place, (H·W, C); `top` and `left` are how much lies before its first place."""

    table: Tensor
    width: int
    top: int = 0
    left: int = 0

    def places(self, y: Interval, x: Interval) -> Ints:
        """The rows of windows, (N, h, w)."""
        rows = (y.low + self.top)[:, None] + np.arange(y.length)
        columns = (x.low + self.left)[:, None] + np.arange(x.length)
        found: Ints = rows[:, :, None] * self.width + columns[:, None, :]
        return found


def _rows_of(maps: Tensor) -> Rows:
    return Rows(maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1]), maps.shape[3])


def _gather(rows: Rows, y: Interval, x: Interval) -> Tensor:
    """Windows of a map, (N, C, h, w), in the channels-last layout."""
    at = rows.places(y, x)
    found = rows.table.index_select(0, torch.from_numpy(at.ravel()).to(rows.table.device))
    return found.view(*at.shape, -1).permute(0, 3, 1, 2)


def _lay(slabs: Tensor, parts: Tensor, top: Ints, left: Ints) -> None:
    """Lay parts over slabs, each with its corner at its own place; what would stick out is left away."""
    (tall, wide), (height, width) = slabs.shape[2:], parts.shape[2:]
    if np.ptp(top) == 0 and np.ptp(left) == 0:  # one copy for all
        y, x = int(top[0]), int(left[0])
        inner = slabs[:, :, max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
        inner.copy_(parts[:, :, max(-y, 0) : max(-y, 0) + inner.shape[2], max(-x, 0) : max(-x, 0) + inner.shape[3]])
        return
    rows, columns = top[:, None] + np.arange(height), left[:, None] + np.arange(width)
    inside = ((rows >= 0) & (rows < tall))[:, :, None] & ((columns >= 0) & (columns < wide))[:, None, :]
    at = np.arange(len(top))[:, None, None] * (tall * wide) + rows[:, :, None] * wide + columns[:, None, :]
    source = _rows_of(parts).table
    if not inside.all():
        source = source.index_select(0, torch.from_numpy(np.flatnonzero(inside)).to(source.device))
    _rows_of(slabs).table.index_copy_(0, torch.from_numpy(at[inside]).to(source.device), source)


def _surroundings(plan: Plan) -> set[str]:
    """The values whose clean maps are needed beside their windows."""
    return {name for step in plan.steps if step.reach is None or step.gathers for name in step.inputs}
