"""Which units a technique of one unit is about: a channel, neuron or class score, and never a sum or a probability."""

from __future__ import annotations

from ..base.errors import UnknownUnit
from ..base.unit import Unit, Valued

_SHARED = (
    ": all classes share one sum of probabilities, so that a class grows when another one shrinks, and every edge "
    "would be of all classes"
)


def one_unit(unit: Valued, instead: str, since: str) -> Unit:
    """The unit, where it is one channel or neuron; raises UnknownUnit for anything else, and says what to use.

    Of a probability it says that it must be `instead`, and `since` why.
    """
    if not isinstance(unit, Unit):
        _, first = unit.terms[0]
        raise UnknownUnit(
            f"unit must be one channel, such as {first.source}:{first.channel or 0}, not the sum {unit}. "
            "Ask for each term."
        )
    if unit.channel is None:
        raise UnknownUnit(f"unit must be one channel, such as {unit.layer}:0, not the whole layer {unit.layer}.")
    if unit.layer == "probs":
        raise UnknownUnit(f"unit must be {instead}, not the probability {unit}{since}. Use logits:{unit.channel}.")
    return unit


def computed_unit(unit: Valued) -> Unit:
    """One unit of what the network computes, a class score at last; raises UnknownUnit for the image itself too."""
    found = one_unit(unit, "a class score", _SHARED)
    if found.layer == "input":
        raise UnknownUnit(f"unit must be what the network computes, not {found}, which is the image. Use a layer.")
    return found
