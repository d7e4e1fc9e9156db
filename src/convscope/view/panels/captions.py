"""The words around a picture: its title, the name of its unit, and what of the evidence a reader must know."""

from __future__ import annotations

import re

from ...base.unit import Unit
from ...contract.result import Result

_WARNINGS = (
    "partial", "tied", "vanished", "silent", "unmoved", "lowered", "constant", "nothing_positive", "not_converged",
    "calls", "without_switches", "without_rule", "flat", "kept", "undriven", "not_finite", "redirected",
    "places", "other_ways", "same_class", "held", "one_by_one", "unread", "chance", "direction", "mean_over",
    "no_better_than_chance", "attention", "as_identity", "border",
)  # fmt: skip


def title(result: Result, about: str) -> str:
    """What stands above a picture: the network, the technique, and what it is about."""
    kind = re.sub("(?<=[a-z])(?=[A-Z])", " ", type(result).__name__).lower()
    name = result.request.technique if result.request is not None else kind
    return f"{result.network} · {name.replace('_', ' ')} {about}"


def named(result: Result) -> str:
    """The unit, with its label where it is a class that has one."""
    label = result.evidence.get("label", "")
    number = str(result.unit.channel) if isinstance(result.unit, Unit) else ""
    return f"{result.unit} ({label})" if label and label != number else str(result.unit)


def note(result: Result) -> str:
    """What of the evidence a reader of the picture must know."""
    evidence = result.evidence
    notes = [str(evidence[key]) for key in _WARNINGS if key in evidence]
    if "interceptions" in evidence:
        notes.append(f"{evidence['rule']} rule at {evidence['interceptions']} rectifiers")
    if "not_intercepted" in evidence:
        left = " and ".join(f"{count} × {name}" for name, count in evidence["not_intercepted"].items())
        notes.append(f"left as they are: {left}")
    if "probability" in evidence:
        notes.append(f"probability: {evidence['probability']}")
    notes += [str(evidence["notice"])] if "notice" in evidence else []  # whole sentences, so last
    return "; ".join(notes)
