"""A sliding window: which places of a map an output looks at, and which outputs a change there can touch, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..base.pixels import Ints


@dataclass(frozen=True)
class Reach:
    """Along one axis: output place o looks at input places o·stride − before + dilation·j, for j below kernel."""

    kernel: int = 1
    stride: int = 1
    before: int = 0
    dilation: int = 1

    @property
    def span(self) -> int:
        """From the first place looked at to the last."""
        return self.dilation * (self.kernel - 1) + 1

    def sees(self, low: Ints, high: Ints) -> tuple[Ints, Ints]:
        """The first and last input place that outputs low to high look at, beyond the edges too."""
        return low * self.stride - self.before, high * self.stride - self.before + self.span - 1

    def touched(self, low: Ints, high: Ints, size: int) -> tuple[Ints, Ints]:
        """The first and last of `size` outputs that look at inputs low to high; the nearest one where none does."""
        first = -((self.span - 1 - low - self.before) // self.stride)
        last = (high + self.before) // self.stride
        first, last = np.clip(first, 0, size - 1), np.clip(last, 0, size - 1)
        return np.minimum(first, last), np.maximum(first, last)

    def after(self, inputs: int, outputs: int) -> int:
        """How far the last of the outputs looks beyond the last of the inputs."""
        return max(0, (outputs - 1) * self.stride - self.before + self.span - inputs)


Reaches: TypeAlias = tuple[Reach, Reach]
HERE: Reaches = (Reach(), Reach())
