"""The class that each unit tells best from all others: chosen on one half of the images, tested on the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .auroc import aurocs_by_class
from .halves import finding_half
from .separate import LEAST


@dataclass(frozen=True, eq=False)
class BestClasses:
    """Of each unit (d,) the number of a class in `names`, -1 where there is none, and its area on either half, (d,).

    `few` counts the classes that have less than five images in a half, which no unit is asked about.
    """

    names: tuple[str, ...]
    best: NDArray[np.int64]
    found: NDArray[np.float64]
    auroc: NDArray[np.float64]
    few: int


def best_classes(
    codes: NDArray[Any], labels: Sequence[str | None], ids: Sequence[str], *, seed: int = 0
) -> BestClasses:
    """Find the class whose images a unit of codes (n, d) says most of, against all others, and test it.

    One half of the images, by a hash of their `ids` (n,), chooses the class by the area under the ROC curve; the area
    on the other half is free of the choice. Images whose label is None are among the others. Raises BadKnob for NaN.
    """
    finding = finding_half(ids, seed)
    halves = [Counter(compress(labels, half)) for half in (finding, ~finding)]
    known = sorted({label for label in labels if label is not None})
    names = tuple(name for name in known if min(half[name] for half in halves) >= LEAST)
    width, few = codes.shape[1], len(known) - len(names)
    if not names or all(set(half) == {names[0]} for half in halves):  # nothing to tell from anything
        unknown = np.full(width, np.nan)
        return BestClasses((), np.full(width, -1), unknown, unknown, few)
    numbers = np.array([names.index(label) if label in names else -1 for label in labels])
    areas = [aurocs_by_class(codes[half], numbers[half], len(names)) for half in (finding, ~finding)]
    best = np.nan_to_num(areas[0], nan=-1).argmax(0)
    found, auroc = (each[best, np.arange(width)] for each in areas)
    return BestClasses(names, best, found, auroc, few)
