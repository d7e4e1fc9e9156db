"""Losses and other numbers that a loop gives with its steps: the mean of those of one step, read without waiting."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch

from .statistics.later import Later
from .storage.tables import STEP


class Metrics:
    """The metrics of steps whose rows are not written yet; `refused` names those that are no numbers."""

    def __init__(self) -> None:
        self._given: dict[int, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        self.refused: dict[str, str] = {}

    def add(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Keep numbers, or tensors of one number, of a step; several of one name are averaged."""
        for name, value in metrics.items():
            kept = _kept(value)
            if kept is None:
                self.refused[name] = type(value).__name__
            else:
                self._given[step][name if name not in STEP else f"{name}_"].append(kept)

    def read(self, step: int) -> dict[str, float]:
        """The metrics of a step, and no longer kept."""
        given = self._given.pop(step, {})
        return {name: math.fsum(map(_number, found)) / len(found) if _all_finite(found) else _worst(found)
                for name, found in given.items()}  # fmt: skip


def _kept(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        if value.numel() != 1 or value.is_complex():
            return None
        one = value.detach().reshape(1).clone()
        return Later({"": one}) if one.device.type == "cuda" else float(one)
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _number(kept: Any) -> float:
    return float(kept.read()[""][0]) if isinstance(kept, Later) else float(kept)


def _all_finite(found: list[Any]) -> bool:
    found[:] = map(_number, found)
    return all(map(math.isfinite, found))


def _worst(found: list[float]) -> float:
    return next(value for value in found if not math.isfinite(value))
