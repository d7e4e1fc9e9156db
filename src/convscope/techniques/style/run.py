"""Coarse to fine: one picture after another, each at one size after another, ascended as one piece of work.

The picture and what its optimizer has gathered are carried up from size to size, and from one picture to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...optimize.ascent import Ascent, NotFinite, OptimizerSettings
from ...optimize.canvas import Frame, Pixels
from ...optimize.draws import generator
from ...optimize.loop import AscentLoop, ascent_in, ascent_state, shown
from ...optimize.resample import resized
from .loss import StyleLoss
from .problem import StyleProblem
from .schedule import Level

TERMS = ("content", "style", "variation")
_STATE = "level"


class StyleRun(AscentLoop):
    """Stylizes pictures level by level, each a stage.

    `curve` (3, steps) are the losses, content, style and variation, step by step; `pictures`, each (1, C, H, W), are
    those that are finished. Where the preset averages, what is carried on and kept is the running mean of the picture.
    """

    def __init__(self, problem: StyleProblem, levels: Sequence[Level], optimizer: OptimizerSettings) -> None:
        self.problem, self.levels, self.optimizer = problem, levels, optimizer
        self.curve = np.full((len(TERMS), sum(level.steps for level in levels)), np.nan, np.float32)
        self.pictures: list[Tensor] = []
        self._device = problem.features.extractor.device
        self._ascent: Ascent | None = None
        self._mean: Tensor | None = None
        super().__init__([level.steps for level in levels])

    def all(self) -> list[Tensor]:
        """The pictures that are finished, and the present one at its best so far and its full size."""
        if self._ascent is None:
            return self.pictures
        present = self.levels[self.at[0]].picture
        full = next(one for one in self.levels if one.picture == present and one.last)
        return [*self.pictures, resized(self._best(), full.size).clamp(0, 1)]

    def _begin(self, stage: int) -> int:
        self._ascent = self._ascent or self._at_level(stage, None)  # all but the first are begun as another one ends
        return 0

    def _ascend(self, stage: int, step: int) -> None:
        assert self._ascent is not None
        self._ascent.step()
        goal = self._ascent.goal
        assert isinstance(goal, StyleLoss)
        self.curve[:, self.number] = [goal.losses[term] for term in TERMS]
        self._average(self._ascent.image(), step)

    def _at_level(self, stage: int, before: Tensor | None) -> Ascent:
        level = self.levels[stage]
        rngs = [generator(self.problem.seed, stage)]
        start = self.problem.start(level, before)
        frame = Frame(rngs, start.shape[1], *level.size, start.device)
        canvas = Pixels(frame, start=start, clipped=self.problem.preset.clipped)
        self._mean = None
        return Ascent(canvas, self.problem.goal(level), self.optimizer, level.steps, rngs)

    def _end(self, stage: int) -> None:
        """Put a picture that is finished aside, and go on with it at the next size, or with the next."""
        assert self._ascent is not None
        level = self.levels[stage]
        made = self._ascent.image() if self._mean is None else self._mean.clamp(0, 1)
        if level.last:
            made = made.clamp(0, 1)
            self.pictures.append(made)
            self._kept.save(f"picture{level.picture}", {"picture": made.cpu().numpy()})
        before, self._ascent = self._ascent, None
        if stage + 1 < len(self.levels):
            self._ascent = self._at_level(stage + 1, made)
            if not self.levels[stage + 1].first:
                self._ascent.carry(before)
        self._keep(stage)

    def _average(self, now: Tensor, step: int) -> None:
        """The running mean, corrected for its beginning as Adam corrects its own."""
        averaging = self.problem.preset.averaging
        if not averaging:
            return
        fresh = (1 - averaging) / (1 - averaging ** (step + 1))
        self._mean = now.clone() if self._mean is None else self._mean + fresh * (now - self._mean)

    def _best(self) -> Tensor:
        assert self._ascent is not None
        return self._ascent.best if self._mean is None else self._mean

    def _preview(self) -> NDArray[np.float32]:
        """The present picture, at the size of the present level, (H, W, C) from 0 to 1."""
        now = self.pictures[-1] if self._ascent is None else self._ascent.image()
        return shown(now)

    def _fail(self, error: NotFinite) -> None:
        self.broken = f"step {self.number + 1} of {len(self.work.items)}"

    def _keep(self, stage: int) -> None:
        state: dict[str, Any] = {"curve": self.curve, "number": np.array(self.number)}
        if self._mean is not None:
            state["mean"] = self._mean.cpu().numpy()
        self._kept.save(_STATE, state | ascent_state(self._ascent))

    def _take_up(self) -> None:
        """Go on from what was kept, if anything was."""
        state: dict[str, Any] | None = self._kept.load(_STATE)
        if state is None:
            return
        self.curve, self.number = np.array(state["curve"]), int(state["number"])
        stage, _ = self.at
        self.pictures = [self._made(level.picture) for level in self.levels[:stage] if level.last]
        inner = ascent_in(state)
        if inner:
            self._ascent = self._at_level(stage, torch.from_numpy(np.array(inner["canvas.0"])).to(self._device))
            self._ascent.load(inner)
            self._mean = torch.from_numpy(np.array(state["mean"])).to(self._device) if "mean" in state else None

    def _made(self, number: int) -> Tensor:
        state: dict[str, Any] | None = self._kept.load(f"picture{number}")
        assert state is not None, "a finished picture is saved before the state that counts it"
        return torch.from_numpy(np.array(state["picture"])).to(self._device)
