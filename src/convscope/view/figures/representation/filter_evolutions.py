"""Filters over a training to views: as they are at some of the steps, and one step after the other as a film."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ....base.pixels import Floats
from ....results.evolution import FilterEvolution
from ...charts.step_chart import WIDTH, step_chart
from ...panels.captions import note, title
from ...panels.parts import with_panel
from ...view import Panel, Scale, View, symmetric

_SHOWN = 4  # steps of a still picture
_NAMES = "median roughness of the filters", "shuffled weights, 90 of 100"


def draw_filter_evolution(
    result: FilterEvolution,
    *,
    top: Annotated[int, Field(ge=1, description="how many filters to show, those that change the most")] = 64,
    fps: Annotated[float, Field(gt=0, le=60, description="snapshots a second of a film")] = 4.0,
) -> View:
    """Draw the filters at some of the steps, all on one scale, and how smooth they are beside chance."""
    shown, order = _spread(len(result.steps)), _order(result, top)
    tiles = _tiles(result.values[:, order])
    scale = _scale(tiles)
    view = View(title(result, _about(result, order)), (), {}, _told(result))
    for number in shown:
        panel = Panel(f"at step {result.steps[number]}", f"step {number}", scale, _labels(order))
        view = View(view.title, (*view.panels, panel), {**view.arrays, panel.array: tiles[number]}, view.note)
    return _with_curve(view, result, None)


def filter_frames(result: FilterEvolution, top: int) -> Iterator[View]:
    """The filters at each step, one view a step, in a film that has the same filters at the same places."""
    order = _order(result, top)
    tiles = _tiles(result.values[:, order])
    scale = _scale(tiles)
    for number, step in enumerate(result.steps.tolist()):
        panel = Panel(f"at step {step} of {result.steps[-1]}", "filters", scale, _labels(order))
        view = View(title(result, _about(result, order)), (panel,), {"filters": tiles[number]}, _told(result))
        yield _with_curve(view, result, number)


def _with_curve(view: View, result: FilterEvolution, at: int | None) -> View:
    drawn = step_chart(result.steps, result.medians, result.null, _NAMES, at)
    panel = Panel("1 is noise, below it is smooth", "curve", side=WIDTH, exact=True)
    return with_panel(view, panel, drawn[None])


def _about(result: FilterEvolution, order: NDArray[np.intp]) -> str:
    count = result.values.shape[1]
    which = f"{count} filters" if len(order) == count else f"the {len(order)} of {count} filters that change the most"
    return f"of {result.unit}: {which}, over {result.steps[-1]} steps"


def _told(result: FilterEvolution) -> str:
    since = result.smooth_since
    words = "The filters are not smoother than shuffled ones at the end"
    if since is not None:
        words = f"The filters are smoother than shuffled ones from step {since} on"
    return "; ".join(filter(None, [words, note(result)]))


def _order(result: FilterEvolution, top: int) -> NDArray[np.intp]:
    changed = np.linalg.norm((result.values[-1] - result.values[0]).reshape(result.values.shape[1], -1), axis=1)
    return np.sort(np.argsort(-changed, kind="stable")[:top])


def _tiles(values: Floats) -> NDArray[np.float32]:
    """One tile a filter, (t, filters, h, w), in color, (…, 3), where it has three channels; of others their mean."""
    if values.shape[2] == 3:
        return np.ascontiguousarray(values.transpose(0, 1, 3, 4, 2))
    return np.ascontiguousarray(values.mean(axis=2))


def _scale(tiles: NDArray[np.float32]) -> Scale:
    """One for all steps, so that filters are seen to grow."""
    return symmetric(tiles, "color" if tiles.ndim == 5 else "diverging", 99.9, "weight")


def _labels(order: NDArray[np.intp]) -> tuple[str, ...]:
    return tuple(map(str, order.tolist()))


def _spread(count: int) -> list[int]:
    if count <= _SHOWN:
        return list(range(count))
    return [round(i * (count - 1) / (_SHOWN - 1)) for i in range(_SHOWN)]
