"""Two networks side by side: layers by layers and pairs beside chance, or the units that changed most in a layer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import PIL.Image
import PIL.ImageOps
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from ....results.network_comparison import NetworkComparison
from ...charts.line_chart import lines
from ...charts.matrix_chart import matrix
from ...panels.captions import note, title
from ...panels.parts import with_panel
from ...render.layout import DENSITY
from ...view import Panel, Scale, View

_CHART = 336  # the width of a line chart
_IMAGES, _SIDE, _GAP = 4, 54, 2  # of a unit: how many images, how large and how far apart
_BETWEEN, _APART = 10, 5  # partners, and a unit and the edge of its strip


def draw_network_comparison(
    result: NetworkComparison,
    *,
    style: Annotated[
        Literal["alignment", "units"],
        Field(description="alignment: layers by layers, and pairs; units: those of one layer that changed"),
    ] = "alignment",
    layer: Annotated[str, Field(description="whose units are shown; left empty, the last one")] = "",
    top: Annotated[int, Field(ge=1, le=100, description="units of each kind, those most unlike the others first")] = 8,
) -> View:
    """Draw the alignment of all layers and of pairs beside its chance, or the images that drive units that changed."""
    about = title(result, f"with {result.other} over {result.evidence['images']} images")
    if style == "units":
        return _units(result, about, layer or result.layers[-1], top)
    deviation = result.evidence["chance_deviation"]
    words = [f"CKA is unbiased; of unrelated layers it is 0 ± {deviation:.2g}", note(result)]
    view = View(about, (), {}, "; ".join(filter(None, words)))
    cells = matrix(result.cka, result.layers, result.other_layers, Scale("sequential", 0, 1))
    one, another = _names(result)
    panel = Panel(
        f"CKA of layers of {one} (rows) and of {another} (columns)",
        "cka",
        side=max(cells.shape[:2]) // DENSITY,
        exact=True,
    )
    return _with_charts(with_panel(view, panel, cells[None]), result)


def _with_charts(view: View, result: NetworkComparison) -> View:
    """A line over the depth for each measure of pairs that has a number, beside its chance."""
    depth = np.linspace(0, 1, max(2, len(result.pairs)), dtype=np.float32)
    charts = [
        lines(depth, {"pair": _drawable(values), "chance": _drawable(by_chance)}, f"{name} over the depth")
        for name, values, by_chance in (
            ("1 − Procrustes distance", result.procrustes, result.procrustes_chance),
            ("mean canonical correlation", result.cca, result.cca_chance),
        )
        if np.isfinite(values).any()
    ]
    if not charts:
        return view
    panel = Panel("pairs of layers, and by chance", "pairs", columns=1, side=_CHART, exact=True)
    return with_panel(view, panel, np.stack(charts))


def _drawable(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """One number as a line."""
    return np.asarray(values if len(values) > 1 else np.repeat(values, 2), np.float32)


def _units(result: NetworkComparison, about: str, layer: str, top: int) -> View:
    table, other = result.matches(layer), result.partner(layer)
    one, another = _names(result)
    count = {key: pc.sum(pc.equal(table["state"], key)).as_py() for key in ("matched", "lost", "new", "dead")}
    told = f"{count['matched'] // 2} matched, {count['lost']} lost, {count['new']} new, {count['dead']} dead of both"
    few = f"the {_IMAGES} images with the largest codes of each unit"
    about = f"{about}: {layer} and {other}" if other != layer else f"{about}: {layer}"
    view = View(about, (), {}, "; ".join(filter(None, [told, few, note(result)])))
    kinds = (
        ("lost", f"lost: of {one}, without a partner", "best"),
        ("new", f"new: of {another}, without a partner", "best"),
        ("matched", f"partners least alike: {one}, then {another}", "correlation"),
    )
    for state, words_of, key in kinds:
        side = table.filter(pc.and_(pc.equal(table["state"], state), pc.equal(table["network"], "ab"[state == "new"])))
        rows = side.sort_by([(key, "ascending"), ("channel", "ascending")]).slice(0, top).to_pylist()
        if rows:
            strips = np.stack([_strip(result, row, other) for row in rows])
            labels = tuple(_label(row, key) for row in rows)
            panel = Panel(words_of, state, labels=labels, side=max(strips.shape[1:3]) // DENSITY)
            view = with_panel(view, panel, strips)
    return view


def _names(result: NetworkComparison) -> tuple[str, str]:
    """Those of the two networks, with the letters of the table where they have the same."""
    one, other = result.network, result.other
    return (one, other) if one != other else (f"{one}, a", f"{other}, b")


def _label(row: dict[str, Any], key: str) -> str:
    partner = "" if row["partner"] is None else f" · {row['partner']}"
    told = f"{row[key]:.2f}".replace("-", "−").replace("0.", ".")
    return f"{row['channel']}{partner}, r {told}" if partner else f"{row['channel']}, at best r {told}"


def _strip(result: NetworkComparison, row: dict[str, Any], other: str) -> NDArray[np.uint8]:
    """The images of a unit, and of its partner beside them, as one picture, (h, w, 4)."""
    halves = [_images(result, row["network"], row["layer"], row["channel"])]
    if row["partner"] is not None:
        halves += [
            np.zeros((len(halves[0]), _BETWEEN * DENSITY, 4), np.uint8),
            _images(result, "b", other, row["partner"]),
        ]
    return np.pad(np.concatenate(halves, 1), ((0, 0), (_APART * DENSITY, _APART * DENSITY), (0, 0)))


def _images(result: NetworkComparison, network: Any, layer: str, channel: int) -> NDArray[np.uint8]:
    """The images of one unit in a row, each cut to a square."""
    side, gap = _SIDE * DENSITY, _GAP * DENSITY
    row = np.zeros((side, _IMAGES * (side + gap) - gap, 4), np.uint8)
    for number, pixels in enumerate(result.at_hand.examples(network, layer, channel, _IMAGES)):
        square = PIL.ImageOps.fit(PIL.Image.fromarray(pixels).convert("RGB"), (side, side))
        left = number * (side + gap)
        row[:, left : left + side] = np.insert(np.asarray(square), 3, 255, 2)
    return row
