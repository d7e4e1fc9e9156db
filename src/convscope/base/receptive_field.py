"""What a unit can see of the network's input: the answer, as plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from .unit import Unit

Box: TypeAlias = tuple[int, int, int, int]  # top, left, bottom, right; the last two exclusive
Status: TypeAlias = Literal["exact", "upper bound", "whole input"]


@dataclass(frozen=True)
class ReceptiveField:
    """What a unit can see, in pixels of the network's input; of a layer or channel, the neuron in the middle.

    `box` (top, left, bottom, right; the last two exclusive) holds every pixel that can change the unit, and no smaller
    one does; `unclipped` goes on beyond the edges of the input, and `size`, its height and width, is what papers
    publish. `status` is "exact", "upper bound" where something on the way may look at less, or "whole input" where
    something looks at whole maps: then the size has no meaning beyond the input's. `local` is the box without gates,
    the factors that only scale whole maps (squeeze-and-excitation): what to crop.
    """

    unit: Unit
    size: tuple[int, int]
    box: Box
    unclipped: Box
    status: Status
    local: Box
    measure: Callable[[], Box | None] = field(compare=False, repr=False)

    @cached_property
    def effective(self) -> Box | None:
        """The part that matters: it holds 95 % of the mean gradient over the bundled photos; None if that vanishes.

        Luo et al. 2016, "Understanding the effective receptive field in deep convolutional neural networks". Measured
        when it is first asked for.
        """
        return self.measure()
