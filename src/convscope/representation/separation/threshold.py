"""The best single threshold of a unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def best_threshold(values: NDArray[Any], selected: NDArray[np.bool_]) -> float:
    """The value that parts selected images (above it) from the others best: by Youden's index (1950).

    That is the share of selected images above, plus the share of others below, less 1. The threshold lies half-way
    between two values that occur; of equally good ones it is the lowest, and -inf where all images above is best.
    """
    levels, places = np.unique(np.asarray(values, float), return_inverse=True)
    inside = np.bincount(places[selected], minlength=len(levels)) / selected.sum()
    outside = np.bincount(places[~selected], minlength=len(levels)) / (~selected).sum()
    index = np.concatenate([[0.0], (outside - inside).cumsum()])[:-1]
    best = int(index.argmax())
    return float((levels[best - 1] + levels[best]) / 2) if best else -np.inf


def rates(values: NDArray[Any], selected: NDArray[np.bool_], threshold: float) -> tuple[float, float]:
    """Sensitivity, the share of selected images above a threshold, and specificity, that of others not above."""
    above = values > threshold
    return float(above[selected].mean()), float((~above)[~selected].mean())
