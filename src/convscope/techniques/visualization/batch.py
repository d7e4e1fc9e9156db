"""Painting units: one ascent for a few pictures at a time, and what each finally makes of its objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.image import Image
from ...contract.checkpoint import Kept
from ...execution.features import FeatureExtractor, Precision, along
from ...network.isolation.running import device_of
from ...network.network import Network
from ...optimize.ascent import Ascent, NotFinite
from ...optimize.canvas import Canvas, Frame, Transparent
from ...optimize.draws import Rngs, generator
from ...optimize.objective import Above, Diversity, Excite, Objective, Term
from ...optimize.transform import Chain, Jitter, Movement, Overlay, Pad, Transform
from .presets import VisualizationPreset

_FLAT = 0.25 / 255  # the contrast below which a picture in bytes is one grey


@dataclass(frozen=True)
class Piece:
    """One picture: what it is to excite, and its own number, which unit of those asked for and which variant of it."""

    objective: Objective
    unit: int = 0
    variant: int = 0

    @property
    def in_place(self) -> bool:
        """Whether it is about one neuron, which looks at one place of the picture."""
        return any(isinstance(term, Excite) and term.unit.position is not None for _, term in self.objective.terms)


@dataclass(frozen=True)
class VisualizationSetup:
    """What all pictures share: network, recipe, canvas size, photos for a spectrum, alpha, seed, precision."""

    net: Network
    recipe: VisualizationPreset
    size: tuple[int, int]
    photos: tuple[Image, ...] = ()
    alpha: bool = False
    seed: int = 0
    precision: Precision = "auto"
    diversity: float = 0.0

    def canvas(self, pieces: Sequence[Piece]) -> tuple[Canvas, Rngs]:
        """An empty canvas for pictures, and the random numbers of their ascent: each picture's are its own."""
        rngs = [generator(self.seed, piece.unit, piece.variant) for piece in pieces]
        frame = Frame(rngs, self.net.preprocessing.channels, *self.size, device_of(self.net.module))
        canvas = self.recipe.paint(frame, self.mean(), self.photos)
        return (Transparent(canvas, frame) if self.alpha else canvas), rngs

    def mean(self) -> Tensor:
        """The network's mean color, from 0 to 1."""
        return torch.tensor(self.net.preprocessing.mean, device=device_of(self.net.module))

    @property
    def deviation(self) -> float:
        """What the network's input is divided by, the mean over colors."""
        return float(np.mean(self.net.preprocessing.std))


@dataclass(frozen=True, eq=False)
class Painted:
    """Pictures (n, C, H, W) from 0 to 1, whether each was driven, values on the way, and what went wrong."""

    images: NDArray[np.float32]
    driven: NDArray[np.bool_]
    start: NDArray[np.float32]
    values: NDArray[np.float32]
    curve: NDArray[np.float32]
    redirected: int
    ended: NDArray[np.int64]  # the step at which each picture's numbers were no longer finite, or 0
    left: int = 0  # steps that were not taken, as it was cancelled


class VisualizationBatch:
    """Pictures that are painted together, each with an objective of its own, and shown to the network at one size.

    No more than `at_once` are seen in one pass.
    """

    def __init__(
        self,
        studio: VisualizationSetup,
        pieces: Sequence[Piece],
        eye: FeatureExtractor,
        shown: tuple[int, int],
        at_once: int,
    ) -> None:
        self.studio, self.eye, self.shown, self.at_once = studio, eye, shown, at_once
        self.objectives = [piece.objective for piece in pieces]
        self.steady = any(piece.in_place for piece in pieces)
        self.raised = [_raised(o, studio) for o in self.objectives]
        self.canvas, self.rngs = studio.canvas(pieces)
        recipe, mean = studio.recipe, studio.mean().reshape(-1, 1, 1)
        self.ascent = Ascent(self.canvas, self._goal, recipe.climb, recipe.steps, self.rngs, mean, studio.deviation)
        self.start = self._plainly(self.ascent.image())
        self.curve: list[NDArray[np.float32]] = []

    def step(self) -> None:
        """Take one step; nothing more once no picture's numbers are finite."""
        if self.ascent.ended.all():
            return
        try:
            self.ascent.step()
            self.curve.append(self.ascent.values.cpu().numpy())
        except NotFinite:
            if self.ascent.number == 0:  # there is no good picture to keep
                raise

    def painted(self, whole: bool) -> Painted:
        """The pictures as they came out; the best so far of those that did not come to their end."""
        best, ended = self.ascent.best, self.ascent.ended.numpy()
        over = torch.from_numpy(ended > 0).to(best.device)[:, None, None, None]
        last = best.where(over, self.ascent.image()) if whole else best
        values = self._plainly(last)
        raised = (values > self.start) & (_contrast(last) > _FLAT) if whole else np.array(True)
        driven = ~self.ascent.stuck.numpy() & raised
        images = last.float().cpu().numpy()
        return Painted(images, driven, self.start, values, self._way, self.ascent.redirected, ended)

    def keep(self, kept: Kept, name: str) -> None:
        """Save the state of the ascent."""
        kept.save(name, {**self.ascent.state(), "curve": self._way})

    def take_up(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        self.curve = list(state["curve"])
        self.ascent.load(state)

    def _goal(self, pictures: Tensor, redirect: bool) -> tuple[Tensor, Tensor]:
        share = self.ascent.number / self.studio.recipe.steps
        transforms = self.studio.recipe.transforms(share, min(self.studio.size))
        if self.steady:
            transforms = _steadied(transforms, min(self.studio.size))
        chain = Chain(((Overlay(),) if self.studio.alpha else ()) + transforms, self.shown)
        values, slopes = torch.zeros(len(pictures), device=pictures.device), torch.zeros_like(pictures)
        for _ in range(self.studio.recipe.looks):
            one, its = along(pictures, lambda leaf: self._values(chain(leaf, self.rngs), leaf, redirect), self._named)
            values, slopes = values + one, slopes + its
        return values / self.studio.recipe.looks, slopes / self.studio.recipe.looks

    def _values(self, shown: Tensor, pictures: Tensor, redirect: bool) -> Tensor:
        seen = self.eye.in_parts(shown, self.at_once, redirect)
        values = torch.stack([raised(seen)[i] for i, raised in enumerate(self.raised)])
        if self.studio.diversity:
            apart = Diversity(mapped(self.studio.net, self.objectives[0]))(seen)
            values = values + self.studio.diversity * values.detach().abs() * apart
        return values * (1 - pictures[:, -1].mean((1, 2))) if self.studio.alpha else values

    @torch.no_grad()
    def _plainly(self, pictures: Tensor) -> NDArray[np.float32]:
        """What untransformed pictures make of their objectives."""
        shown = pictures[:, :-1] * pictures[:, -1:] + 0.5 * (1 - pictures[:, -1:]) if self.studio.alpha else pictures
        seen = self.eye.in_parts(Chain((), self.shown)(shown, self.rngs), self.at_once)
        return np.array([o(seen)[i].item() for i, o in enumerate(self.objectives)], np.float32)

    @property
    def _way(self) -> NDArray[np.float32]:
        """The values so far, (steps, n)."""
        return np.stack(self.curve) if self.curve else np.zeros((0, len(self.objectives)), np.float32)

    @property
    def _named(self) -> str:
        return ", ".join(dict.fromkeys(map(str, self.objectives)))


def _steadied(transforms: Sequence[Transform], side: int) -> tuple[Transform, ...]:
    """The same, but the picture stays where it is, to a hundredth of its side: what one neuron sees must not move."""
    moves = any(isinstance(one, Movement) for one in transforms)
    others = tuple(one for one in transforms if not isinstance(one, Movement | Pad))
    return ((Jitter(side / 112),) if moves else ()) + others


def _contrast(pictures: Tensor) -> NDArray[np.float32]:
    """The standard deviation of the pixels of each picture."""
    found: NDArray[np.float32] = pictures.flatten(1).std(1).float().cpu().numpy()
    return found


def _raised(objective: Objective, studio: VisualizationSetup) -> Objective:
    """The objective as it is raised: by some recipes, a class score above all others."""
    if not studio.recipe.above or not studio.net.classifies:
        return objective
    return replace(objective, terms=tuple((w, _lead(term) if w > 0 else term) for w, term in objective.terms))


def _lead(term: Term) -> Term:
    if isinstance(term, Excite) and term.unit.layer == "logits" and term.unit.channel is not None:
        return Above(term.unit)
    return term


def mapped(net: Network, objective: Objective) -> str:
    """The layer in which variants are to differ: the objective's own if it has a map, else the last one that has."""
    own = objective.layers[0]
    rows = list(net.layers.including(own))
    maps = [name for name in rows[: rows.index(own) + 1] if len(net.layers[name].shape) > 1]
    wide = [name for name in maps if min(net.layers[name].shape[1:]) > 1]
    return own if own in maps else wide[-1] if wide else own
