"""Objectives: what a picture is to excite, as sums of named terms that print as text and are read back from it.

A term names the layers it needs and makes of their tensors one value a picture, (N,), which ascent raises. A sum of
terms is an `Objective`: `logits:281`, `blocks.3.0:5 - 0.5*blocks.3.0:7`, `dream(blocks.4)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from ..base.errors import BadKnob
from ..base.image import open_image
from ..base.sums import spelled
from ..base.unit import Unit
from ..network.layers.probabilities import Scores
from ..network.network import Network

Seen = Mapping[str, Tensor]  # what each layer put out, (N, C, H, W) or (N, C)
_TINY = 1e-8


class Term(ABC):
    """One value a picture, made of what layers put out."""

    @property
    @abstractmethod
    def layer(self) -> str:
        """The layer it reads."""

    @abstractmethod
    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture, (N,)."""

    def resolved(self, net: Network) -> Term:
        """The term checked against a network; raises UnknownLayer or UnknownUnit."""
        net.layer(self.layer)
        return self

    def __neg__(self) -> Objective:
        return -1 * Objective(((1.0, self),))

    def __add__(self, other: Term | Objective) -> Objective:
        return Objective(((1.0, self),)) + other

    def __sub__(self, other: Term | Objective) -> Objective:
        return self + -other

    def __rmul__(self, weight: float) -> Objective:
        return weight * Objective(((1.0, self),))


@dataclass(frozen=True)
class Excite(Term):
    """A unit's activation: the mean over its map, or over the layer; a neuron's own; a class score or probability.

    A probability is raised by its logarithm, since near 0 it has no slope.
    """

    unit: Unit
    scores: Scores = Scores.SOFTMAX

    @property
    def layer(self) -> str:
        """The layer it reads."""
        return self.unit.source

    def __str__(self) -> str:
        return str(self.unit)

    def resolved(self, net: Network) -> Excite:
        """The term checked against a network."""
        return Excite(net.unit(self.unit), net.scores)

    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture."""
        tensor = seen[self.layer]
        if self.unit.layer == "probs":
            tensor = self.scores.logarithms(tensor)
        if self.unit.channel is not None:
            tensor = tensor[:, self.unit.channel]
        if self.unit.position is not None:
            tensor = tensor[:, self.unit.position[0], self.unit.position[1]]
        return tensor.flatten(1).mean(1) if tensor.ndim > 1 else tensor


@dataclass(frozen=True)
class Above(Term):
    """How far a class score is above all the others: above the logarithm of the sum of their exponentials.

    A class that is only strong where similar classes are strong too is not this class. Where there is only one class,
    its score itself.
    """

    unit: Unit

    @property
    def layer(self) -> str:
        """The layer it reads."""
        return "logits"

    def __str__(self) -> str:
        return f"above({self.unit})"

    def resolved(self, net: Network) -> Above:
        """The term checked against a network; raises BadKnob for what is no class score."""
        unit = net.unit(self.unit)
        if unit.layer != "logits" or unit.channel is None or not net.classifies:
            raise BadKnob(f"above() must be of a class score, such as above(logits:281), not of {unit}.")
        return Above(unit)

    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture."""
        assert self.unit.channel is not None
        logits = seen["logits"]
        if logits.shape[1] == 1:
            return logits[:, 0]
        own = torch.zeros_like(logits)
        own[:, self.unit.channel] = torch.inf
        return logits[:, self.unit.channel] - (logits - own).logsumexp(1)


@dataclass(frozen=True)
class Inside(Term):
    """A channel's or layer's mean over the middle of its map, without `border` positions at each side.

    Chollet 2020, who left out what the edges of a picture do to a map. Of a map too small for that, its middle is left.
    """

    unit: Unit
    border: int

    @property
    def layer(self) -> str:
        """The layer it reads."""
        return self.unit.source

    def __str__(self) -> str:
        return f"inside({self.unit}, {self.border})"

    def resolved(self, net: Network) -> Inside:
        """The term checked against a network; raises BadKnob for a single neuron."""
        unit = net.unit(self.unit)
        if unit.position is not None or unit.layer == "probs" or self.border < 0:
            raise BadKnob(f"inside() must be of a channel or a layer, and of a border from 0 on; not {self}.")
        return replace(self, unit=unit)

    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture."""
        return Excite(self.unit)({self.layer: _middle(seen[self.layer], self.border)})


def _middle(maps: Tensor, border: int) -> Tensor:
    """Maps (N, C, H, W) without so many positions at each side, but with one or two at least; vectors as they are."""
    for axis in range(2, maps.ndim):
        cut = min(border, (maps.shape[axis] - 1) // 2)
        maps = maps.narrow(axis, cut, maps.shape[axis] - 2 * cut)
    return maps


@dataclass(frozen=True)
class LayerTerm(Term):
    """A term of a whole layer, written `word`(LAYER)."""

    of: str
    word: ClassVar[str]

    @property
    def layer(self) -> str:
        """The layer it reads."""
        return self.of

    def __str__(self) -> str:
        return f"{self.word}({self.of})"


@dataclass(frozen=True)
class LayerEnergy(LayerTerm):
    """The mean square of all a layer puts out, which raises whatever is there (Mordvintsev et al. 2015, DeepDream).

    With a `border`, so many positions at each side of the map count as zeros (Chollet 2020).
    """

    border: int = 0
    word = "dream"

    def __str__(self) -> str:
        return f"dream({self.of}, {self.border})" if self.border else super().__str__()

    def resolved(self, net: Network) -> LayerEnergy:
        """The term checked against a network; raises UnknownLayer, or BadKnob for a negative border."""
        if self.border < 0:
            raise BadKnob(f"The border of dream() must be from 0 on, not {self.border}. Leave it out, or use 2.")
        net.layer(self.of)
        return self

    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture."""
        whole = seen[self.of]
        if not self.border:
            return whole.square().flatten(1).mean(1)
        return _middle(whole, self.border).square().flatten(1).sum(1) / whole[0].numel()


@dataclass(frozen=True)
class Diversity(LayerTerm):
    """Minus the mean similarity of a picture's Gram matrix to those of the others (Olah et al. 2017)."""

    word = "diversity"

    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture."""
        maps = seen[self.of].flatten(2) if seen[self.of].ndim > 2 else seen[self.of][:, :, None]
        gram = torch.nn.functional.normalize((maps @ maps.mT).flatten(1), dim=1, eps=_TINY)
        alike = gram @ gram.T
        others = max(1, len(alike) - 1)
        return -(alike.sum(1) - alike.diagonal()) / others


@dataclass(frozen=True)
class Alignment(LayerTerm):
    """Minus the mean square difference to the next picture, and of the last to the first, so that they change smoothly.

    Lucid's looks at the next four, in a row with two ends.
    """

    word = "alignment"

    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture."""
        tensor = seen[self.of]
        return -(tensor - tensor.roll(-1, 0)).square().flatten(1).mean(1) * (len(tensor) > 1)


@dataclass(frozen=True)
class Direction(LayerTerm):
    """Dot product with a direction in the space of channels, times its cosine to the power `power`: the mean of a map.

    Carter et al. 2019, "Activation atlas"; the cosine is floored at 0.1.
    """

    vector: tuple[float, ...]
    power: float = 2.0

    def __str__(self) -> str:
        return f"direction({self.of}, {' '.join(_told(v) for v in self.vector)}, {_told(self.power)})"

    def resolved(self, net: Network) -> Direction:
        """The term checked against a network; raises BadKnob for a vector of another length."""
        units = net.layers[net.layer(self.of)].units
        if len(self.vector) != units:
            raise BadKnob(f"A direction in {self.of} must have {units} numbers, one a channel, not {len(self.vector)}.")
        return self

    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture."""
        tensor = seen[self.of]
        vector = torch.tensor(self.vector, dtype=tensor.dtype, device=tensor.device)
        return _along(tensor.flatten(2) if tensor.ndim > 2 else tensor[:, :, None], vector[None, :, None], self.power)


@dataclass(frozen=True)
class Caricature(LayerTerm):
    """What an image excites in a layer, exaggerated: dot product with its activations, times their cosine.

    Olah et al. 2018, "The building blocks of interpretability", and Lucid's recipe.
    """

    image: str
    power: float = 1.0
    target: Tensor | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"caricature({self.of}, {self.image}, {_told(self.power)})"

    def resolved(self, net: Network) -> Caricature:
        """The term with the image's activations; raises BadImage where it cannot be opened."""
        with torch.inference_mode(False), torch.no_grad():
            target = net.read(net.prepare(open_image(self.image)), net.layer(self.of))[self.of]
        return Caricature(self.of, self.image, self.power, target.float())

    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture."""
        tensor = seen[self.of]
        assert self.target is not None, "an objective is resolved before it is used"
        target = self.target
        if tensor.ndim > 2 and tensor.shape[2:] != target.shape[2:]:
            target = torch.nn.functional.interpolate(target, tensor.shape[2:], mode="bilinear")
        return _along(tensor.flatten(1)[..., None], target.flatten(1)[..., None], self.power)


def _along(x: Tensor, direction: Tensor, power: float) -> Tensor:
    """Dot product times cosine^power along dimension 1, over the mean of the rest."""
    cosine = torch.nn.functional.cosine_similarity(x, direction, dim=1, eps=_TINY).clamp(min=0.1)
    return ((x * direction).sum(1) * cosine**power).mean(1)


def _told(number: float) -> str:
    """A number as text that gives the same number again, whatever its type."""
    return repr(float(number))


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms."""

    terms: tuple[tuple[float, Term], ...]

    def __str__(self) -> str:
        return spelled(self.terms)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers it reads, each once."""
        return tuple(dict.fromkeys(term.layer for _, term in self.terms))

    @property
    def unit(self) -> Unit | None:
        """The unit it excites, where it does nothing else."""
        weight, term = self.terms[0]
        alone = len(self.terms) == 1 and weight > 0
        return term.unit if alone and isinstance(term, Excite | Above) else None

    def resolved(self, net: Network) -> Objective:
        """The objective checked against a network; raises UnknownLayer, UnknownUnit or BadKnob."""
        return Objective(tuple((weight, term.resolved(net)) for weight, term in self.terms))

    def __call__(self, seen: Seen) -> Tensor:
        """The value of each picture, (N,)."""
        return torch.stack([weight * term(seen) for weight, term in self.terms]).sum(0)

    def __neg__(self) -> Objective:
        return -1 * self

    def __rmul__(self, weight: float) -> Objective:
        return Objective(tuple((weight * own, term) for own, term in self.terms))

    def __add__(self, other: Term | Objective) -> Objective:
        return Objective(self.terms + (other.terms if isinstance(other, Objective) else ((1.0, other),)))

    def __sub__(self, other: Term | Objective) -> Objective:
        return self + -other
