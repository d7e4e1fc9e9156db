"""One ascent for a few pictures at a time, and what each finally makes of its objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.image import Image
from ...execution.features import FeatureExtractor, Precision, along
from ...network.isolation.running import device_of
from ...network.network import Network
from ...optimize.ascent import Ascent, NotFinite
from ...optimize.canvas import Canvas, Frame, Transparent
from ...optimize.draws import Rngs, generator
from ...optimize.objective import Above, Diversity, Excite, Inside, LayerEnergy, Objective, Term
from ...optimize.transform import Chain, Jitter, Movement, Overlay, Pad, Transform
from .presets import VisualizationPreset

_FLAT, _PLAIN = 1 / 255, 0.15  # the contrast below which a picture is flat to the eye, and how near to the mean it is


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
    """What all pictures share: network, preset, canvas size, photos for a spectrum, alpha, seed, precision."""

    net: Network
    preset: VisualizationPreset
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
        canvas = self.preset.paint(frame, self.mean(), self.photos)
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


class VisualizationBatch:
    """Pictures that are made together, each with an objective of its own, and shown to the network at one size.

    No more than `at_once` are seen in one pass.
    """

    def __init__(
        self,
        setup: VisualizationSetup,
        pieces: Sequence[Piece],
        extractor: FeatureExtractor,
        shown: tuple[int, int],
        at_once: int,
    ) -> None:
        self.setup, self.extractor, self.shown, self.at_once = setup, extractor, shown, at_once
        self.objectives = [piece.objective for piece in pieces]
        self.steady = any(piece.in_place for piece in pieces)
        self.raised = [_raised(o, setup) for o in self.objectives]
        self.canvas, self.rngs = setup.canvas(pieces)
        preset, mean = setup.preset, setup.mean().reshape(-1, 1, 1)
        self.ascent = Ascent(self.canvas, self._goal, preset.optimizer, preset.steps, self.rngs, mean, setup.deviation)
        self.start = self._plainly(self.ascent.image())
        self.curve: list[NDArray[np.float32]] = []

    def step(self) -> None:
        """Take one step; nothing more once no picture's numbers are finite."""
        if self.ascent.over:
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
        raised = (values > self.start) & ~_grey(last, self.setup.mean()) if whole else np.array(True)
        driven = ~self.ascent.stuck.numpy() & raised
        images = self._developed(last)
        return Painted(images, driven, self.start, values, self._way, self.ascent.redirected, ended)

    def pictures(self) -> NDArray[np.float32]:
        """The pictures as they are now, (n, C, H, W) from 0 to 1."""
        return self._developed(self.ascent.image())

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything the next steps depend on, and the values so far."""
        return {**self.ascent.state(), "curve": self._way}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        self.curve = list(state["curve"])
        self.ascent.load(state)

    def _goal(self, pictures: Tensor, redirect: bool) -> tuple[Tensor, Tensor]:
        share = self.ascent.number / self.setup.preset.steps
        transforms = self.setup.preset.transforms(share, min(self.setup.size))
        if self.steady:
            transforms = _steadied(transforms, min(self.setup.size))
        chain = Chain(((Overlay(),) if self.setup.alpha else ()) + transforms, self.shown)
        values, slopes = torch.zeros(len(pictures), device=pictures.device), torch.zeros_like(pictures)
        for _ in range(self.setup.preset.looks):
            one, its = along(pictures, lambda leaf: self._values(chain(leaf, self.rngs), leaf, redirect), self._named)
            values, slopes = values + one, slopes + its
        return values / self.setup.preset.looks, slopes / self.setup.preset.looks

    def _values(self, shown: Tensor, pictures: Tensor, redirect: bool) -> Tensor:
        seen = self.extractor.in_parts(shown, self.at_once, redirect)
        values = torch.stack([raised(seen)[i] for i, raised in enumerate(self.raised)])
        if self.setup.diversity:
            apart = Diversity(mapped(self.setup.net, self.objectives[0]))(seen)
            values = values + self.setup.diversity * values.detach().abs() * apart
        return values * (1 - pictures[:, -1].mean((1, 2))) if self.setup.alpha else values

    @torch.no_grad()
    def _plainly(self, pictures: Tensor) -> NDArray[np.float32]:
        """What untransformed pictures make of their objectives."""
        shown = pictures[:, :-1] * pictures[:, -1:] + 0.5 * (1 - pictures[:, -1:]) if self.setup.alpha else pictures
        seen = self.extractor.in_parts(Chain((), self.shown)(shown, self.rngs), self.at_once)
        return np.array([o(seen)[i].item() for i, o in enumerate(self.objectives)], np.float32)

    def _developed(self, pictures: Tensor) -> NDArray[np.float32]:
        """Pictures of the canvas as they are given out."""
        develop = self.setup.preset.developed
        made: NDArray[np.float32] = (pictures if develop is None else develop(pictures)).float().cpu().numpy()
        return made

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


def _grey(pictures: Tensor, mean: Tensor) -> NDArray[np.bool_]:
    """Which pictures are all of about the mean color, to the eye: another flat color is an answer."""
    colors = pictures[:, : len(mean)].flatten(2)
    flat = colors.std(2, correction=0).amax(1) < _FLAT
    plain = (colors.mean(2) - mean).abs().amax(1) < _PLAIN
    found: NDArray[np.bool_] = (flat & plain).cpu().numpy()
    return found


def _raised(objective: Objective, setup: VisualizationSetup) -> Objective:
    """The objective as it is raised: by some presets, a class score above all others, or a map without its border."""
    border = setup.preset.border
    if border:
        return replace(objective, terms=tuple((w, _inside(term, border)) for w, term in objective.terms))
    if not setup.preset.above or not setup.net.classifies:
        return objective
    return replace(objective, terms=tuple((w, _lead(term) if w > 0 else term) for w, term in objective.terms))


def _inside(term: Term, border: int) -> Term:
    if isinstance(term, Excite) and term.unit.position is None and term.unit.layer != "probs":
        return Inside(term.unit, border)
    return LayerEnergy(term.of, border) if isinstance(term, LayerEnergy) else term


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
