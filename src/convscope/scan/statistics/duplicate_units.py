"""Units that say the same: pairs of a layer whose peaks rise and fall together from image to image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def correlated_units(peaks: NDArray[np.float32], threshold: float) -> list[tuple[int, int, float]]:
    """Pairs (first, second, Pearson correlation) of columns of `peaks` (images, units), at least `threshold` alike.

    Units that hardly vary over the images correlate with nothing, and without images none do.
    """
    if not len(peaks):
        return []
    values = peaks.astype(np.float64)
    values -= values.mean(0)
    norm = np.sqrt((values * values).sum(0))
    scaled = np.divide(values, norm, out=np.zeros_like(values), where=norm > 1e-6 * np.abs(peaks).max(initial=1e-30))
    correlation = np.triu(scaled.T @ scaled, 1)
    first, second = np.nonzero(correlation >= threshold)
    return [(int(a), int(b), float(min(1.0, correlation[a, b]))) for a, b in zip(first, second, strict=True)]
