"""The control of any change of a picture: noise of the very same size, at the same places, of signs drawn at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def steps_between(seen: NDArray[np.uint8], changed: NDArray[np.uint8]) -> NDArray[np.int16]:
    """By how many of 255 steps each value (H, W, 3) changed."""
    return changed.astype(np.int16) - seen.astype(np.int16)


def noisy_copies(
    seen: NDArray[np.uint8], steps: NDArray[np.int16], draws: int, seed: int, grey: bool = False
) -> NDArray[np.uint8]:
    """The picture (H, W, 3) with its steps added under random signs, so often, (draws, H, W, 3).

    Each value moves by as many steps as it did, so that a copy differs by the same L2 and L∞, in the same values, and
    lies on the lattice of 8 bits. Where the other way would lead out of 0 to 255 the sign stays. Of `grey` networks a
    pixel's three colors have one sign: else they would cancel out.
    """
    shape = (draws, *steps.shape[:2], 1 if grey else steps.shape[2])
    signs = np.random.default_rng(seed).integers(0, 2, shape, dtype=np.int8) * 2 - 1
    turned = seen - steps
    free = (turned >= 0) & (turned <= 255)
    return np.asarray(seen + np.where(free, signs, 1) * steps, np.uint8)


def held_share(seen: NDArray[np.uint8], steps: NDArray[np.int16]) -> float:
    """Of the values that changed, which share can move one way only: there the control has the sign of the change."""
    turned, moved = seen - steps, steps != 0
    return float(((turned < 0) | (turned > 255)).sum() / max(1, moved.sum()))
