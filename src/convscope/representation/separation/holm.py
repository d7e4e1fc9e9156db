"""Holm's step-down correction: p-values of many tests, so that none of all is wrongly believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corrected p-values (m,), in the order given, each at most 1.

    Those below a level are together right but for a probability of that level, however the tests depend on each other.
    Holm 1979, "A simple sequentially rejective multiple test procedure". Raises BadKnob for what is no probability.
    """
    found = np.asarray(p_values, float)
    if found.ndim != 1 or not ((found >= 0) & (found <= 1)).all():
        raise BadKnob("p_values must be a list of numbers from 0 to 1. Leave out the tests that have none.")
    order = np.argsort(found, kind="stable")
    steps = found[order] * np.arange(len(found), 0, -1)
    corrected = np.empty_like(found)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
