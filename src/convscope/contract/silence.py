"""When a unit says nothing: one measure for filters, for the activations of an image, and for those of a scan."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SILENT = 1e-5  # of the layer's largest: what training has switched off stays under 5e-6, all else is above 3e-4


def floor(sizes: NDArray[Any]) -> float:
    """Up to which value a unit of a layer says nothing: `SILENT` times the largest of the sizes of all its units.

    A unit's size is its largest |activation| over all that was looked at, or the norm of its filter.
    """
    return SILENT * float(np.max(sizes, initial=0.0))


def silent(sizes: NDArray[Any]) -> NDArray[np.bool_]:
    """Which units of a layer say nothing, (units,), from their `sizes` (units,); all of them where all are zero."""
    quiet: NDArray[np.bool_] = sizes <= floor(sizes)
    return quiet
