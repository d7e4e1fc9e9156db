"""Coarse to fine: one picture after another, each at one size after another, ascended as one piece of work.

The picture and what its optimizer has gathered are carried up from size to size, and from one picture to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...contract.checkpoint import EVERY
from ...optimize.ascent import Ascent, OptimizerSettings
from ...optimize.canvas import Frame, Pixels
from ...optimize.draws import generator
from ...optimize.loop import Stepwise, ascent_in, shown
from ...optimize.resample import resized
from .loss import Styling

TERMS = ("content", "style", "variation")
_LEAST = 31.5  # shorter side of the smallest size, in pixels
_STATE = "level"


@dataclass(frozen=True)
class Level:
    """A picture by its number, at (height, width) `size`, for `steps`; whether it begins, and is finished, with it.

    It is `coarser` by so many sizes than the last one.
    """

    picture: int
    size: tuple[int, int]
    steps: int
    first: bool
    coarser: int

    @property
    def last(self) -> bool:
        """Whether the picture is finished with it."""
        return self.coarser == 0


def sizes_up(size: tuple[int, int], smallest: int, factor: float, most: int) -> list[tuple[int, int]]:
    """(height, width) up to `size`, each `factor` times the one before; longest sides from `smallest`, `most` sizes.

    Sizes with a side of less than 32 pixels are left out: there is no painting in them.
    """
    found = [size]
    while len(found) < most:
        height, width = (side / factor ** len(found) for side in size)
        if max(height, width) < smallest - 0.5 or min(height, width) < _LEAST:
            break
        found.append((round(height), round(width)))
    return found[::-1]


class PyramidProblem(Protocol):
    """What has to be known of pictures to stylize them."""

    def goal(self, level: Level) -> Styling:
        """What is raised on a level."""

    def start(self, level: Level, before: Tensor | None) -> Tensor:
        """The picture a level begins with, at its size, given the one that was made before."""


class Climbing(Stepwise):
    """Stylizes pictures level by level. `curve` (3, steps) are the losses, content, style and variation, step by step.

    `pictures`, each (1, C, H, W), are those that are finished; `broken` says where numbers were no longer finite. With
    `averaging`, what is carried on and kept is the running mean of the picture. State is kept where `base.checkpoint`
    says, every 16 steps.
    """

    def __init__(
        self,
        studio: PyramidProblem,
        levels: Sequence[Level],
        climb: OptimizerSettings,
        seed: int,
        averaging: float,
        device: torch.device,
    ) -> None:
        self.studio, self.levels, self.climb, self.seed, self.averaging = studio, levels, climb, seed, averaging
        self._ends = list(accumulate(level.steps for level in levels))
        self.curve = np.full((len(TERMS), self._ends[-1]), np.nan, np.float32)
        self.pictures: list[Tensor] = []
        self._device = device
        self._mean: Tensor | None = None
        super().__init__(self._ends[-1])

    @property
    def steps(self) -> int:
        """How many were taken."""
        return self._number

    def all(self) -> list[Tensor]:
        """The pictures that are finished, and the present one at its best so far and its full size."""
        if self._ascent is None:
            return self.pictures
        present = self._level().picture
        full = next(one for one in self.levels if one.picture == present and one.last)
        return [*self.pictures, resized(self._best(), full.size).clamp(0, 1)]

    def _level(self) -> Level:
        return self.levels[next(i for i, end in enumerate(self._ends) if self._number < end)]

    def _step(self) -> None:
        ascent = self._ascent = self._ascent or self._begin(None)
        ascent.step()
        goal = ascent.goal
        assert isinstance(goal, Styling)
        self.curve[:, self._number] = [goal.losses[term] for term in TERMS]
        self._average(ascent)
        self._number += 1
        if self._number in self._ends:
            self._end(self.levels[self._ends.index(self._number)])
        if self._number in self._ends or self._number % EVERY == 0:
            self._keep()

    def _begin(self, before: Tensor | None) -> Ascent:
        level = self._level()
        rngs = [generator(self.seed, self.levels.index(level))]
        start = self.studio.start(level, before)
        canvas = Pixels(Frame(rngs, start.shape[1], *level.size, start.device), start=start)
        self._mean = None
        return Ascent(canvas, self.studio.goal(level), self.climb, level.steps, rngs)

    def _end(self, level: Level) -> None:
        """Put a picture that is finished aside, and go on with it at the next size, or with the next."""
        assert self._ascent is not None
        made = self._ascent.image() if self._mean is None else self._mean.clamp(0, 1)
        if level.last:
            self.pictures.append(made)
            self._kept.save(f"picture{level.picture}", {"picture": made.cpu().numpy()})
        before, self._ascent = self._ascent, None
        if self._number < self._ends[-1]:
            self._ascent = self._begin(made)
            if not self._level().first:
                self._ascent.carry(before)

    def _average(self, ascent: Ascent) -> None:
        """The running mean, corrected for its beginning as Adam corrects its own."""
        if not self.averaging:
            return
        level = self._level()
        step = self._number - (self._ends[self.levels.index(level)] - level.steps)
        fresh = (1 - self.averaging) / (1 - self.averaging ** (step + 1))
        now = ascent.image()
        self._mean = now.clone() if self._mean is None else self._mean + fresh * (now - self._mean)

    def _best(self) -> Tensor:
        assert self._ascent is not None
        return self._ascent.best if self._mean is None else self._mean

    def _preview(self) -> NDArray[np.float32]:
        """The present picture, at the size of the present level, (H, W, C) from 0 to 1."""
        now = self.pictures[-1] if self._ascent is None else self._ascent.image()
        return shown(now)

    def _where(self) -> str:
        return f"step {self._number + 1} of {self._ends[-1]}"

    def _keep(self) -> None:
        state: dict[str, Any] = {"curve": self.curve, "number": np.array(self._number)}
        if self._mean is not None:
            state["mean"] = self._mean.cpu().numpy()
        self._kept.save(_STATE, state | self._ascent_state())

    def _take_up(self) -> None:
        """Go on from what was kept, if anything was."""
        state: dict[str, Any] | None = self._kept.load(_STATE)
        if state is None:
            return
        self.curve, self._number = np.array(state["curve"]), int(state["number"])
        passed = [level for level, end in zip(self.levels, self._ends, strict=True) if end <= self._number]
        self.pictures = [self._made(level.picture) for level in passed if level.last]
        inner = ascent_in(state)
        if inner:
            self._ascent = self._begin(torch.from_numpy(np.array(inner["canvas.0"])).to(self._device))
            self._ascent.load(inner)
            self._mean = torch.from_numpy(np.array(state["mean"])).to(self._device) if "mean" in state else None

    def _made(self, number: int) -> Tensor:
        state: dict[str, Any] | None = self._kept.load(f"picture{number}")
        assert state is not None, "a finished picture is saved before the state that counts it"
        return torch.from_numpy(np.array(state["picture"])).to(self._device)
