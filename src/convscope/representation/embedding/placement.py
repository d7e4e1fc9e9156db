"""New points on a map that stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...base.errors import BadKnob
from ...base.progress import Work
from .affinities import conditional_affinities
from .neighbors import nearest_among
from .points import finite_rows
from .tsne import PointMap, gradient_of

_START = 10  # a new point begins at the median of so many neighbors
_EXAGGERATION, _RATE, _STEEPEST = 1.5, 0.1, 0.25


def place(
    codes: ArrayLike,
    on: PointMap,
    new: ArrayLike,
    *,
    perplexity: float = 5.0,
    iterations: int = 250,
    jobs: int = 1,
    names: Sequence[str] | None = None,
) -> PointMap:
    """Places new codes (m, d) on a map of codes (n, d), in 2 or 3 dimensions, without moving a point of the map.

    As Poličar, Stražar and Zupan 2021, "Embedding to reference t-SNE space": each new point begins at the median of its
    10 nearest neighbors and is moved by the points of the map alone, not by other new points, so that which are placed
    together does not matter. Returns the coordinates (m, dims) of the new points, in the map's own. Raises BadKnob for
    codes that are not as wide, or not as many as the map has points, and for a perplexity that they do not allow.
    """
    held, count = finite_rows(codes), len(on.coordinates)
    if len(held) != count:
        raise BadKnob(f"Give the codes that the map was made of: {count} rows, as it has points, not {len(held)}.")
    if not 1 <= perplexity <= count / 3:
        raise BadKnob(
            f"The perplexity must be from 1 to {count / 3:.4g} on a map of {count} points, not {perplexity:g}."
        )
    asked = finite_rows(new, names=names)
    near = nearest_among(held, asked, min(count, max(_START, int(3 * perplexity))), names=names)
    attraction = conditional_affinities(near, [perplexity], jobs, count)
    still = np.array(on.coordinates, np.float64, order="C").view(_Still)
    start = np.median(np.asarray(still)[near.indices[:, :_START]], axis=1)
    points, evidence = _descend(start, still, attraction, iterations, jobs)
    return PointMap(points, {"method": "placed", "perplexity": [perplexity], **evidence})


class _Still(np.ndarray[Any, np.dtype[np.float64]]):
    """A map that openTSNE looks at, whose grid of interpolation it is not to make."""

    interp_coeffs = None
    box_x_lower_bounds = None


def _descend(
    start: NDArray[np.float64], still: _Still, attraction: Any, iterations: int, jobs: int
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    from openTSNE.tsne import gradient_descent

    points, descent, gradient = np.array(start, order="C"), gradient_descent(), gradient_of("barnes-hut")
    work = Work(range(iterations), lambda: points.astype(np.float32))
    limits = {"max_grad_norm": _STEEPEST, "max_step_norm": None, "momentum": 0.8, "n_jobs": jobs}
    stronger = attraction * _EXAGGERATION
    for _ in work:
        descent(points, stronger, 1, gradient, _RATE, reference_embedding=still, **limits)
    return points.astype(np.float32), {"iterations": work.done, "iterations_asked": iterations, **work.evidence}
