"""Work on one picture in steps: taken up where it stopped, reported, kept where it is stopped early."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..base.progress import Work
from ..contract.checkpoint import kept
from .ascent import Ascent, NotFinite

_ASCENT = "ascent."  # before the names of its parts, in a state


class Stepwise(ABC):
    """Steps from `number` on, to the end of `work`; `broken` says where numbers were no longer finite.

    State is kept where `base.checkpoint` says.
    """

    def __init__(self, steps: int) -> None:
        self.work = Work(range(steps), self._preview)
        self.broken, self._number, self._kept = "", 0, kept()
        self._ascent: Ascent | None = None

    def carry_out(self) -> None:
        """All of it, or as much as there was time for."""
        self._take_up()
        for number in self.work:
            if number < self._number:
                continue
            try:
                self._step()
            except NotFinite:
                self.broken = self._where()
                return
        if self._number < len(self.work.items):
            self._keep()

    def _ascent_state(self) -> dict[str, Any]:
        """That of the present ascent, as a part of a state; none where there is none."""
        if self._ascent is None:
            return {}
        return {f"{_ASCENT}{name}": value for name, value in self._ascent.state().items()}

    @abstractmethod
    def _take_up(self) -> None:
        """Go on from what was kept, if anything was."""

    @abstractmethod
    def _step(self) -> None: ...

    @abstractmethod
    def _keep(self) -> None: ...

    @abstractmethod
    def _where(self) -> str:
        """The present step, in words."""

    @abstractmethod
    def _preview(self) -> NDArray[np.float32]: ...


def ascent_in(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of the ascent that is a part of a state."""
    return {name.removeprefix(_ASCENT): value for name, value in state.items() if name.startswith(_ASCENT)}


def shown(picture: Tensor) -> NDArray[np.float32]:
    """The first of pictures, (H, W, C) from 0 to 1, as a preview."""
    values: NDArray[np.float32] = picture[0].clamp(0, 1).permute(1, 2, 0).float().cpu().numpy()
    return values
