"""The predictions of a state as tables: what each image was taken for, and which classes are taken for which others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...base.pixels import Ints
from ..statistics.predictions import Predictions
from .entries import Entries


@dataclass(frozen=True, eq=False)
class Answers:
    """What the network said of the images that were seen, (n, k), beside the class each is said to have."""

    entries: Entries

    @cached_property
    def found(self) -> Predictions:
        """In the order of the images."""
        assert self.entries.state.predictions is not None
        return self.entries.state.predictions.ordered()

    @cached_property
    def labels(self) -> NDArray[Any]:
        """The names of the network's classes."""
        return np.array(self.entries.state.ledger.predicted, object)

    @cached_property
    def truths(self) -> Ints:
        """The network's class that each image is of, (n,), -1 where that is unknown."""
        truths = np.array([*self.entries.state.ledger.truths, -1], np.int64)  # label -1 is the last
        found: Ints = truths[self.entries.images["label"]]
        return found

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which classes are the true one, (n, k)."""
        right: NDArray[np.bool_] = self.found.classes == self.truths[:, None]
        return right

    @cached_property
    def _classes(self) -> NDArray[Any]:
        names = np.array([*self.entries.state.ledger.classes, None], object)
        found: NDArray[Any] = names[self.entries.images["label"]]
        return found

    def columns(self, refused: int) -> dict[str, Any]:
        """What the table of images says of predictions; nothing for those refused, and of what is right if unknown."""
        none: list[Any] = [None] * refused
        named: list[list[str]] = self.labels[self.found.classes].tolist()
        return {
            "predicted": pa.array([names[0] for names in named] + none, pa.string()),
            "probability": pa.array(self.found.probabilities[:, 0].tolist() + none, pa.float32()),
            "top5": pa.array(named + none, pa.list_(pa.string())),
            "correct": pa.array(self._judged(self.right[:, :1]) + none, pa.bool_()),
            "in_top5": pa.array(self._judged(self.right) + none, pa.bool_()),
        }

    def _judged(self, right: NDArray[np.bool_]) -> list[bool | None]:
        """Whether the true class is among some of the most probable, (n, m); None where it is unknown."""
        rows = zip(right.tolist(), self.truths.tolist(), strict=True)
        return [any(row) if truth >= 0 else None for row, truth in rows]

    def predictions(self) -> pa.Table:
        """One row an image and rank: the class, its score and its probability, the most probable first."""
        count, most = self.found.classes.shape
        row, rank = np.divmod(np.arange(count * most), max(1, most))
        index = self.found.classes[row, rank]
        columns = {
            "image": self.found.numbers[row],
            "id": pa.array(self.entries.images["id"][row], pa.string()),
            "class": pa.array(self._classes[row], pa.string()),
            "rank": rank.astype(np.int32),
            "predicted": pa.array(self.labels[index], pa.string()),
            "predicted_index": index,
            "score": self.found.scores[row, rank],
            "probability": self.found.probabilities[row, rank],
            "correct": pa.array(self.right[row, rank], mask=self.truths[row] < 0),
        }
        return pa.table(columns)

    def confusion(self) -> pa.Table:
        """One row a class and what images of it are taken for, most images first, with their ids."""
        known = np.flatnonzero(self.truths >= 0)
        pairs = np.stack([self.truths[known], self.found.classes[known, 0]], 1)
        cells, which, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
        rows = known[np.argsort(which.ravel(), kind="stable")]
        ids = [own.tolist() for own in np.split(self.entries.images["id"][rows], np.cumsum(counts)[:-1])]
        order = np.argsort(-counts, kind="stable")
        true, predicted = cells[order].astype(np.int32).T
        return pa.table(
            {
                "class": pa.array(self.labels[true], pa.string()),
                "predicted": pa.array(self.labels[predicted], pa.string()),
                "class_index": true,
                "predicted_index": predicted,
                "correct": true == predicted,
                "images": counts[order],
                "ids": pa.array([ids[cell] for cell in order], pa.list_(pa.string())),
            }
        )
