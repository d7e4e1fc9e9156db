"""A question of attribution, a network, an image and a unit, and how its answer is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...base.image import Image, ImageLike, open_image
from ...base.sums import spelled
from ...base.unit import Unit, UnitLike, Valued
from ...network.layers.probabilities import Scores
from ...network.network import Network
from ...results.attribution import UnitResult

A = TypeVar("A", bound=UnitResult)


@dataclass(frozen=True, eq=False)
class AttributionTarget:
    """What in `image` makes `unit` of `net` as large as it is? `seen` is what the network is given of the image."""

    net: Network
    image: Image
    unit: Valued
    seen: NDArray[np.uint8]
    x: Tensor

    @classmethod
    def of(cls, net: Network, image: ImageLike, unit: UnitLike) -> AttributionTarget:
        """The question, with the image prepared; raises what `open_image` and `net.unit` raise."""
        picture, target = open_image(image), net.unit(unit)
        seen = net.see(picture)
        return cls(net, picture, target, seen, net.feed(seen))

    @property
    def deepest(self) -> str:
        """The last of the layers that the unit is read from."""
        return max(self.unit.sources, key=list(self.net.layers.including(*self.unit.sources)).index)

    def answer(
        self,
        kind: type[A],
        values: Tensor | NDArray[Any],
        value: float | Tensor,
        evidence: Mapping[str, Any],
        **fields: Any,
    ) -> A:
        """The result: its `values`, the unit's own `value`, and how they were found."""
        return kind(
            values=array(values) if isinstance(values, Tensor) else values.astype(np.float32),
            unit=self.unit,
            network=self.net.name,
            evidence={
                **_labeled(self.net, self.unit),
                **evidence,
                **remarks(self.net, self.unit),
                **self.net.preprocessing.told(self.image),
            },
            image=self.image,
            value=float(value),
            seen=self.seen,
            **fields,
        )


def remarks(net: Network, unit: Valued) -> dict[str, str]:
    """What must be known of a unit to read its value rightly, where that is not plain."""
    notes = [net.layers[source].note for source in unit.sources if net.layers[source].note]
    found = {"places": "; ".join(notes)} if notes else {}
    if net.scores is not Scores.SOFTMAX and any(term.layer == "probs" for _, term in unit.terms):
        found["probability"] = net.scores.value
    if net.notices:
        found["notice"] = " ".join(net.notices)
    if any(net.mixing.get(source) for source in unit.sources):
        found["one_by_one"] = "the module mixes the images of a batch, so each was run alone"
    return found


def _labeled(net: Network, unit: Valued) -> dict[str, str]:
    """What a class is called; of a sum of units with classes among them, a sum of their first names."""
    if isinstance(unit, Unit):
        return {"label": net.label(unit.channel or 0)} if unit.is_class else {}
    if not net.labels or not any(term.is_class for _, term in unit.terms):
        return {}
    names = [(w, net.label(t.channel or 0).split(",")[0] if t.is_class else t) for w, t in unit.terms]
    return {"label": spelled(names, minus="−", times=" × ")}


def array(values: Tensor) -> NDArray[np.float32]:
    """A tensor as a float32 array in index order."""
    return values.detach().float().contiguous().numpy(force=True)
