"""Units behind a selection to a view: how surely each tells it from the rest, beside what drives it."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ....base.pixels import to_bytes
from ....results.separation import SeparatingUnits
from ...charts.unit_rows import UnitRow, unit_rows
from ...panels.captions import note, title
from ...panels.parts import with_panel
from ...render.layout import DENSITY
from ...view import Panel, View

_MORE, _LESS, _UNSURE = "#0077bb", "#dd6611", "#b8b8b8"
_LEVEL, _ENOUGH = 0.05, 0.7
_LONGEST = 60  # letters of a selection


def draw_separating_units(
    result: SeparatingUnits,
    *,
    units: Annotated[int, Field(ge=1, le=100, description="units to draw, the best as the finding half says")] = 8,
) -> View:
    """Draw a row a unit: its area under the curve on the half that tests, with interval, and what drives it most."""
    asked = result.selection if len(result.selection) <= _LONGEST else f"{result.selection[: _LONGEST - 1]}…"
    told = result.evidence
    about = title(result, f"of {told['selected']} of {told['images']:,} images: {asked}")
    numbers, left = _different(result.rows)
    rows = [_row(result, number, result.rows[number]) for number in numbers[:units]]
    if len(result.table) > len(result.values):
        rows.append(_direction(result.table.to_pylist()[-1]))
    heads = ("unit", "area under the ROC curve", "drives it most, the selected framed", "painted")
    pixels = unit_rows(rows, heads, _ENOUGH)
    words = f"the {len(numbers[:units])} best of {told['units']:,} units, tested on the other half of the images"
    words += f"; {left} that are the same unit one layer on are left out" if left else ""
    view = View(about, (), {}, "; ".join(filter(None, [_tested(told), note(result)])))
    return with_panel(view, Panel(words, "units", side=max(pixels.shape[:2]) // DENSITY, exact=True), pixels[None])


def _different(rows: list[dict[str, Any]]) -> tuple[list[int], int]:
    """The numbers of rows unlike all above, and how many others: what follows a unit may order images as it does."""
    first: dict[tuple[Any, ...], int] = {}
    for number, row in enumerate(rows):
        first.setdefault((row["channel"], row["sign"], row["found"], row["auroc"]), number)
    return [*first.values()], len(rows) - len(first)


def _row(result: SeparatingUnits, number: int, row: dict[str, Any]) -> UnitRow:
    found = result.patches.get(row["layer"])
    entries = [] if found is None else found.of(row["channel"])
    chosen = {id for id, inside in zip(result.ids, result.chosen.tolist(), strict=True) if inside}
    sure = row["corrected"] < _LEVEL
    more = row["sign"] > 0
    return UnitRow(
        f"{row['layer']}:{row['channel']}",
        ("says more of them" if more else "says less of them", _probability(row["corrected"])),
        row["auroc"],
        row["auroc_low"],
        row["auroc_high"],
        (_MORE if more else _LESS) if sure else _UNSURE,
        [] if found is None else [found.crops[i] for i in entries],
        [] if found is None else [found.images[i] in chosen for i in entries],
        to_bytes(result.images[number]) if number < len(result.images) else None,
    )


def _direction(row: dict[str, Any]) -> UnitRow:
    words = ("a direction of all its units,", f"{row['found']:.2f} where it was fitted")
    return UnitRow(row["layer"], words, row["auroc"], row["auroc_low"], row["auroc_high"], "#555555")


def _probability(corrected: float) -> str:
    """A corrected p-value in words."""
    if corrected >= _LEVEL:
        return f"p = {corrected:.2g}: may be chance"
    if corrected >= 1e-4:
        return f"p = {corrected:.1g}"
    return f"p < 1e−{int(-np.log10(max(corrected, 1e-99)))}"


def _tested(told: Any) -> str:
    sides = (f"{inside} selected and {others} others" for inside, others in (told["finding"], told["testing"]))
    found, tested = sides
    sure = f"{told['significant']} of {told['tested']} tested units significant after Holm's correction"
    return f"found in {found}, tested in {tested}; {sure}; grey: not significant; orange: less for the selected"
