"""Weighted sums as text: `a - 0.5*b`, terms with weights, joined by + and - between spaces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Weighted: TypeAlias = tuple[tuple[float, T], ...]

_SIGN = r"\s+([+-])\s+"
_WEIGHT = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*\*\s*(.+)", re.IGNORECASE)


def spelled(terms: Iterable[tuple[float, object]], minus: str = "-", times: str = "*") -> str:
    """A sum as the text that `split` reads, or with other signs as one to be looked at; a weight of 1 is left out."""
    (weight, first), *rest = terms
    start = _factor(weight, times)
    start = minus + start[1:] if start.startswith("-") else start
    return f"{start}{first}" + "".join(f" {minus if w < 0 else '+'} {_factor(abs(w), times)}{t}" for w, t in rest)


def _factor(weight: float, times: str) -> str:
    return "" if weight == 1 else f"{repr(float(weight)).removesuffix('.0')}{times}"


def split_sum(text: str, labels: Sequence[str] = ()) -> list[tuple[float, str]]:
    """The terms of a sum, each with its weight; a sign within brackets, or within a class's label, joins nothing."""
    found, sign, start = list[tuple[float, str]](), 1, 0
    for mark in [*_signs(text, labels), None]:
        part = text[start : mark.start() if mark else None]
        if mark and part.count("(") > part.count(")"):  # a sign within the name of a file
            continue
        weight, term = _weighted(part)
        found.append((sign * weight, term))
        if mark:
            sign, start = (-1 if mark[1] == "-" else 1), mark.end()
    return found


def _weighted(text: str) -> tuple[float, str]:
    match = _WEIGHT.fullmatch(text)
    if match is not None:
        return float(match[1]), match[2]
    return (-1.0 if text.startswith("-") else 1.0), text.removeprefix("-").strip()


def _signs(text: str, labels: Sequence[str]) -> list[re.Match[str]]:
    """The signs that may join terms: all but those in the label of a class, however its spaces and case are typed."""
    if not re.search(_SIGN, text):
        return []
    names = {name.strip() for label in labels for name in (label, *label.split(",")) if re.search(_SIGN, name)}
    words = [r"[\s_]+".join(map(re.escape, re.split(r"[\s_]+", name))) for name in sorted(names, key=len, reverse=True)]
    classes = [rf"(?:logits|probs)\s*:\s*(?:{'|'.join(words)})(?=\s*$|\s+[+-]\s)"] if words else []
    pattern = re.compile("|".join([*classes, _SIGN]), re.IGNORECASE)
    return [mark for mark in pattern.finditer(text) if mark[1]]
