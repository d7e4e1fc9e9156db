"""Painting units: one ascent for a few of them at a time, and what each picture finally makes of its objective."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..base.checkpoint import Kept
from ..base.image import Image
from ..network.execution import device_of
from ..network.network import Network
from .ascent import Ascent, NotFinite
from .canvas import Canvas, Frame, Transparent, generator
from .objective import Above, Diversity, Excite, Objective, Term
from .reading import Eye, Precision, along, looking
from .recipes import Recipe
from .transform import Chain, Jitter, Movement, Overlay, Pad, Transform

_WINDOW = 4  # pictures at a time: what stays in a processor's caches
_FLAT = 0.25 / 255  # the contrast below which a picture in bytes is one grey


@dataclass(frozen=True)
class Studio:
    """What all pictures share: network, recipe, canvas size, photos for a spectrum, alpha, seed, precision."""

    net: Network
    recipe: Recipe
    size: tuple[int, int]
    photos: tuple[Image, ...] = ()
    alpha: bool = False
    seed: int = 0
    precision: Precision = "auto"
    diversity: float = 0.0

    def canvas(self, count: int, number: int) -> tuple[Canvas, torch.Generator]:
        """An empty canvas for `count` pictures, and the random numbers of their ascent; `number` tells groups apart."""
        rng = generator(self.seed, number)
        channels, device = self.net.preprocessing.channels, device_of(self.net.module)
        frame = Frame(count, channels, *self.size, device, rng)
        canvas = self.recipe.paint(frame, self.mean(), self.photos)
        return (Transparent(canvas, frame) if self.alpha else canvas), rng

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
    broken: int = 0  # the step at which numbers were no longer finite
    left: int = 0  # steps that were not taken, as it was cancelled


class Group:
    """Pictures that are painted together, each with an objective of its own, and shown to the network at one size."""

    def __init__(
        self, studio: Studio, objectives: Sequence[Objective], eye: Eye, number: int, shown: tuple[int, int]
    ) -> None:
        self.studio, self.eye, self.shown = studio, eye, shown
        self.objectives = list(objectives)
        self.raised = [_raised(o, studio) for o in objectives]
        self.canvas, self.rng = studio.canvas(len(objectives), number)
        recipe, mean = studio.recipe, studio.mean().reshape(-1, 1, 1)
        self.ascent = Ascent(self.canvas, self._goal, recipe.climb, recipe.steps, self.rng, mean, studio.deviation)
        self.start = self._plainly(self.ascent.image())
        self.curve: list[NDArray[np.float32]] = []
        self.broken = 0

    def step(self) -> None:
        """Take one step; nothing more once numbers were not finite."""
        if self.broken:
            return
        try:
            self.ascent.step()
            self.curve.append(self.ascent.values.cpu().numpy())
        except NotFinite:
            if self.ascent.number == 0:  # there is no good picture to keep
                raise
            self.broken = self.ascent.number + 1

    def painted(self, whole: bool) -> Painted:
        """The pictures as they came out; the best so far where it did not come to its end."""
        last = self.ascent.image() if whole and not self.broken else self.ascent.best
        values = self._plainly(last)
        raised = (values > self.start) & (_contrast(last) > _FLAT) if whole else np.array(True)
        driven = ~self.ascent.stuck.numpy() & raised
        images = last.float().cpu().numpy()
        return Painted(images, driven, self.start, values, self._way, self.ascent.redirected, self.broken)

    def keep(self, kept: Kept, name: str) -> None:
        """Save the state of the ascent."""
        kept.save(name, {**self.ascent.state(), "curve": self._way, "broken": np.array(self.broken)})

    def take_up(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        self.curve, self.broken = list(state["curve"]), int(state["broken"])
        self.ascent.load(state)

    def _goal(self, pictures: Tensor, redirect: bool) -> tuple[Tensor, Tensor]:
        share = self.ascent.number / self.studio.recipe.steps
        transforms = self.studio.recipe.transforms(share, min(self.studio.size))
        if any(map(_in_place, self.objectives)):
            transforms = _steadied(transforms, min(self.studio.size))
        chain = Chain(((Overlay(),) if self.studio.alpha else ()) + transforms, self.shown)
        values, slopes = torch.zeros(len(pictures), device=pictures.device), torch.zeros_like(pictures)
        for _ in range(self.studio.recipe.looks):
            one, its = along(pictures, lambda leaf: self._values(chain(leaf, self.rng), leaf, redirect), self._named)
            values, slopes = values + one, slopes + its
        return values / self.studio.recipe.looks, slopes / self.studio.recipe.looks

    def _values(self, shown: Tensor, pictures: Tensor, redirect: bool) -> Tensor:
        seen = self.eye(shown, redirect)
        values = torch.stack([raised(seen)[i] for i, raised in enumerate(self.raised)])
        if self.studio.diversity and len(self.raised) > 1:
            apart = Diversity(_mapped(self.studio.net, self.objectives[0]))(seen)
            values = values + self.studio.diversity * values.detach().abs() * apart
        return values * (1 - pictures[:, -1].mean((1, 2))) if self.studio.alpha else values

    @torch.no_grad()
    def _plainly(self, pictures: Tensor) -> NDArray[np.float32]:
        """What untransformed pictures make of their objectives."""
        shown = pictures[:, :-1] * pictures[:, -1:] + 0.5 * (1 - pictures[:, -1:]) if self.studio.alpha else pictures
        seen = self.eye(Chain((), self.shown)(shown, self.rng))
        return np.array([o(seen)[i].item() for i, o in enumerate(self.objectives)], np.float32)

    @property
    def _way(self) -> NDArray[np.float32]:
        """The values so far, (steps, n)."""
        return np.stack(self.curve) if self.curve else np.zeros((0, len(self.objectives)), np.float32)

    @property
    def _named(self) -> str:
        return ", ".join(dict.fromkeys(map(str, self.objectives)))


@dataclass(frozen=True)
class Paintings:
    """Groups of objectives to be painted one after the other, and the layers they need."""

    studio: Studio
    groups: tuple[tuple[Objective, ...], ...]

    @property
    def layers(self) -> list[str]:
        """Every layer an objective reads, and the one whose pictures are to differ."""
        found = [layer for group in self.groups for o in group for layer in o.layers]
        if self.studio.diversity:
            found += [_mapped(self.studio.net, o) for group in self.groups for o in group]
        return list(dict.fromkeys(found))

    def begun(self) -> Iterator[tuple[int, Callable[[], Group]]]:
        """The number of each group, and what makes it, before its first step."""
        with looking(self.studio.net, self.layers, self.studio.precision) as eye:
            shown = self._shown(eye)
            for number, group in enumerate(self.groups):
                yield number, partial(Group, self.studio, group, eye, number, shown)

    def _shown(self, eye: Eye) -> tuple[int, int]:
        """The size at which pictures are shown: their own, where whole maps are all that is wanted and that will do."""
        own, size = self.studio.net.preprocessing.size, self.studio.size
        terms = [term for group in self.groups for objective in group for _, term in objective.terms]
        if size[0] * size[1] >= own[0] * own[1] or not all(_any_size(self.studio.net, term) for term in terms):
            return own
        return size if eye.takes(size) else own


def grouped(objectives: Sequence[Objective], variants: int, size: int | str) -> tuple[tuple[Objective, ...], ...]:
    """Objectives in groups: all variants of one together, else as many as stay in the caches."""
    if variants > 1:
        return tuple((o,) * variants for o in objectives)
    at_once = _WINDOW if size == "auto" else int(size)
    return tuple(tuple(objectives[i : i + at_once]) for i in range(0, len(objectives), at_once))


def _in_place(objective: Objective) -> bool:
    """Whether it is about one neuron, which looks at one place of the picture."""
    return any(isinstance(term, Excite) and term.unit.position is not None for _, term in objective.terms)


def _steadied(transforms: Sequence[Transform], side: int) -> tuple[Transform, ...]:
    """The same, but the picture stays where it is, to a hundredth of its side: what one neuron sees must not move."""
    moves = any(isinstance(one, Movement) for one in transforms)
    others = tuple(one for one in transforms if not isinstance(one, Movement | Pad))
    return ((Jitter(side / 112),) if moves else ()) + others


def _contrast(pictures: Tensor) -> NDArray[np.float32]:
    """The standard deviation of the pixels of each picture."""
    found: NDArray[np.float32] = pictures.flatten(1).std(1).float().cpu().numpy()
    return found


def _any_size(net: Network, term: Term) -> bool:
    """Whether a term means the same for pictures of another size than the network's."""
    return len(net.layers[term.layer].shape) > 1 and not (isinstance(term, Excite) and term.unit.position is not None)


def _raised(objective: Objective, studio: Studio) -> Objective:
    """The objective as it is raised: by some recipes, a class score above all others."""
    if not studio.recipe.above or not studio.net.classifies:
        return objective
    return replace(objective, terms=tuple((w, _lead(term) if w > 0 else term) for w, term in objective.terms))


def _lead(term: Term) -> Term:
    if isinstance(term, Excite) and term.unit.layer == "logits" and term.unit.channel is not None:
        return Above(term.unit)
    return term


def _mapped(net: Network, objective: Objective) -> str:
    """The layer in which variants are to differ: the objective's own if it has a map, else the last one that has."""
    rows, own = list(net.layers), objective.layers[0]
    maps = [name for name in rows[: rows.index(own) + 1] if len(net.layers[name].shape) > 1]
    wide = [name for name in maps if min(net.layers[name].shape[1:]) > 1]
    return own if own in maps else wide[-1] if wide else own
