"""The result of occlusion: what hiding each part of an image does to a unit and to all classes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..base.pixels import Floats, Ints
from ..base.unit import Unit
from .attribution import Attribution


@dataclass(frozen=True, eq=False, kw_only=True)
class Occlusion(Attribution):
    """How a unit's value falls when parts of the image are hidden.

    `values` (H, W) is the mean drop over the windows that cover a pixel, NaN where none does. Windows of `size`, height
    and width, have their corners at `tops` (ny,) and `lefts` (nx,); the last ones are cut off at the edge. For each
    window there are `unit_values` (ny, nx), the unit's own value, and `logits` (ny, nx, classes), all class scores,
    with no classes for a network that does not classify; windows that were not reached are NaN. `clean` (classes,) is
    the class scores with nothing hidden, `correct` the class whose probability is shown, -1 for none. `scores` says
    what makes probabilities of them: softmax, sigmoid, or nothing, since they are some.
    """

    size: tuple[int, int]
    tops: Ints
    lefts: Ints
    unit_values: Floats
    logits: Floats
    clean: Floats
    correct: int
    scores: Literal["softmax", "sigmoid", "own"] = "softmax"

    @property
    def grid(self) -> Floats:
        """The raw value for every window: all logits, (ny, nx, classes), where the unit is a class, else (ny, nx)."""
        return self.logits if isinstance(self.unit, Unit) and self.unit.is_class else self.unit_values

    @property
    def drops(self) -> Floats:
        """How far the unit falls for every window, (ny, nx)."""
        return (self.value - self.unit_values).astype(np.float32)

    @property
    def probability(self) -> Floats:
        """The probability of the correct class for every window, (ny, nx)."""
        return self._probabilities(self.logits)[..., self.correct]

    @property
    def top_class(self) -> Ints:
        """The most probable class for every window, (ny, nx); -1 for windows that were not reached."""
        reached = np.isfinite(self.logits)
        best: Ints = np.where(reached, self.logits, 0).argmax(2)
        return np.where(reached.all(2), best, -1)

    def for_class(self, index: int, probability: bool = False) -> Occlusion:
        """The same for another class score, or class probability, at no cost: all logits were kept."""
        pick = self._probabilities if probability else np.asarray
        found, value = pick(self.logits)[..., index], float(pick(self.clean)[index])
        return dataclasses.replace(
            self,
            values=spread_over_pixels(value - found, self.tops, self.lefts, self.size, self.seen.shape[:2]),
            unit=Unit("probs" if probability else "logits", index),
            value=value,
            unit_values=found,
            correct=index,
            request=None,
        )

    def _probabilities(self, scores: Floats) -> Floats:
        match self.scores:
            case "softmax":
                return _softmax(scores)
            case "sigmoid":
                return np.asarray(1 / (1 + np.exp(-scores)), np.float32)
        return scores


def spread_over_pixels(
    drops: NDArray[Any], tops: Ints, lefts: Ints, size: tuple[int, int], shape: tuple[int, ...]
) -> Floats:
    """For each pixel the mean over the windows that cover it, leaving out NaN; NaN where no window does."""
    known = np.isfinite(drops)
    total = _covered(np.where(known, drops, 0), tops, lefts, size, shape)
    count = _covered(known, tops, lefts, size, shape)
    found: NDArray[np.float64] = np.divide(total, count, out=np.full(shape, np.nan), where=count > 0.5)
    return found.astype(np.float32)


def _covered(
    values: NDArray[np.generic], tops: Ints, lefts: Ints, size: tuple[int, int], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """The sum over the windows that cover each pixel: rows of windows first, then columns."""
    y, x = (_covers(starts, side, length) for starts, side, length in zip((tops, lefts), size, shape, strict=True))
    found: NDArray[np.float64] = y.T @ np.asarray(values, np.float64) @ x
    return found


def _covers(starts: Ints, side: int, length: int) -> NDArray[np.float64]:
    """Which of `length` places each window covers along one axis, (windows, length)."""
    places = np.arange(length)
    return ((places >= starts[:, None]) & (places < starts[:, None] + side)).astype(np.float64)


def _softmax(logits: Floats) -> Floats:
    found: Floats = np.exp(logits - logits.max(-1, keepdims=True))
    found /= found.sum(-1, keepdims=True)
    return found
