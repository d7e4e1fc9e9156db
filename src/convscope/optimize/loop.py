"""One ascent after another as one piece of work: reported, stopped early, and taken up where it stopped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..base.progress import Work
from ..contract.checkpoint import EVERY, kept
from .ascent import Ascent, NotFinite

_ASCENT = "ascent."  # before the names of its parts, in a state


class AscentLoop(ABC):
    """Goes through stages, each of as many steps as `stages` says and with an ascent of its own.

    `number` steps were taken. State is kept where `contract.checkpoint` says: after each stage, and within it every 16
    steps. `broken` says where numbers were no longer finite, if that ended the work.
    """

    def __init__(self, stages: Sequence[int]) -> None:
        self._ends = list(accumulate(stages))
        self.work = Work(range(self._ends[-1]), self._preview)
        self.number, self.broken, self._kept = 0, "", kept()

    @property
    def at(self) -> tuple[int, int]:
        """The stage that comes next, or is under way, and the next step of it."""
        stage = bisect_right(self._ends, self.number)
        return stage, self.number - (self._ends[stage - 1] if stage else 0)

    def carry_out(self) -> None:
        """All of it, or as much as there was time for."""
        self._take_up()
        for number in self.work:
            if number == self.number and self.at[1] == 0:
                self._enter(self.at[0])
            if number < self.number:  # it was taken before
                continue
            try:
                self._step(*self.at)
            except NotFinite as error:
                self._fail(error)
                return
        stage, step = self.at
        if step:
            self._keep(stage)

    def _enter(self, stage: int) -> None:
        self.number += self._begin(stage)
        if self.number == self._ends[stage]:
            self._end(stage)

    def _step(self, stage: int, step: int) -> None:
        self._ascend(stage, step)
        self.number += 1
        if self.number == self._ends[stage]:
            self._end(stage)
        elif step % EVERY == EVERY - 1:
            self._keep(stage)

    def _take_up(self) -> None:  # noqa: B027  # for loops whose stages build on one another
        """Go on from what was kept of all stages, if anything was."""

    @abstractmethod
    def _begin(self, stage: int) -> int:
        """Make a stage ready; how many of its steps are taken already, as was kept of it alone."""

    @abstractmethod
    def _ascend(self, stage: int, step: int) -> None: ...

    @abstractmethod
    def _end(self, stage: int) -> None:
        """Put aside, and keep, what a stage has made."""

    @abstractmethod
    def _keep(self, stage: int) -> None:
        """Keep the state of a stage, and with it what it was built on."""

    @abstractmethod
    def _preview(self) -> NDArray[np.float32]: ...

    def _fail(self, error: NotFinite) -> None:
        """Say in `broken` where it was; or raise the error, where there is no picture to show for the work."""
        raise error


def ascent_state(ascent: Ascent | None) -> dict[str, Any]:
    """The state of an ascent as a part of another state; nothing where there is none."""
    return {} if ascent is None else {f"{_ASCENT}{name}": value for name, value in ascent.state().items()}


def ascent_in(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of the ascent that is a part of a state."""
    return {name.removeprefix(_ASCENT): value for name, value in state.items() if name.startswith(_ASCENT)}


def shown(picture: Tensor) -> NDArray[np.float32]:
    """The first of pictures, (H, W, C) from 0 to 1, as a preview."""
    values: NDArray[np.float32] = picture[0].clamp(0, 1).permute(1, 2, 0).float().cpu().numpy()
    return values
