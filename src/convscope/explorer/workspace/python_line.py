"""The Python that asks the library what the page has asked."""

from __future__ import annotations

from collections.abc import Mapping

from ...contract.request import Request
from ...network.network import Network


def python_of(net: Network, technique: str, subjects: Mapping[str, Mapping[str, str]]) -> str:
    """The line of Python that asks the library about these subjects."""
    described = {"net": {**net.reference, "digest": ""}, **subjects}
    return Request(technique, described, {}).python()


def loading(net: Network) -> str:
    """The expression that loads a network, or `net` where it was made in memory."""
    return python_of(net, "weights", {}).removeprefix("cs.weights(").removesuffix(")")
