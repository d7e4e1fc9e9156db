"""Two networks side by side: layers by layers, and how far each pair of layers is from chance."""

from __future__ import annotations

import numpy as np

from ...results.network_comparison import NetworkComparison
from ..charts.line_chart import lines
from ..charts.matrix_chart import matrix
from ..render.layout import DENSITY
from ..view import Panel, Scale, View
from .attributions import with_panel
from .captions import note, title

_CHART = 336  # the width of a line chart


def draw_network_comparison(result: NetworkComparison) -> View:
    """Draw the alignment of all layers, and Procrustes and canonical correlations of pairs beside their chance."""
    images, deviation = result.evidence["images"], result.evidence["chance_deviation"]
    about = title(result, f"with {result.other} over {images} images")
    chance = "" if deviation is None else f"; of unrelated layers it is 0 ± {deviation:.2g}"
    words = [f"CKA is unbiased{chance}", note(result)]
    view = View(about, (), {}, "; ".join(filter(None, words)))
    cells = matrix(result.cka, result.layers, result.other_layers, Scale("sequential", 0, 1))
    panel = Panel(
        f"CKA of layers of {result.network} (rows) and of {result.other} (columns)",
        "cka",
        side=max(cells.shape[:2]) // DENSITY,
        exact=True,
    )
    view = with_panel(view, panel, cells[None])
    depth = np.linspace(0, 1, len(result.pairs), dtype=np.float32) if len(result.pairs) > 1 else np.zeros(1, np.float32)
    for name, values, by_chance in (
        ("1 − Procrustes distance", result.procrustes, result.procrustes_chance),
        ("canonical correlation", result.cca, result.cca_chance),
    ):
        chart = lines(depth, {"pair": values.astype(np.float32), "chance": by_chance.astype(np.float32)}, "depth")
        view = with_panel(view, Panel(f"{name} of pairs of layers", name, side=_CHART, exact=True), chart[None])
    return view
