"""A report in less time: the same figures, of few passes each."""

from __future__ import annotations

from typing import Any

import pytest

import convscope as cs
from convscope.catalog.catalog import entry
from convscope.fronts.report import report


def few(steady: tuple[tuple[str, dict[str, Any], Any], ...]) -> tuple[tuple[str, dict[str, Any], Any], ...]:
    """The same methods with few passes each: as noisy, so as large, in less time."""
    most = {"samples": 3, "steps": 3, "limit": 3}
    return tuple((name, {**knobs, **_given(name, most)}, view) for name, knobs, view in steady)


def _given(name: str, knobs: dict[str, int]) -> dict[str, int]:
    return {knob: value for knob, value in knobs.items() if knob in entry(name).schema}


def quick(patched: pytest.MonkeyPatch) -> None:
    """Few passes, and occlusion by few windows: its picture is hardly smaller (22 of 28 kB), and there in no time."""
    drawn = report.figure

    def figure(net: cs.Network, name: str, *subjects: Any, knobs: Any = None, **more: Any) -> str:
        windows = {"size": 56, "stride": 56} if name == "occlusion" else {}
        return drawn(net, name, *subjects, knobs={**(knobs or {}), **windows}, **more)

    patched.setattr(report, "_STEADY", few(report._STEADY))
    patched.setattr(report, "figure", figure)
