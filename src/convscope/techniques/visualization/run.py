"""All batches of pictures, made one after the other, reported, cancelled and taken up again."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...contract.checkpoint import Kept
from ...execution.features import looking
from ...optimize.loop import AscentLoop
from .batch import Painted, VisualizationBatch
from .batches import VisualizationBatches


class VisualizationRun(AscentLoop):
    """Makes every batch, each in a stage; `painted` are those that were begun.

    The last one is at its best so far where it was cancelled.
    """

    def __init__(self, batches: VisualizationBatches) -> None:
        self.batches, self.painted = batches, list[Painted]()
        self._batch: VisualizationBatch | None = None
        super().__init__([batches.setup.preset.steps] * len(batches.by_batch))

    def paint(self) -> list[Painted]:
        """All of it, or as much as there was time for."""
        setup = self.batches.setup
        with looking(setup.net, self.batches.layers, setup.precision) as extractor:
            self._extractor, self._shown = extractor, self.batches.shown(extractor)
            self.carry_out()
            if self._batch is not None:
                self.painted.append(self._batch.painted(whole=False))
        return self.painted

    def _begin(self, stage: int) -> int:
        finished = _finished(self._kept, stage)
        if finished is not None:
            self.painted.append(finished)
            return self.batches.setup.preset.steps
        pieces, at_once = self.batches.by_batch[stage], self.batches.at_once
        self._batch = VisualizationBatch(self.batches.setup, pieces, self._extractor, self._shown, at_once)
        state = self._kept.load(f"group{stage}")
        if state is not None:
            self._batch.load(state)
        return self._batch.ascent.number

    def _ascend(self, stage: int, step: int) -> None:
        assert self._batch is not None
        self._batch.step()

    def _end(self, stage: int) -> None:
        if self._batch is None:  # it was finished before
            return
        self.painted.append(self._batch.painted(whole=True))
        self._batch = None
        self._kept.save(f"done{stage}", {name: np.asarray(value) for name, value in vars(self.painted[-1]).items()})
        self._kept.drop(f"group{stage}")

    def _keep(self, stage: int) -> None:
        assert self._batch is not None
        self._kept.save(f"group{stage}", self._batch.state())

    def _preview(self) -> NDArray[np.float32]:
        """The pictures as they are now, (n, C, H, W)."""
        now = [self._batch.pictures()] if self._batch is not None else []
        return np.concatenate([*(one.images for one in self.painted), *now])


def _finished(keep: Kept, number: int) -> Painted | None:
    state: dict[str, Any] | None = keep.load(f"done{number}")
    if state is None:
        return None
    parts = {field.name: state[field.name] for field in fields(Painted)}
    return Painted(**{name: value.item() if value.ndim == 0 else value for name, value in parts.items()})
