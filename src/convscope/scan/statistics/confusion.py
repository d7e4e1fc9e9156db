"""What a network takes the images of each class for, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...base.unit import find_label
from .manifest import Manifest


@dataclass(frozen=True, eq=False)
class Confusion:
    """How many images of one class were taken for another: `counts` (n, n), the true class first.

    `labels` are the n classes that occur, true or predicted, in the order of the network, and `indices` their numbers
    there. `top1` and `top5` are the shares of the `images` whose class is the most probable, or one of the five most
    probable. `unmatched` are those classes of the images that are none of the network's; their images are left out.
    """

    labels: tuple[str, ...]
    indices: tuple[int, ...]
    counts: NDArray[np.int64]
    images: int
    top1: float
    top5: float
    unmatched: tuple[str, ...]
    ids: Mapping[tuple[int, int], tuple[str, ...]]
    """The images of each cell that is not empty, by the numbers of its two classes."""

    def images_of(self, true: str | int, predicted: str | int) -> tuple[str, ...]:
        """The ids of the images of one class that were taken for another; a class by its label or number.

        Raises UnknownUnit for a label that is none of `labels`.
        """
        return self.ids.get((self._index(true), self._index(predicted)), ())

    def most(self, count: int = 10) -> list[tuple[str, str, int]]:
        """The most frequent mistakes: (true class, what it is taken for, images)."""
        names = dict(zip(self.indices, self.labels, strict=True))
        wrong = [(names[t], names[p], len(ids)) for (t, p), ids in self.ids.items() if t != p]
        return wrong[:count]

    def _index(self, name: str | int) -> int:
        return name if isinstance(name, int) else self.indices[find_label(name, self.labels)]


def confusion_of(cells: pa.Table, images: pa.Table, unmatched: tuple[str, ...]) -> Confusion:
    """The confusion that the tables `confusion` and `images` of a scan tell of."""
    rows = cells.to_pylist()
    names = {row[f"{side}_index"]: row[side] for row in rows for side in ("class", "predicted")}
    indices = tuple(sorted(names))
    counts = np.zeros((len(indices), len(indices)), np.int64)
    for row in rows:
        counts[indices.index(row["class_index"]), indices.index(row["predicted_index"])] = row["images"]
    among = [here for here in images["in_top5"].to_pylist() if here is not None]
    return Confusion(
        labels=tuple(names[index] for index in indices),
        indices=indices,
        counts=counts,
        images=len(among),
        top1=float(counts.trace() / max(1, len(among))),
        top5=sum(among) / max(1, len(among)),
        unmatched=unmatched,
        ids={(row["class_index"], row["predicted_index"]): tuple(row["ids"]) for row in rows},
    )


def unpredicted(ledger: Manifest) -> str:
    """Why a scan has no predictions, or no confusion, and what to do."""
    net, predicted, classes = ledger.network, ledger.predicted, ledger.classes
    if not predicted:
        return f"It needs one score a class from {net}, and predictions=yes. Scan again with it."
    if not classes:
        return "It needs images in class folders or with labels, scanned with labels=source or labels=network."
    return (
        f"Classes must be those of {net}, such as {predicted[0]!r}, not {classes[0]!r}. Name the folders so or by "
        "number, as in 0_name, or give the network these labels, and scan again."
    )
