"""Masks that are learned: the smallest part to hide, or the part of a given area to keep, that decides a unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ...base.image import ImageLike
from ...base.progress import Work
from ...base.unit import Unit, UnitLike
from ...contract.technique import technique
from ...network.backward.gradient import VANISHED, backward
from ...network.isolation.frozen import frozen
from ...network.isolation.parts import unwrap
from ...network.network import Network
from ...results.attribution import Attribution
from ..common_knobs import Seed
from .baselines import Fill, filled
from .target import AttributionTarget, array

_TINY = 1e-12  # the least probability that is told from 0
_CELLS = 28  # of a mask along each side, as in both papers' experiments at 224 pixels
_BETA = 3  # the power of the total variation
_SHARP, _RADIUS = 20.0, 2.0  # of the smooth maximum: inverse temperature; standard deviation in cells
_HARDEN = 1.0, 300.0  # weight of the area constraint at the first and the last step
_UNMOVED = "hiding everything leaves the unit's value as it is: no mask can do better than another"
_LOWERED = "the picture lowers this unit: the mask shows what lowers it"


@technique
def perturbation_mask(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    area: Annotated[float, Field(ge=0, lt=1, description="share of the picture to keep; 0: the least to hide")] = 0.0,
    steps: Annotated[int, Field(ge=1, le=100_000, description="steps of gradient descent")] = 300,
    fill: Fill = "blur",
    seed: Seed = 0,
    sparsity: Annotated[float, Field(ge=0, description="weight of the hidden area, where area is 0")] = 1.0,
    smoothness: Annotated[float, Field(ge=0, description="weight of the mask's roughness, where area is 0")] = 5.0,
) -> Attribution:
    """Show the part of the picture that decides a unit, as a learned mask.

    `values` is (H, W) from 0 to 1, where 1 is important. With area 0 it is the smallest smooth part that lowers the
    unit when it is hidden (Fong and Vedaldi 2017, "Interpretable explanations of black boxes by meaningful
    perturbation"); with an area, the part of that share of the picture that, when only it is kept, leaves the unit
    largest (Fong, Patrick and Vedaldi 2019, "Understanding deep networks via extremal perturbations and smooth
    masks"). Unlike in the papers the unit's value is measured on a scale where the whole picture is 1 and the hidden
    one 0, so any unit will do, hiding is not rewarded further below 0, and a probability is kept by its logarithm.
    For a unit that the picture lowers, the mask shows what lowers it, and the evidence says so. Cancelled work is the
    mask so far.
    """
    question = AttributionTarget.of(net, image, unit)
    with torch.inference_mode(False), torch.enable_grad(), frozen(unwrap(net.module), channels_last=True):
        scene = _Scene.of(question, fill, seed)
        game = _Keep(scene, area, steps) if area > 0 else _Hide(scene, sparsity, smoothness)
        work = Work(range(steps), lambda: array(game.important()))
        vanished = _descend(game, work, np.random.default_rng(seed))
        with torch.no_grad():
            values = game.important()
            evidence = {**scene.evidence(values, game.visible()), **_passes(work.done), **work.evidence}
    return question.answer(Attribution, values, scene.clean, {**evidence, **vanished})


def _passes(steps: int) -> dict[str, Any]:
    return {"steps": steps, "forward_passes": steps + 3, "backward_passes": steps}


@dataclass(frozen=True, eq=False)
class _Scene:
    """The picture x and the same with everything `hidden`, and the unit's value for either."""

    question: AttributionTarget
    x: Tensor
    hidden: Tensor
    clean: float
    blind: float

    @classmethod
    def of(cls, question: AttributionTarget, fill: str, seed: int) -> _Scene:
        hidden = filled(question, fill, seed)
        with torch.no_grad():
            clean, blind = (question.net.value(x, question.unit).item() for x in (question.x, hidden))
        return cls(question, question.x.clone(), hidden, clean, blind)  # x may be from inference mode

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.x.shape[-2:]
        return height, width

    @property
    def scale(self) -> float:
        """What counts as 1: how much the picture raises the value, less than 0 where it lowers it."""
        return abs(self.clean) or 1.0 if "unmoved" in self.caveats else self.clean - self.blind

    def value(self, visible: Tensor, shift: tuple[int, int] = (0, 0)) -> Tensor:
        """The unit's value where a mask (1, 1, H, W) of 0 to 1 leaves the picture visible, moved by some pixels."""
        x = self.x * visible + self.hidden * (1 - visible)
        return self.question.net.value(_moved(x, shift), self.question.unit)[0]

    def score(self, visible: Tensor, shift: tuple[int, int]) -> Tensor:
        """The same, where 0 is the value with everything hidden and 1 that of the whole picture."""
        return (self.value(visible, shift) - self.blind) / self.scale

    def log_score(self, visible: Tensor, shift: tuple[int, int]) -> Tensor:
        """The score of the logarithm, for probabilities: near 0, where descent begins, they are flat themselves."""
        start, end = (math.log(max(value, _TINY)) for value in (self.blind, self.clean))
        return (self.value(visible, shift).clamp(min=_TINY).log() - start) / (
            end - start if abs(end - start) > 1e-3 else 1.0
        )

    def evidence(self, important: Tensor, visible: Tensor) -> dict[str, Any]:
        masked, area = self.value(visible).item(), important.mean().item()
        return {"value_hidden": self.blind, "value_masked": masked, "area": area, **self.caveats}

    @property
    def caveats(self) -> dict[str, str]:
        if abs(self.clean - self.blind) <= 1e-6 * abs(self.clean):
            return {"unmoved": _UNMOVED}
        return {"lowered": _LOWERED} if self.clean < self.blind else {}


class _Hide:
    """The deletion game: learn what to hide, as little and as smooth as possible."""

    def __init__(self, scene: _Scene, sparsity: float, smoothness: float) -> None:
        self.scene, self.sparsity, self.smoothness = scene, sparsity, smoothness
        self.mask = _grid(scene, 1.0)
        self.optimizer = torch.optim.Adam([self.mask], lr=0.1)

    def visible(self) -> Tensor:
        return _enlarged(self.mask, self.scene.size)

    def important(self) -> Tensor:
        return 1 - self.visible()[0, 0]

    def wanted(self, shift: tuple[int, int]) -> Tensor:
        return self.scene.score(self.visible(), shift).clamp(min=0)

    def cost(self, step: int) -> Tensor:
        rough = self.mask.diff(dim=2).abs().pow(_BETA).sum() + self.mask.diff(dim=3).abs().pow(_BETA).sum()
        return self.sparsity * (1 - self.mask).mean() + self.smoothness * rough / self.mask.numel()


class _Keep:
    """The preservation game: learn where to keep a given share of the picture."""

    def __init__(self, scene: _Scene, area: float, steps: int) -> None:
        self.scene, self.area, self.steps = scene, area, steps
        self.mask = _grid(scene, 0.5)
        self.optimizer = torch.optim.Adam([self.mask], lr=0.05)

    def visible(self) -> Tensor:
        return _enlarged(_smooth_maximum(self.mask), self.scene.size)

    def important(self) -> Tensor:
        return self.visible()[0, 0]

    def wanted(self, shift: tuple[int, int]) -> Tensor:
        unit = self.scene.question.unit
        probability = isinstance(unit, Unit) and unit.layer == "probs"
        score = self.scene.log_score if probability else self.scene.score
        return -score(self.visible(), shift)

    def cost(self, step: int) -> Tensor:
        low, high = _HARDEN
        weight: float = low * (high / low) ** (step / self.steps)
        return weight * _area_error(self.visible(), self.area)


def _area_error(visible: Tensor, area: float) -> Tensor:
    """How far the sorted mask is from one that is 1 on `area` of its pixels and 0 elsewhere: a mean square."""
    values: Tensor = visible.flatten().sort().values
    wanted = torch.arange(len(values), device=values.device) >= round((1 - area) * len(values))
    return (values - wanted.to(values.dtype)).square().mean()


def _grid(scene: _Scene, start: float) -> Tensor:
    cells = [min(_CELLS, side) for side in scene.size]
    return torch.full((1, 1, *cells), start, device=scene.x.device, dtype=scene.x.dtype, requires_grad=True)


def _enlarged(mask: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(mask, size, mode="bilinear", align_corners=False)


def _smooth_maximum(mask: Tensor) -> Tensor:
    """Every cell spreads by a kernel that is 1 near it, and the soft maximum of what reaches a place counts.

    So no mask can have holes or specks smaller than the kernel.
    """
    reach = math.ceil(2 * _RADIUS)
    at = torch.arange(-reach, reach + 1, device=mask.device, dtype=mask.dtype)
    distance = (at[:, None] ** 2 + at**2).sqrt() / _RADIUS
    kernel = torch.exp(-2 * (distance - 0.5).clamp(min=0) ** 2).flatten()[None, :, None]
    around = F.unfold(F.pad(mask, [reach] * 4), 2 * reach + 1) * kernel
    return (around * (_SHARP * around).softmax(1)).sum(1).view_as(mask)


def _moved(x: Tensor, shift: tuple[int, int]) -> Tensor:
    """The picture moved down and right by some pixels, its edges repeated."""
    reach = max(map(abs, shift))
    if reach == 0:
        return x
    height, width = x.shape[-2:]
    padded = F.pad(x, [reach] * 4, mode="replicate")
    return padded[..., reach - shift[0] :, reach - shift[1] :][..., :height, :width]


def _descend(game: _Hide | _Keep, work: Work[int], rng: np.random.Generator) -> dict[str, str]:
    """Take the steps; says so where the unit's value never had a gradient.

    A loop of its own: what `optimize.loop` adds is a state to take up, and `optimize.ascent` changes pictures; this
    takes a few hundred cheap steps on a mask, down two slopes of which one alone says whether the unit was moved.
    """
    jitter = min(game.scene.size) // 56  # 4 pixels of 224, against masks that depend on single pixels
    moved = False
    for step in work:
        down, right = rng.integers(-jitter, jitter + 1, 2).tolist()
        slope = _slope(game.wanted((down, right)), game.mask)
        moved = moved or bool(slope.any())
        game.mask.grad = slope + _slope(game.cost(step), game.mask)
        game.optimizer.step()
        with torch.no_grad():
            game.mask.clamp_(0, 1)
    return {} if moved else {"vanished": VANISHED}


def _slope(value: Tensor, mask: Tensor) -> Tensor:
    found = backward(value, mask) if value.requires_grad else None
    return torch.zeros_like(mask) if found is None else found
