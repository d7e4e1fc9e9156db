"""Flipped units to views: how many of each layer moved, beside the control, and which flipped most."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ....results.flipped_units import FlippedUnits
from ...charts.bar_chart import GREY, RED, Bar, BarRow, bar_chart
from ...panels.captions import note, title
from ...panels.parts import Photo, with_panel
from ...render.layout import DENSITY
from ...view import Panel, View

_SIDE = 224
_WITHIN = 6.0  # standard deviations that are drawn


def draw_flipped_units(
    result: FlippedUnits,
    *,
    top: Annotated[
        int, Field(ge=0, le=20, description="units of each layer that flipped, those that no noise flips first")
    ] = 2,
    photo: Photo = True,
) -> View:
    """Draw how many units of each layer moved and flipped, beside noise of the same size, and which flipped most."""
    told = result.evidence
    size = f"L2 {told['l2']:.3g}, by at most {told['largest_step']} of 255 in {told['changed_share']:.1%} of values"
    words = [f"spreads and percentiles: {told['reference']}", note(result)]
    view = View(title(result, f"between two pictures: {size}"), (), {}, "; ".join(filter(None, words)))
    view = with_pair(view, result) if photo else view
    share = "units that moved by more than a standard deviation, and flipped: by the change / by noise"
    view = with_chart(view, share, "moved", _moved(result))
    shown = _shown(result, top)
    if not shown:
        return view
    words_of = (
        f"units that cross their 95th percentile, {len(shown)} of {len(result.strongest)}: the first of each layer"
    )
    return with_chart(view, words_of, "flipped", _flipped(result, shown))


def with_pair(view: View, result: Any) -> View:
    """A view with the two pictures as the network sees them."""
    view = with_panel(view, Panel("the picture", "seen", side=_SIDE), result.seen[None])
    return with_panel(view, Panel("what it was changed to", "changed", side=_SIDE), result.seen_changed[None])


def with_chart(view: View, words: str, name: str, chart: NDArray[np.uint8]) -> View:
    """A view with a chart, pixel for pixel."""
    return with_panel(view, Panel(words, name, side=max(chart.shape[:2]) // DENSITY, exact=True), chart[None])


def _moved(result: FlippedUnits) -> NDArray[np.uint8]:
    rows = [
        BarRow(
            row["layer"],
            (
                Bar(0, 100 * row["moved"], RED),
                Bar(0, 100 * row["control_moved"], GREY, 1, 100 * row["control_moved_deviation"]),
            ),
            f"{_percent(row['moved'])} / {_percent(row['control_moved'])} of {row['units']} units · "
            f"on {row['on']} / {row['control_on']:.2g} · off {row['off']} / {row['control_off']:.2g}",
        )
        for row in result.by_layer.to_pylist()
    ]
    draws = result.evidence["draws"]
    return bar_chart(rows, {"the change": RED, f"noise of the same size, mean of {draws} ± SD": GREY}, "% of the units")


def _shown(result: FlippedUnits, top: int) -> list[int]:
    """The first units of each layer that flipped, layer by layer."""
    strongest = result.strongest
    layer = np.searchsorted(result.edges, strongest, "right")
    return [unit for number in np.unique(layer) for unit in strongest[layer == number][:top].tolist()]


def _flipped(result: FlippedUnits, units: list[int]) -> NDArray[np.uint8]:
    draws = len(result.noisy)
    by_chance = (result.control_flipped != 0).sum(0)
    rows = []
    for unit in units:
        high, spread = float(result.high[unit]), float(result.spread[unit])
        before, after, *noisy = ((float(a) - high) / spread for a in (*_pair(result, unit), *result.noisy[:, unit]))
        bars = (Bar(min(noisy), max(noisy), GREY, 1), Bar(before, after, RED, 0, head=True))
        words = f"{before:+.3g} → {after:+.3g}; noise flips it {by_chance[unit]} of {draws} times".replace("-", "−")
        rows.append(BarRow(result.named(unit), bars, words))
    axis = "response above the 95th percentile, in standard deviations"
    line = ("95th percentile", 0.0)
    return bar_chart(rows, {"the change": RED, "noise of the same size": GREY}, axis, line, _WITHIN)


def _pair(result: FlippedUnits, unit: int) -> tuple[float, float]:
    return float(result.before[unit]), float(result.after[unit])


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
