"""How burned pictures look, in three figures that photos have too: what is clipped, how saturated, how contrasty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR = 8  # of 255: what is this close to black or white, in any color, counts as clipped
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Looks:
    """Means over pictures: the share of clipped values, saturation (HSV), and the deviation of grey."""

    clipped: float
    saturation: float
    contrast: float

    @classmethod
    def of(cls, pictures: NDArray[np.float32]) -> Looks:
        """Of pictures (n, H, W, 3) from 0 to 1."""
        values = np.rint(pictures.clip(0, 1) * 255)
        most, least = pictures.max(-1), pictures.min(-1)
        return cls(
            float(((values <= NEAR) | (values >= 255 - NEAR)).mean()),
            float(((most - least) / most.clip(1e-6)).mean()),
            float((pictures @ LUMA).std((1, 2)).mean()),
        )

    def __str__(self) -> str:
        return f"{100 * self.clipped:.1f} % | {self.saturation:.2f} | {self.contrast:.2f}"


COLUMNS = ("within 8 of 0 or 255", "saturation", "contrast")
