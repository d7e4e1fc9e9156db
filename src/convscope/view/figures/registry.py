"""Results to views: what each kind of result shows, and the choices a reader has. Knobs here change no numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...contract import knobs
from ...contract.result import Result
from ...results.adversarial import Adversarial, Universal
from ...results.attribution import Attribution, ClassActivation, Estimate, Projection
from ...results.connections import Connections, ExpandedWeights, Formula
from ...results.embedding import Embedding
from ...results.evaluation import Comparison, Curves, PointingGame, SanityCheck
from ...results.evolution import Evolution, FilterEvolution
from ...results.flipped_units import FlippedUnits
from ...results.layers import Activations, Weights
from ...results.margin_path import MarginPath
from ...results.network_comparison import NetworkComparison
from ...results.neuron_projection import NeuronProjection
from ...results.occlusion import Occlusion
from ...results.patches import Patches
from ...results.separation import SeparatingUnits
from ...results.synthesis import Dream, Inversion, Maximized, Sheet, Stylized
from ..panels.captions import note, title
from ..view import Panel, Percentile, View, suited, symmetric
from . import (
    attributions,
    dreams,
    evaluations,
    inversions,
    occlusions,
    paintings,
    patches,
    projections,
    styles,
)
from .changes import adversarials
from .changes.flipped_units import draw_flipped_units
from .changes.margin_paths import draw_margin_path
from .connections import draw_connections, draw_formula
from .expanded_weights import draw_expanded_weights
from .representation import embeddings
from .representation.evolutions import draw_evolution
from .representation.filter_evolutions import draw_filter_evolution
from .representation.network_comparisons import draw_network_comparison
from .representation.neuron_projections import draw_neuron_projection
from .representation.separations import draw_separating_units

_MATRIX_SIDE = 900  # a larger matrix would have cells smaller than a pixel


def draw(result: Result, **view: Any) -> View:
    """The view of a result; raises BadKnob for a choice its kind of picture does not have."""
    drawer = drawer_of(type(result))
    return drawer(result, **knobs.check(drawer, view))


def choices(kind: type[Result], view: Mapping[str, Any]) -> dict[str, Any]:
    """What is chosen of a picture of this type of result, without what is so by default; raises BadKnob."""
    drawer = drawer_of(kind)
    usual = knobs.check(drawer, {})
    return {name: value for name, value in knobs.check(drawer, view).items() if value != usual[name]}


def drawer_of(kind: type[Result]) -> Callable[..., View]:
    """The function that draws this type of result; its knobs are the choices of the picture."""
    return _DRAWERS[kind]


def draw_activations(
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
        return View(title(result, where), (panel,), {"vector": _cells(values)}, note(result))
    order = _order(result, sort)[: top or None]
    labels = tuple(str(channel) for channel in order)
    shown = "" if len(order) == len(values) else f"{len(order)} of {len(values)} channels"
    sorted_by = "" if sort == "channel" else f"sorted by {sort}, largest first"
    panel = Panel(", ".join(filter(None, [shown, sorted_by])), "channels", scale, labels)
    return View(title(result, where), (panel,), {"channels": values[order]}, note(result))


def _order(result: Activations, sort: str) -> NDArray[np.intp]:
    flat = result.values.reshape(len(result.values), -1)
    keys = {"channel": np.arange(len(flat), 0, -1), "max": flat.max(1), "mean": flat.mean(1), "zeros": result.zeros}
    return np.argsort(-keys[sort], kind="stable")


def draw_weights(
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
    return View(title(result, stats), (panel,), {panel.array: array}, note(result))


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


_DRAWERS: dict[type[Result], Callable[..., View]] = {
    Weights: draw_weights,
    Activations: draw_activations,
    Attribution: attributions.draw_attribution,
    Estimate: attributions.draw_estimate,
    ClassActivation: attributions.draw_class_activation,
    Projection: projections.draw_projection,
    Patches: patches.draw_patches,
    Occlusion: occlusions.draw_occlusion,
    Curves: evaluations.draw_curves,
    SanityCheck: evaluations.draw_sanity_check,
    PointingGame: evaluations.draw_pointing_game,
    Comparison: evaluations.draw_comparison,
    NetworkComparison: draw_network_comparison,
    NeuronProjection: draw_neuron_projection,
    SeparatingUnits: draw_separating_units,
    FlippedUnits: draw_flipped_units,
    MarginPath: draw_margin_path,
    Evolution: draw_evolution,
    FilterEvolution: draw_filter_evolution,
    Maximized: paintings.draw_maximized,
    Sheet: paintings.draw_sheet,
    Dream: dreams.draw_dream,
    Inversion: inversions.draw_inversion,
    Stylized: styles.draw_stylized,
    Embedding: embeddings.draw_embedding,
    Adversarial: adversarials.draw_adversarial,
    Universal: adversarials.draw_universal,
    Connections: draw_connections,
    Formula: draw_formula,
    ExpandedWeights: draw_expanded_weights,
}
