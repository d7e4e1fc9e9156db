"""Which units circuits and formulas are about: one channel, neuron or class score, and never a probability."""

from __future__ import annotations

from ...base.errors import UnknownUnit
from ...base.unit import Unit, Valued
from ...network.network import Network


def one_unit(net: Network, unit: Valued) -> Unit:
    """The unit, where it is one channel or neuron; raises UnknownUnit for anything else, and says what to use."""
    if not isinstance(unit, Unit):
        _, first = unit.terms[0]
        raise UnknownUnit(f"unit must be one channel, such as {first}, not the sum {unit}. Ask for each term.")
    if unit.channel is None:
        raise UnknownUnit(f"unit must be one channel, such as {unit.layer}:0, not the whole layer {unit.layer}.")
    if unit.layer == "probs":
        raise UnknownUnit(
            f"unit must be a class score, not the probability {unit}: all classes share one sum of probabilities, so "
            f"that a class grows when another one shrinks, and every edge would be of all classes. Use "
            f"logits:{unit.channel}."
        )
    if unit.layer == "input":
        raise UnknownUnit(f"unit must be what the network computes, not {unit}, which is the image. Use a layer.")
    return unit
