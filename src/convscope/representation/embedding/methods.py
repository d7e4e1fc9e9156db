"""The methods that make a map of codes, by name, and what is done to the codes before any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .points import Metric, finite_rows, in_metric
from .principal import MOST, principal_axes
from .tsne import PointMap, centered, tsne
from .umap import umap


def pca(codes: ArrayLike, *, dims: Literal[2, 3] = 2, seed: int = 0, names: Sequence[str] | None = None) -> PointMap:
    """A map of codes (n, d) by their first principal components (Pearson 1901); nothing in it depends on the seed.

    Where the codes have fewer directions than the map, its last coordinates are 0 and the evidence says so.
    """
    rows = finite_rows(codes, names=names, least=2)
    axes = principal_axes(rows, dims)
    points = np.zeros((len(rows), dims))
    points[:, : len(axes.axes)] = (rows - axes.mean) @ axes.axes.T
    flat = {"flat": f"the codes have {len(axes.axes)} of the map's {dims} directions"} if len(axes.axes) < dims else {}
    return PointMap(centered(points), {"method": "pca", "explained": axes.explained.tolist(), **flat})


METHODS: dict[str, Callable[..., PointMap]] = {"tsne": tsne, "umap": umap, "pca": pca}


def map_codes(
    codes: ArrayLike,
    method: Literal["tsne", "umap", "pca"] = "tsne",
    *,
    metric: Metric = "l2",
    seed: int = 0,
    names: Sequence[str] | None = None,
    **knobs: Any,
) -> PointMap:
    """A map of codes (n, d) of any width: of their first 50 principal components, for the cosine at unit length first.

    `knobs` are those of the method. The evidence says the metric, how many components were used, and the share of the
    variance that they hold.
    """
    rows = in_metric(finite_rows(codes, names=names), metric, names)
    axes = principal_axes(rows, MOST, names)
    made = METHODS[method](axes.project(rows), seed=seed, names=names, **knobs)
    about = {"metric": metric, "components": len(axes.axes), "components_explained": float(axes.explained.sum())}
    return replace(made, evidence={**made.evidence, **about})
