"""Checks of a synthesized picture: what photos give of the same unit, and what other networks take it for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...base.errors import BadKnob, UnknownLayer, UnknownNetwork
from ...base.pixels import to_bytes
from ...base.unit import Unit
from ...network.network import Network
from ...scan.result import Scan
from ...zoo import zoo

_HIGH = 0.999  # the percentile of a unit's activations that a picture is compared with, besides the maximum
Units = Sequence[Unit | None]


def judges_named(names: str) -> list[Network]:
    """The networks whose names are given, with commas between them; raises BadKnob for what is no classifier."""
    found = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        try:
            judge = zoo.published(name)  # a knob may come out of a picture: no code is run
        except UnknownNetwork as error:
            raise BadKnob(f"judges must be names of networks, not {name!r}. {error}") from error
        if not judge.classifies:
            raise BadKnob(f"judges must be networks that put out one score a class, not {name!r}. Use lite1.")
        found.append(judge)
    return found


def against_scan(net: Network, scan: Scan | None, units: Units, images: NDArray[np.float32]) -> dict[str, Any]:
    """Each unit's largest activation in its picture, over the largest and the 99.9th percentile of a scan's images.

    NaN for what is no unit with positive activations there.
    """
    if scan is None:
        return {}
    peaks = [peak(net, unit, image) for unit, image in zip(units, images, strict=True)]
    most = [_of_photos(scan, unit) for unit in units]
    told = {"peak": peaks, "over_maximum": [_ratio(p, m[0]) for p, m in zip(peaks, most, strict=True)]}
    return {**told, "over_q999": [_ratio(p, m[1]) for p, m in zip(peaks, most, strict=True)]}


def peak(net: Network, unit: Unit | None, image: NDArray[np.float32]) -> float:
    """The largest activation of a unit in a picture, as the network sees it."""
    if unit is None or unit.channel is None:
        return float("nan")
    with torch.no_grad():
        found = net.read(net.prepare(to_bytes(image)), unit.source)[unit.source]
    return float(found[0, unit.channel].max())


def judged(judges: Sequence[Network], units: Units, images: NDArray[np.float32]) -> dict[str, Any]:
    """The rank (1 is first) and probability that judges give each picture's class; None where it is no class."""
    told: dict[str, Any] = {}
    for judge in judges:
        found = [_standing(judge, unit, image) for unit, image in zip(units, images, strict=True)]
        told[f"rank_{judge.name}"] = [rank for rank, _ in found]
        told[f"probability_{judge.name}"] = [probability for _, probability in found]
    return told


def _standing(judge: Network, unit: Unit | None, image: NDArray[np.float32]) -> tuple[int | None, float | None]:
    if unit is None or not unit.is_class or unit.channel is None:
        return None, None
    with torch.no_grad():
        scores = judge.probabilities(judge.read(judge.prepare(to_bytes(image)), "logits")["logits"])[0]
    if unit.channel >= len(scores):
        raise BadKnob(f"judges must know class {unit.channel}; {judge.name} has {len(scores)} classes.")
    own = scores[unit.channel]
    return int((scores > own).sum()) + 1, float(own)


def _of_photos(scan: Scan, unit: Unit | None) -> tuple[float, float]:
    if unit is None or unit.channel is None:
        return float("nan"), float("nan")
    alone = Unit(unit.source, unit.channel)
    try:
        ends, counts = scan.histogram(alone)
    except UnknownLayer:  # it was not scanned, others of the list may have been
        return float("nan"), float("nan")
    at = np.searchsorted(np.cumsum(counts), _HIGH * counts.sum()) if len(counts) else 0
    return scan.statistics(alone)["max"], float(ends[at].mean()) if len(counts) else float("nan")


def _ratio(value: float, base: float) -> float:
    return value / base if base > 0 else float("nan")
