"""Paths of a change to views: what each layer's units contribute beside the whole change, and which pixels paid."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ....results.margin_path import MarginPath
from ...charts.bar_chart import BLUE, RED, Bar, BarRow, bar_chart
from ...panels.captions import named, note, title
from ...panels.parts import Photo, with_panel
from ...view import Panel, Percentile, View, symmetric
from .flipped_units import with_chart, with_pair


def draw_margin_path(
    result: MarginPath,
    *,
    top: Annotated[int, Field(ge=0, le=10, description="units of each layer to name, the largest contributions")] = 3,
    photo: Photo = True,
    percentile: Percentile = 99.5,
) -> View:
    """Draw what each layer's units contribute to the change of a class's lead, and the pixels that bring it about."""
    about = f"of {named(result)}: " + f"{result.begin:.4g} → {result.end:.4g}".replace("-", "−")
    gap = f"sums miss at most {result.evidence['relative_gap']:.2%} of the change"
    view = View(title(result, about), (), {}, "; ".join(filter(None, [gap, note(result)])))
    view = with_pair(view, result) if photo else view
    pixels = result.pixels.sum(0)
    words = f"what each pixel contributes, colors together: sum {pixels.sum():+.4g}".replace("-", "−")
    view = with_panel(view, Panel(words, "pixels"), pixels, symmetric(pixels, percentile=percentile))
    words = "what the units of each layer contribute; the mark is their sum"
    return with_chart(view, words, "layers", _chart(result, top))


def _chart(result: MarginPath, top: int) -> NDArray[np.uint8]:
    rows = [
        BarRow(
            row["layer"], (Bar(0, row["for"], RED), Bar(0, row["against"], BLUE)), _words(result, row, top), row["sum"]
        )
        for row in result.by_layer.to_pylist()
    ]
    whole = ("the whole change", result.rise)
    return bar_chart(
        rows, {"units for it": RED, "units against it": BLUE}, "contribution, in units of the value", whole
    )


def _words(result: MarginPath, row: dict[str, float], top: int) -> str:
    """The units that contribute most, and the sum of all others."""
    named_units = result.top(str(row["layer"]), top)
    left = int(row["units"]) - len(named_units)
    rest = row["sum"] - sum(value for _, value in named_units)
    words = [f"{channel} {value:+.2g}" for channel, value in named_units]
    words += [f"{left} others {rest:+.3g}"] if left else []
    return ", ".join([*words, f"sum {row['sum']:+.4g}"]).replace("-", "−")
