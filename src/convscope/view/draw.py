"""Results to views: what each kind of result shows, and the choices a reader has. Knobs here change no numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..base import knobs
from ..base.attributions import Attribution
from ..base.results import Activations, Result, Weights
from .view import Map, Panel, Scale, View, from_zero, suited, symmetric

Percentile = Annotated[float, Field(gt=50, le=100, description="percentile of the magnitudes at which the scale ends")]
_MATRIX_SIDE = 900  # a larger matrix would have cells smaller than a pixel


def draw(result: Result, **view: Any) -> View:
    """The view of a result; raises BadKnob for a choice its kind of picture does not have."""
    drawer = drawer_of(type(result))
    return drawer(result, **knobs.check(drawer, view))


def drawer_of(kind: type[Result]) -> Callable[..., View]:
    """The function that draws this type of result; its knobs are the choices of the picture."""
    return _DRAWERS[kind]


def attribution(
    result: Attribution,
    *,
    style: Annotated[
        Literal["all", "absolute", "signed", "grey", "color"],
        Field(
            description="absolute: largest magnitude over the colors; signed: their sum; grey: their mean; color: each"
        ),
    ] = "all",
    photo: Annotated[bool, Field(description="show the picture the network saw beside it")] = True,
    percentile: Percentile = 99.5,
) -> View:
    """Draw what a unit's value hangs on, beside the picture the network saw."""
    values = result.values
    maps = {
        "absolute": (np.abs(values).max(0), "largest magnitude over colors"),
        "signed": (values.sum(0), "sum over colors"),
        "grey": (values.mean(0), "mean over colors"),
        "color": (values.transpose(1, 2, 0) if len(values) == 3 else values[0], "each color by itself"),
    }
    chosen = ["absolute", "signed", "grey"] if style == "all" else [style]
    panels = [Panel("what the network sees", "seen")] if photo else []
    arrays: dict[str, NDArray[Any]] = {"seen": result.seen[None]} if photo else {}
    for name in chosen:
        array, label = maps[name]
        arrays[name] = array[None]
        panels.append(Panel(label, name, _attribution_scale(name, array, percentile)))
    return View(_title(result, f"for {_named(result)} = {result.value:.4g}"), tuple(panels), arrays, _note(result))


def _attribution_scale(style: str, array: NDArray[Any], percentile: float) -> Scale:
    if style == "absolute":
        return from_zero(array, percentile)
    maps: dict[str, Map] = {"signed": "diverging", "grey": "grey", "color": "color" if array.ndim == 3 else "grey"}
    return symmetric(array, maps[style], percentile)


def activations(
    result: Activations,
    *,
    sort: Annotated[
        Literal["channel", "max", "mean", "zeros"],
        Field(description="order of the channels; all but channel: largest first"),
    ] = "channel",
    top: Annotated[int, Field(ge=0, description="how many channels to show, the first in order; 0 for all")] = 0,
    percentile: Percentile = 99.9,
) -> View:
    """Draw every channel of a layer on one scale."""
    values = result.values
    scale = suited(values, percentile, "activation")
    where = (
        f"of {result.unit}, {100 * result.sparsity:.0f} % zeros, {len(result.silent)} of {len(values)} channels silent"
    )
    if values.ndim == 1:
        panel = Panel("one cell a unit, 64 a row, unit 0 at the top left", "vector", scale, side=896)
        return View(_title(result, where), (panel,), {"vector": _cells(values)}, _note(result))
    order = _order(result, sort)[: top or None]
    labels = tuple(str(channel) for channel in order)
    shown = "" if len(order) == len(values) else f"{len(order)} of {len(values)} channels"
    sorted_by = "" if sort == "channel" else f"sorted by {sort}, largest first"
    panel = Panel(", ".join(filter(None, [shown, sorted_by])), "channels", scale, labels)
    return View(_title(result, where), (panel,), {"channels": values[order]}, _note(result))


def _order(result: Activations, sort: str) -> NDArray[np.intp]:
    flat = result.values.reshape(len(result.values), -1)
    keys = {"channel": np.arange(len(flat), 0, -1), "max": flat.max(1), "mean": flat.mean(1), "zeros": result.zeros}
    return np.argsort(-keys[sort], kind="stable")


def weights(
    result: Weights,
    *,
    top: Annotated[
        int, Field(ge=1, description="how many filters, and input channels of each, to show as rows of tiles")
    ] = 24,
) -> View:
    """Draw the filters of a layer, in the form that suits them, on one scale that is symmetric about zero."""
    values = result.values
    stats = f"of {result.unit}: {len(values)} filters, {len(result.dead)} dead, {_repeats(result)} near-duplicates"
    rough = result.roughness[np.isfinite(result.roughness)]
    if rough.size:
        stats += f", median roughness {np.median(rough):.2f} (1 is noise)"
    panel, array = _filter_tiles(values, top)
    return View(_title(result, stats), (panel,), {panel.array: array}, _note(result))


def _filter_tiles(values: NDArray[np.float32], top: int) -> tuple[Panel, NDArray[Any]]:
    numbers = tuple(map(str, range(len(values))))
    if values.ndim == 2 or values.shape[2:] == (1, 1):
        return _matrix(values.reshape(values.shape[:2]))
    if values.shape[1] == 3:
        tiles = values.transpose(0, 2, 3, 1)
        return Panel(
            "one tile a filter, in color", "filters", symmetric(tiles, "color", label="weight"), numbers
        ), tiles
    if values.shape[1] == 1:
        return Panel("one tile a filter", "filters", symmetric(values, label="weight"), numbers), values[:, 0]
    size = np.linalg.norm(values.reshape(*values.shape[:2], -1), axis=2)
    rows, columns = _strongest(np.linalg.norm(size, axis=1), top), _strongest(np.linalg.norm(size, axis=0), top)
    tiles = values[np.ix_(rows, columns)].reshape(-1, *values.shape[2:])
    shown = f"{_of(rows, len(values))} filters, {_of(columns, len(size[0]))} channels"
    title = f"one row a filter, one tile an input channel: {shown}"
    labels = tuple(str(row) if i == 0 else "" for row in rows for i in range(len(columns)))
    return Panel(title, "filters", symmetric(values, label="weight"), labels, len(columns)), tiles


def _matrix(values: NDArray[np.float32]) -> tuple[Panel, NDArray[Any]]:
    rows = _strongest(np.linalg.norm(values, axis=1), _MATRIX_SIDE)
    columns = _strongest(np.linalg.norm(values, axis=0), _MATRIX_SIDE)
    title = f"one row a filter, {_of(rows, len(values))}; one column an input channel, {_of(columns, len(values[0]))}"
    return Panel(title, "matrix", symmetric(values, percentile=99.9, label="weight"), side=448), values[
        np.ix_(rows, columns)
    ][None]


def _of(shown: NDArray[np.intp], total: int) -> str:
    return f"all {total}" if len(shown) == total else f"the strongest {len(shown)} of {total}"


def _strongest(size: NDArray[Any], count: int) -> NDArray[np.intp]:
    return np.sort(np.argsort(-size, kind="stable")[:count])


def _repeats(result: Weights) -> int:
    return sum(len(group) - 1 for group in result.duplicates)


def _cells(values: NDArray[np.float32]) -> NDArray[np.float32]:
    columns = min(len(values), 64)
    cells = np.full((-(-len(values) // columns), columns), np.nan, np.float32)
    cells.flat[: len(values)] = values
    return cells[None]


def _title(result: Result, about: str) -> str:
    name = result.request.technique if result.request is not None else type(result).__name__.lower()
    return f"{result.network} · {name.replace('_', ' ')} {about}"


def _named(result: Attribution) -> str:
    """The unit, with its label where it is a class that has one."""
    label = result.evidence.get("label", "")
    return f"{result.unit} ({label})" if label and label != str(result.unit.channel) else str(result.unit)


def _note(result: Result) -> str:
    """What of the evidence a reader of the picture must know."""
    evidence = result.evidence
    notes = [str(evidence[key]) for key in ("vanished", "calls", "without_switches") if key in evidence]
    if "interceptions" in evidence:
        notes.append(f"{evidence['rule']} rule at {evidence['interceptions']} rectifiers")
    if "not_intercepted" in evidence:
        left = " and ".join(f"{count} × {name}" for name, count in evidence["not_intercepted"].items())
        notes.append(f"left as they are: {left}")
    return "; ".join(notes)


_DRAWERS: dict[type[Result], Callable[..., View]] = {
    Attribution: attribution,
    Activations: activations,
    Weights: weights,
}
