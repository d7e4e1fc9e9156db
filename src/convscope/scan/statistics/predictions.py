"""What the network takes each image for: its few most probable classes, kept for every image of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...base.errors import ForwardFailed
from ...base.pixels import Ints
from ...network.network import Network
from .batch_summary import Summary

_MOST = 5  # classes that are kept of an image


@dataclass(eq=False)
class Predictions:
    """Of the n images `numbers` (n,): the most probable `classes` (n, k), best first, `scores` and `probabilities`.

    Of equal scores the lower class is first.
    """

    numbers: Ints
    classes: NDArray[np.int32]
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    _more: list[Predictions] = field(default_factory=list, repr=False)

    @classmethod
    def empty(cls, classes: int) -> Predictions:
        """Of no image, by a network with so many classes."""
        none = np.zeros((0, min(_MOST, classes)), np.float32)
        return cls(np.zeros(0, np.int64), none.astype(np.int32), none, none)

    def update(self, s: Summary, numbers: Ints) -> None:
        """Keep those of a batch."""
        self._more.append(Predictions(numbers, s.classes, s.scores, s.probabilities))

    def merge(self, other: Predictions) -> None:
        """Keep those of another part."""
        self._more += [other, *other._more]

    def ordered(self) -> Predictions:
        """The same in the order of the images."""
        parts = [self, *self._more]
        order = np.argsort(np.concatenate([part.numbers for part in parts]))

        def joined(name: str) -> NDArray[Any]:
            found: NDArray[Any] = np.concatenate([getattr(part, name) for part in parts])[order]
            return found

        return Predictions(joined("numbers"), joined("classes"), joined("scores"), joined("probabilities"))


def most_probable(net: Network) -> int:
    """How many classes of an image are kept."""
    return min(_MOST, net.layers["logits"].units)


def rank(net: Network, logits: Tensor, into: Summary) -> None:
    """Write the most probable classes of N images, by their class scores (N, classes), into their summary."""
    scores, chances = (x.float().numpy(force=True) for x in (logits, net.probabilities(logits.float())))
    into.classes[:] = np.argsort(-scores, axis=1, kind="stable")[:, : into.classes.shape[1]]
    into.scores[:] = np.take_along_axis(scores, into.classes.astype(np.int64), 1)
    into.probabilities[:] = np.take_along_axis(chances, into.classes.astype(np.int64), 1)


def check_scores(summary: Summary, ids: Sequence[str]) -> None:
    """Raise ForwardFailed, naming the image, where class scores are not finite."""
    bad = ~np.isfinite(summary.scores).all(1)
    if bad.any():
        raise ForwardFailed(
            f"logits put out numbers that are not finite for the image {ids[int(bad.argmax())]}. "
            "Leave that image out, or scan with predictions=no."
        )
