"""A session: all groups of pictures painted one after the other, reported, cancelled and taken up again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.progress import Work
from ...contract.checkpoint import EVERY, Kept, kept
from .batch import Painted, VisualizationBatch
from .paintings import Paintings


class VisualizationRun:
    """Paints every group; `painted` are those that were begun, the last one at its best so far where it was cancelled.

    Its state is kept where `base.checkpoint` says: a finished group whole, the present one now and then.
    """

    def __init__(self, paintings: Paintings) -> None:
        self.paintings, self.painted = paintings, list[Painted]()
        self._kept = kept()
        self._group: VisualizationBatch | None = None
        self.work = Work(range(paintings.studio.recipe.steps * len(paintings.groups)), self.so_far)

    def paint(self) -> list[Painted]:
        """All of it, or as much as there was time for."""
        ticks = iter(self.work)
        for number, begin in self.paintings.begun():
            found = _finished(self._kept, number)
            if found is not None:
                self.painted.append(found)
                for _ in zip(range(self.paintings.studio.recipe.steps), ticks, strict=False):
                    pass
                continue
            group = self._group = begin()
            found = self._ascend(group, number, ticks)
            self._group = None
            if len(found.curve) or not self.painted:  # else it was cancelled between two groups
                self.painted.append(found)
            if found.left:
                break
        next(ticks, None)  # reports the last step
        return self.painted

    def so_far(self) -> NDArray[np.float32]:
        """The pictures as they are now, (n, C, H, W)."""
        now = [self._group.ascent.image().cpu().numpy()] if self._group is not None else []
        return np.concatenate([*(one.images for one in self.painted), *now])

    def _ascend(self, group: VisualizationBatch, number: int, ticks: Iterator[int]) -> Painted:
        state = self._kept.load(f"group{number}")
        if state is not None:
            group.take_up(state)
        steps = self.paintings.studio.recipe.steps
        for step in range(steps):
            if next(ticks, None) is None:
                group.keep(self._kept, f"group{number}")
                return dataclasses.replace(group.painted(whole=False), left=steps - step)
            if step >= group.ascent.number:
                group.step()
            if step % EVERY == EVERY - 1:
                group.keep(self._kept, f"group{number}")
        return self._finish(group.painted(whole=True), number)

    def _finish(self, found: Painted, number: int) -> Painted:
        self._kept.save(f"done{number}", {name: np.asarray(value) for name, value in vars(found).items()})
        self._kept.drop(f"group{number}")
        return found


def _finished(keep: Kept, number: int) -> Painted | None:
    state: dict[str, Any] | None = keep.load(f"done{number}")
    if state is None:
        return None
    return Painted(**{name: value.item() if value.ndim == 0 else value for name, value in state.items()})
