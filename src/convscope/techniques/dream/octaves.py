"""Octaves: a dream at one size after another, each going on with the detail of the one before, and frame by frame.

Mordvintsev et al. 2015, "Inceptionism", and the notebook of their code: what was dreamed at a smaller size, less the
original at that size, is enlarged and added to the original at the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.errors import BadCheckpoint
from ...execution.features import FeatureExtractor
from ...optimize.ascent import Ascent, NotFinite, OptimizerSettings
from ...optimize.canvas import Frame, Pixels
from ...optimize.draws import generator
from ...optimize.loop import AscentLoop, ascent_in, ascent_state, shown
from ...optimize.resample import Travel, as_bytes, resized
from ...optimize.tiling import TiledObjective
from ...optimize.transform import blurred

_SMALLEST = 16  # shorter side of the smallest octave, in pixels
_PIXEL = 255.0  # rates count in pixel values
_STATE = "octave"


def octave_sizes(size: tuple[int, int], octaves: int, scale: float) -> list[tuple[int, int]]:
    """Height and width of each octave, the smallest first; fewer than asked for where they would be tiny."""
    found = [(round(size[0] / scale**k), round(size[1] / scale**k)) for k in reversed(range(octaves))]
    return [one for one in found if min(one) >= _SMALLEST or one == size]


def sizes_taken(extractor: FeatureExtractor, sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The sizes from the first one on that the network takes; none where it takes no other than its own.

    Tried out are pictures a little larger than its own at most: what takes those takes all, and memory stays small.
    """
    most = [side + side // 4 + 1 for side in extractor.net.preprocessing.size]
    for number, size in enumerate(sizes):
        tried = [min(side, limit) for side, limit in zip(size, most, strict=True)]
        if extractor.takes((tried[0], tried[1])):
            return list(sizes[number:])
    return []


@dataclass(frozen=True)
class DreamSettings:
    """How to dream: steps an octave, their length in pixel values, the shift before each, and the blur of gradients.

    `highest`, `late` and `clipped` are those of `DreamPreset`.
    """

    steps: int = 10
    rate: float = 1.5
    jitter: int = 32
    smoothing: float = 0.0
    frames: int = 0
    travel: Travel = field(default_factory=Travel)
    seed: int = 0
    highest: float = 0.0
    late: bool = False
    clipped: bool = True


class Octaves(AscentLoop):
    """Dreams of a picture, (1, C, H, W) from 0 to 1, at each of `sizes`, the last of them its own.

    `pictures` are those that were finished, one a frame, as bytes (H, W, C). `curve` (octaves, steps) are the values of
    the first, NaN where a step was not taken.
    """

    def __init__(
        self, goal: TiledObjective, start: Tensor, sizes: Sequence[tuple[int, int]], settings: DreamSettings
    ) -> None:
        self.goal, self.sizes, self.settings = goal, list(sizes), settings
        self.base, self.detail = start, torch.zeros_like(start[..., :1, :1])
        self.pictures: list[NDArray[np.uint8]] = []
        self.first: Tensor | None = None
        self.curve = np.full((len(sizes), settings.steps), np.nan, np.float32)
        self.stuck, self.redirected = 1, 0
        self._ascent: Ascent | None = None
        super().__init__([settings.steps] * len(sizes) * max(1, settings.frames))

    def image(self) -> Tensor:
        """The first picture, at its full size, with what was dreamed of it so far."""
        if self.first is not None:
            return self.first
        return (self.base + resized(self._detail_now(), self.sizes[-1])).clamp(0, 1)

    def _ascend(self, stage: int, step: int) -> None:
        assert self._ascent is not None
        if self._is_high:
            return
        self._ascent.step()
        if stage < len(self.sizes):
            self.curve[stage, step] = self._ascent.values.item()

    def _begin(self, stage: int) -> int:
        frame, octave = divmod(stage, len(self.sizes))
        size = self.sizes[octave]
        rngs = [generator(self.settings.seed, frame, octave)]
        start = self._ground(size) + resized(self.detail, size)
        place = Frame(rngs, start.shape[1], *size, start.device)
        canvas = Pixels(place, start=start, clipped=self.settings.clipped)
        optimizer = OptimizerSettings("normalized", self.settings.rate / _PIXEL)
        self._ascent = Ascent(canvas, self._slopes, optimizer, self.settings.steps, rngs)
        return 0

    def _end(self, stage: int) -> None:
        ascent, self.detail = self._ascent, self._detail_now()
        assert ascent is not None
        self._ascent = None
        self.redirected += ascent.redirected
        self.stuck &= int(ascent.stuck.all())
        frame, octave = divmod(stage, len(self.sizes))
        if octave == len(self.sizes) - 1:
            late = self.settings.late
            self._finish(frame, (self.base + self.detail if late else ascent.image()).clamp(0, 1))
        self._keep(stage)

    def _finish(self, frame: int, picture: Tensor) -> None:
        """Put a picture aside, and turn to the next, which is what a camera that moves on sees of it."""
        self.first = picture if self.first is None else self.first
        if self.settings.frames:
            self.pictures.append(as_bytes(picture))
            self._kept.save(f"frame{frame}", {"picture": self.pictures[-1]})
            self.base, self.detail = self.settings.travel(picture), torch.zeros_like(self.detail[..., :1, :1])

    def _slopes(self, pictures: Tensor, redirect: bool) -> tuple[Tensor, Tensor]:
        """The goal's slopes, of the picture shifted at random and around its edges, and shifted back."""
        assert self._ascent is not None
        (rng,), jitter = self._ascent.rngs, self.settings.jitter
        down, right = torch.randint(-jitter, jitter + 1, (2,), generator=rng).tolist()
        values, slopes = self.goal(pictures.roll((down, right), (-2, -1)), rng, redirect)
        return values, smoothed(slopes.roll((-down, -right), (-2, -1)), self.settings.smoothing)

    def _detail_now(self) -> Tensor:
        if self._ascent is None:
            return self.detail
        now = self._ascent.image()
        return now - self._ground((now.shape[-2], now.shape[-1]))

    def _ground(self, size: tuple[int, int]) -> Tensor:
        """The picture as an octave of this size sees it: where detail comes late, no sharper than the one before."""
        octave = self.sizes.index(size)
        before = self.base if octave == 0 or not self.settings.late else resized(self.base, self.sizes[octave - 1])
        return resized(before, size)

    @property
    def _is_high(self) -> bool:
        """Whether the value of the last step ends this octave."""
        ascent, highest = self._ascent, self.settings.highest
        return bool(ascent is not None and highest and ascent.number and ascent.values.item() > highest)

    def _preview(self) -> NDArray[np.float32]:
        """The present picture, at the size of the present octave, (H, W, C) from 0 to 1."""
        now = self._ascent.image() if self._ascent is not None else self.base + resized(self.detail, self.sizes[-1])
        return shown(now)

    def _fail(self, error: NotFinite) -> None:
        stage, step = self.at
        frame, octave = divmod(stage, len(self.sizes))
        self.broken = f"octave {octave + 1}, step {step + 1}"
        if self.settings.frames:
            self.broken += f", of frame {frame + 1}"

    def _keep(self, stage: int) -> None:
        first = {} if self.first is None else {"first": self.first}
        tensors = {"base": self.base, "detail": self.detail, **first}
        state: dict[str, Any] = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
        state |= {"curve": self.curve, "counts": np.array([self.number, self.redirected, self.stuck])}
        self._kept.save(_STATE, state | ascent_state(self._ascent))

    def _take_up(self) -> None:
        """Go on from what was kept, if anything was."""
        state: dict[str, Any] | None = self._kept.load(_STATE)
        if state is None:
            return
        device = self.base.device
        self.base, self.detail = (torch.from_numpy(state[name]).to(device) for name in ("base", "detail"))
        self.first = torch.from_numpy(state["first"]).to(device) if "first" in state else None
        self.curve = np.array(state["curve"])
        self.number, self.redirected, self.stuck = map(int, state["counts"])
        stage, step = self.at
        if step:
            self._begin(stage)
            assert self._ascent is not None
            self._ascent.load(ascent_in(state))
        frames = stage // len(self.sizes) if self.settings.frames else 0
        self.pictures = [self._frame_kept(number) for number in range(frames)]

    def _frame_kept(self, number: int) -> NDArray[np.uint8]:
        state: dict[str, Any] | None = self._kept.load(f"frame{number}")
        if state is None:
            raise BadCheckpoint(f"Frame {number + 1} is missing from the checkpoint. Delete its folder to begin anew.")
        return np.asarray(state["picture"])


def smoothed(slopes: Tensor, sd: float) -> Tensor:
    """The mean of three blurs, of half, once and twice `sd` pixels: high frequencies are damped, low ones are not."""
    return slopes if sd == 0 else (blurred(slopes, sd / 2) + blurred(slopes, sd) + blurred(slopes, 2 * sd)) / 3
