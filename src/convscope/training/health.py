"""Layers that die, explode or stand still: named once, with the step at which it began, and why we say so.

Every rule is about a layer as it was before or about the arithmetic itself, never about what is usual: a layer that
learns well by odd numbers is not accused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

IN_A_ROW = 5  # looks for which a layer must be dead, or stand still
DEAD = 0.9  # of the channels
STILL = 2.0**-24  # of the weights: half of what float32 can tell apart
LEAPS = 10.0  # times the weights: an update that leaves nothing of them
GROWN = 100.0  # times the first outputs, or weights


@dataclass(frozen=True)
class LayerLook:
    """What the rules are about: a layer at one step, in the order in which layers ran; NaN where it is not known.

    `dead` is the share of its channels that were zero everywhere, `rms` the root of the mean square of its outputs,
    `weights` that of its weights and `update` that of what a step of the optimizer added; `nonfinite` are counts.
    """

    layer: str
    dead: float
    rms: float
    nonfinite: int
    weights: float = math.nan
    update: float = math.nan
    gradient: float = math.nan


class Health:
    """Looks at step after step; `look` gives the events that are new."""

    def __init__(self) -> None:
        self._first: dict[str, LayerLook] = {}
        self._begun: dict[tuple[str, str], list[int]] = {}  # of what and which layer: the steps it is so, in a row
        self._said = set[tuple[str, str]]()

    def look(self, step: int, layers: Sequence[LayerLook]) -> list[dict[str, Any]]:
        """Events, as rows of their table, after a look at all layers at a step."""
        found = self._broken(step, layers) or self._exploding(step, layers)
        before = False
        for one in layers:
            dead = one.dead >= DEAD
            found += self._lasting("dead", one, dead and not before, step, self._why_dead(one))
            before = dead
            still = one.update <= STILL * one.weights if one.weights > 0 else one.update == 0
            found += self._lasting("still", one, still and one.nonfinite == 0, step, self._why_still(one))
        for one in layers:
            self._first.setdefault(one.layer, one)
        return found

    def _lasting(self, what: str, one: LayerLook, so: bool, step: int, why: str) -> list[dict[str, Any]]:
        """An event once something has been so for some looks in a row, of the step of the first of them."""
        steps = self._begun.setdefault((what, one.layer), [])
        if not so:
            steps.clear()
            self._said.discard((what, one.layer))
            return []
        steps.append(step)
        if len(steps) < IN_A_ROW or (what, one.layer) in self._said:
            return []
        return self._say(what, one.layer, steps[0], step, f"{why}, at {IN_A_ROW} looks in a row.")

    def _say(self, what: str, layer: str | None, began: int, step: int, why: str) -> list[dict[str, Any]]:
        self._said.add((what, layer or ""))
        return [{"step": began, "layer": layer, "what": what, "why": why, "noticed": step}]

    def _broken(self, step: int, layers: Sequence[LayerLook]) -> list[dict[str, Any]]:
        """The first layer that puts out what is not finite; else the last one whose gradient is not."""
        if any(what == "nonfinite" for what, _ in self._said):
            return []
        for one in layers:
            if one.nonfinite:
                return self._say("nonfinite", one.layer, step, step, f"{one.nonfinite} of its outputs are not finite.")
        for one in reversed(layers):
            if math.isinf(one.gradient):
                return self._say("nonfinite", one.layer, step, step, "The gradient of its weights is not finite.")
        return []

    def _exploding(self, step: int, layers: Sequence[LayerLook]) -> list[dict[str, Any]]:
        """At the first step at which any does: all whose own weights leap or have grown, else the first by outputs."""
        if any(what in ("explodes", "nonfinite") for what, _ in self._said):
            return []
        found: list[dict[str, Any]] = []
        for one in layers:
            why = self._why_leaping(one)
            found += self._say("explodes", one.layer, step, step, why) if why else []
        for one in () if found else layers:
            first = self._first.get(one.layer)
            if first is not None and one.rms >= max(GROWN * first.rms, 1000.0):
                why = f"The root mean square of its outputs is {one.rms:.3g}; at the first look it was {first.rms:.3g}."
                return self._say("explodes", one.layer, step, step, why)
        return found

    def _why_leaping(self, one: LayerLook) -> str:
        if one.update >= max(LEAPS * one.weights, 1.0):
            return f"One update changes its weights by {one.update:.3g}, root mean square; they are {one.weights:.3g}."
        first = self._first.get(one.layer)
        if first is not None and one.weights >= max(GROWN * first.weights, 10.0):
            return (
                f"Its weights are {one.weights:.3g}, root mean square; at the first look they were {first.weights:.3g}."
            )
        return ""

    def _why_dead(self, one: LayerLook) -> str:
        return f"{one.dead:.0%} of its channels are zero everywhere, for every image of the batch"

    def _why_still(self, one: LayerLook) -> str:
        cause = "; its gradient is zero" if one.gradient == 0 else ""
        return f"Updates change its weights by {one.update:.3g}, root mean square, of {one.weights:.3g}{cause}"
