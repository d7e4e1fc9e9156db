"""A question of attribution, a network, an image and a unit, and how its answer is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..base.attributions import Answer
from ..base.image import Image, ImageLike, open_image
from ..base.unit import Unit, UnitLike
from ..network.network import Network
from ..network.probabilities import Scores

A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, eq=False)
class Question:
    """What in `image` makes `unit` of `net` as large as it is? `seen` is what the network is given of the image."""

    net: Network
    image: Image
    unit: Unit
    seen: NDArray[np.uint8]
    x: Tensor

    @classmethod
    def of(cls, net: Network, image: ImageLike, unit: UnitLike) -> Question:
        """The question, with the image prepared; raises what `open_image` and `net.unit` raise."""
        picture, target = open_image(image), net.unit(unit)
        seen = net.see(picture)
        return cls(net, picture, target, seen, net.feed(seen))

    def answer(
        self,
        kind: type[A],
        values: Tensor | NDArray[Any],
        value: float | Tensor,
        evidence: Mapping[str, Any],
        **fields: Any,
    ) -> A:
        """The result: its `values`, the unit's own `value`, and how they were found."""
        label = {"label": self.net.label(self.unit.channel or 0)} if self.unit.is_class else {}
        return kind(
            values=array(values) if isinstance(values, Tensor) else values.astype(np.float32),
            unit=self.unit,
            network=self.net.name,
            evidence={
                **label,
                **evidence,
                **remarks(self.net, self.unit),
                **self.net.preprocessing.told(self.image),
            },
            image=self.image,
            value=float(value),
            seen=self.seen,
            **fields,
        )


def remarks(net: Network, unit: Unit) -> dict[str, str]:
    """What must be known of a unit to read its value rightly, where that is not plain."""
    row, found = net.layers[unit.source], {}
    if row.note:
        found["places"] = row.note
    if unit.layer == "probs" and net.scores is not Scores.SOFTMAX:
        found["probability"] = net.scores.value
    if net.notices:
        found["notice"] = " ".join(net.notices)
    if net.mixing.get(unit.source):
        found["one_by_one"] = "the module mixes the images of a batch, so each was run alone"
    return found


def array(values: Tensor) -> NDArray[np.float32]:
    """A tensor as a float32 array in index order."""
    return values.detach().float().contiguous().numpy(force=True)
