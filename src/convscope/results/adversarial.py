"""Adversarial examples: pictures changed so little that we see the same, and a network another class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BadKnob
from ..base.image import Image
from ..base.pixels import Floats
from ..contract.result import Result
from .flipped_units import FlippedUnits
from .margin_path import MarginPath

Ranked: TypeAlias = tuple[str, int, float, float]  # label, number, probability and logit of a class


class BehindAdversarial(Protocol):
    """The network that was attacked, while it is at hand."""

    def units(self, found: Adversarial, scan: Any) -> FlippedUnits:
        """Which units the change flips."""

    def path(self, found: Adversarial) -> MarginPath:
        """How the change reaches the class."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Adversarial(Result):
    """A picture changed so that a network takes it for another class, as it is read again from its file.

    `image` is (H, W, 3) uint8, as large as the picture it was made of, `clean`; `values` (H, W, 3) is the change in
    steps of 1/255. `success` says whether the file, read again, is taken for what was wanted: `target`, or without one
    (empty) any class but `before`, what `clean` is; `label` is what the file is taken for. `norms` are of the change:
    `l2` and `linf` of pixels from 0 to 1, `steps`, the largest of 255, and `changed`, the share of values. `passes`
    counts the pictures that went `forward` and `backward`. `history` (steps,) is the lead in logits of what is wanted:
    of the target over all others, or of the best other class over `before`; it is positive once the network is fooled.
    `top_before` and `top_after` are the most probable classes, most probable first. A `view` is of what the network
    takes, and is saved as one.
    """

    image: NDArray[np.uint8]
    clean: NDArray[np.uint8]
    success: bool
    label: str
    before: str
    target: str
    norms: Mapping[str, float]
    passes: Mapping[str, int]
    history: Floats
    top_before: tuple[Ranked, ...]
    top_after: tuple[Ranked, ...]
    view: bool = False
    profile: bytes = b""
    behind: BehindAdversarial | None = field(default=None, repr=False)

    @property
    def file(self) -> Image:
        """The picture as it is saved: `net.predict(result.file)` is what `label` says."""
        return Image(self.image, profile=self.profile, view=self.view)

    @property
    def steps(self) -> NDArray[np.int16]:
        """The change in steps of 1/255, (H, W, 3), as whole numbers."""
        return self.values.astype(np.int16)

    @property
    def change(self) -> str:
        """The change in words, in steps of the file: "3.1 % of values, by at most 2 of 255"."""
        share, most = 100 * self.norms["changed"], round(self.norms["steps"])
        return f"{share:.2g} % of values, by at most {most} of 255" if most else "nothing"

    def units(self, scan: Any = None) -> FlippedUnits:
        """Which units the change flips, beside noise of the same size; `.table` has a row for each.

        `scan`, or its folder, says what is usual for a unit; without one the bundled photos do. Raises BadKnob where
        the network is not at hand, and BadScan.
        """
        return self._behind.units(self, scan)

    def path(self) -> MarginPath:
        """How the change reaches the class: what units of each layer and pixels contribute to it, which adds up.

        Raises BadKnob where the network is not at hand.
        """
        return self._behind.path(self)

    @property
    def _behind(self) -> BehindAdversarial:
        if self.behind is None:
            raise BadKnob("The network that was attacked must be at hand, and is not. Attack it again.")
        return self.behind

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with what became of the file."""
        names = ("success", "label", "before", "target", "change", "norms", "passes", "top_before", "top_after", "view")
        return {**super().summary(), **{name: _plain(getattr(self, name)) for name in names}}

    def thumbnail(self) -> NDArray[np.uint8] | None:
        """The picture itself."""
        return self.image


def _plain(told: Any) -> Any:
    if isinstance(told, tuple):
        return [list(row) for row in told]
    return dict(told) if isinstance(told, Mapping) else told


@dataclass(frozen=True, eq=False, kw_only=True)
class Universal(Result):
    """One change that fools a network on most pictures: `values` (H, W, 3), in steps of 1/255, of what it is given.

    `rate` is the share of `held_out` pictures, which it was not made from, whose class it changes, and `interval` where
    that share lies with 95 % confidence (Wilson); `training_rate` is of those it was made from, and `control_rate` of
    the held-out ones under a random change of the same size.
    """

    rate: float
    interval: tuple[float, float]
    held_out: int
    training_rate: float
    control_rate: float

    def on(self, seen: NDArray[np.uint8]) -> Image:
        """A picture as a network is given it, (H, W, 3), with the change: a view, `net.predict` takes it as it is."""
        changed = seen.astype(np.int16) + self.values.astype(np.int16)
        return Image(changed.clip(0, 255).astype(np.uint8), view=True)

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the rates."""
        rates = {"rate": self.rate, "interval": list(self.interval), "held_out": self.held_out}
        return {**super().summary(), **rates, "training_rate": self.training_rate, "control_rate": self.control_rate}
