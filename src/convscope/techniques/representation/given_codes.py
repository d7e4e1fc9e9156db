"""The codes of one layer: those that were given, where they are what is asked for, or new ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base.errors import BadKnob
from ...data.source import Source
from ...network.network import Network
from ...scan.codes.result import Codes
from ...scan.feature_extraction import codes as codes_of
from ...scan.job import Labels


def given_codes(net: Network, source: Source | Codes, layer: str, pool: str, labels: Labels) -> Codes:
    """The codes of the images; raises BadScan for codes of another network, BadKnob for other ones."""
    if isinstance(source, Source):
        return codes_of(net, source, layer, pool=pool, labels=labels)
    source.check(net)
    source.width(layer)  # raises for a layer without codes
    check_same(source, pool=pool, labels=labels)
    return source


def check_same(codes: Codes, **wanted: str) -> None:
    """Raise BadKnob where codes were made with other knobs."""
    for name, value in wanted.items():
        own = codes.ledger.knobs[name]
        if own != value:
            raise BadKnob(f"{name} must be that of the codes, {own}, not {value}. Leave it out.")


def missing(*parts: Mapping[str, Any]) -> dict[str, str]:
    """What is missing of the images and of what was made of them, said together."""
    said = [str(part["partial"]) for part in parts if "partial" in part]
    return {"partial": "; ".join(said)} if said else {}
