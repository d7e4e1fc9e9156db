"""UMAP, by the library of its authors where that is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ...base.errors import BadKnob, MissingExtra
from ...base.progress import Work
from ...base.warned import unwarned
from .neighbors import Neighbors, nearest_neighbors
from .points import finite_rows
from .principal import principal_axes
from .tsne import PointMap, centered


def umap(
    codes: ArrayLike,
    *,
    dims: Literal[2, 3] = 2,
    neighbors: int = 15,
    min_distance: float = 0.1,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> PointMap:
    """A UMAP map of codes (n, d) (McInnes, Healy and Melville 2018), from our own neighbors and principal components.

    It runs on one thread, as only then does the seed decide it, and cannot be stopped on its way. Raises MissingExtra
    where umap-learn is not installed, BadKnob for fewer than 4 points or not enough of them for the neighbors.
    """
    rows = finite_rows(codes, names=names, least=4)
    if not 2 <= neighbors < len(rows):
        raise BadKnob(f"neighbors must be from 2 to {len(rows) - 1} for {len(rows)} points, not {neighbors}.")
    near = nearest_neighbors(rows, neighbors - 1, seed=seed)
    model = _umap_class()(
        n_components=dims,
        n_neighbors=neighbors,
        min_dist=min_distance,
        init=_start(rows, dims, seed),
        random_state=seed,
        n_jobs=1,
        transform_mode="embedding",
        precomputed_knn=_with_themselves(near),
    )
    for only in Work([model]):
        with unwarned(UserWarning):  # that it could not place new points from neighbors that are given
            points = only.fit_transform(rows)
    return PointMap(centered(points), {"method": "umap", "neighbors_each": neighbors, **near.evidence, "seed": seed})


def _umap_class() -> Any:
    try:
        with unwarned(ImportWarning):
            from umap import UMAP
    except ImportError as error:
        raise MissingExtra("UMAP needs umap-learn, which is not installed: pip install 'convscope[umap]'.") from error
    return UMAP


def _with_themselves(near: Neighbors) -> tuple[Any, Any]:
    """Neighbors as umap-learn has them: of each point the first is itself."""
    count = len(near.indices)
    return (
        np.column_stack([np.arange(count, dtype=np.int32), near.indices]),
        np.column_stack([np.zeros(count), near.distances]).astype(np.float32),
    )


def _start(rows: Any, dims: int, seed: int) -> Any:
    """The principal components, 10 wide as umap-learn's own starts are, with jitter."""
    start = np.zeros((len(rows), dims))
    components = principal_axes(rows, dims).project(rows)
    start[:, : components.shape[1]] = components
    start *= 10 / np.abs(start).max()
    return (start + np.random.default_rng(seed).normal(0, 1e-4, start.shape)).astype(np.float32)
