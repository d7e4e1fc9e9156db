"""Maps of points that are known by their dissimilarities alone: multidimensional scaling, and t-SNE."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...base.errors import BadKnob
from ...base.progress import Work
from .affinities import neighbors_needed, perplexities_for
from .neighbors import Neighbors
from .tsne import EARLY, PointMap, centered, descended, phases

_PIECES, _UPDATES = 30, 10  # how often progress is told, and updates between
_LEAST = 1e-6  # of the stress: where a piece lowers it by less, the map is done


def mds(dissimilarities: ArrayLike, *, dims: Literal[2, 3] = 2) -> PointMap:
    """A map of n points by metric multidimensional scaling of their dissimilarities (n, n), by scikit-learn's SMACOF.

    de Leeuw 1977. It starts at classical scaling, so that nothing is drawn at random. Cancelled, it is the map so far.
    The evidence has Kruskal's stress-1, 0 where every distance is as it should be, and the updates. Raises BadKnob for
    what is no matrix of dissimilarities, fewer than 4 points, and where all are 0.
    """
    from sklearn.manifold import smacof

    apart = checked_dissimilarities(dissimilarities)
    points, last, done, ended = classical_scaling(apart, dims), np.inf, 0, {}
    work = Work(range(_PIECES))
    for _ in work:
        points, stress = smacof(
            apart, init=points, n_init=1, n_components=dims, max_iter=_UPDATES, normalized_stress=False
        )
        done += _UPDATES
        if last - stress <= _LEAST * stress:
            break
        last = stress
    else:
        ended = work.evidence
    kruskal = float(np.sqrt(2 * stress / np.square(apart).sum()))
    return PointMap(centered(points), {"method": "mds", "stress": kruskal, "updates": done, **ended})


def tsne_of_dissimilarities(
    dissimilarities: ArrayLike, *, dims: Literal[2, 3] = 2, iterations: int = 500, seed: int = 0
) -> PointMap:
    """A map of n points by t-SNE of their dissimilarities (n, n): it keeps which are near, not how far others are.

    van der Maaten and Hinton 2008, whose Gaussians are of dissimilarities here. It starts at classical scaling, with a
    jitter by the seed. Raises BadKnob as `mds` does.
    """
    apart = checked_dissimilarities(dissimilarities)
    count = len(apart)
    perplexities, lowered = perplexities_for(count)
    others = apart + np.diag(np.full(count, np.inf))
    nearest = np.argsort(others, axis=1, kind="stable")[:, : neighbors_needed(perplexities, count)]
    distances = np.take_along_axis(apart, nearest, 1)
    neighbors = Neighbors(nearest.astype(np.int32), distances, {"neighbors": "exact"})
    start = classical_scaling(apart, dims)
    start = start * (1e-4 / start[:, 0].std()) + np.random.default_rng(seed).normal(0, 1e-6, start.shape)
    made = descended(neighbors, start, perplexities, phases(count, EARLY, iterations), seed=seed)
    return PointMap(made.coordinates, {**made.evidence, **lowered})


def classical_scaling(dissimilarities: NDArray[np.float64], dims: int) -> NDArray[np.float64]:
    """Points (n, dims) whose inner products are those of doubly centered squares (Torgerson 1952).

    The sign of an axis is that which makes its largest coordinate positive; of fewer directions the rest is 0.
    """
    from scipy.linalg import eigh

    squares = np.square(dissimilarities)
    inner = -(squares - squares.mean(0) - squares.mean(1)[:, None] + squares.mean()) / 2
    count = len(inner)
    values, vectors = eigh(inner, subset_by_index=(count - dims, count - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    largest = vectors[np.abs(vectors).argmax(0), np.arange(dims)]
    return np.asarray(vectors * np.where(largest < 0, -1, 1) * np.sqrt(values.clip(min=0)))


def checked_dissimilarities(given: ArrayLike) -> NDArray[np.float64]:
    """A matrix (n, n), symmetric, finite, nowhere negative and 0 on its diagonal, of at least 4 points."""
    found = np.asarray(given, np.float64)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or len(found) < 4:
        raise BadKnob(f"Dissimilarities must be a matrix (n, n) of at least 4 points, not of shape {found.shape}.")
    if not (found >= 0).all() or not np.isfinite(found).all() or found.diagonal().any() or (found != found.T).any():
        raise BadKnob("Dissimilarities must be finite, symmetric, never negative, and 0 of a point and itself.")
    if not found.any():
        raise BadKnob("Dissimilarities must differ from 0 somewhere: all points are the same.")
    return found
