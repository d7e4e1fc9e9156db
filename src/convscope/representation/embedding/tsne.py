"""t-SNE by the recipe of Kobak and Berens 2019: from principal components, in updates that are watched or stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...base.errors import BadKnob
from ...base.progress import Work
from .affinities import Affinities, gaussian_affinities, kl_divergence, neighbors_needed, perplexities_for
from .neighbors import Neighbors, nearest_neighbors
from .points import finite_rows
from .principal import principal_axes

Repulsion: TypeAlias = Literal["auto", "barnes-hut", "fft"]
Force: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]

EARLY, EARLY_EXAGGERATION = 250, 12.0
_LATE_EXAGGERATION, _MANY = 4.0, 100_000
_BARNES_HUT_UP_TO = 10_000  # above, the interpolation by FFT measured faster


@dataclass(frozen=True, eq=False)
class PointMap:
    """Where each point lies on a map, and how it came there; the middle of its box is 0."""

    coordinates: NDArray[np.float32]  # (n, dims)
    evidence: dict[str, Any] = field(default_factory=dict)


def tsne(
    codes: ArrayLike,
    *,
    dims: Literal[2, 3] = 2,
    perplexity: float | Sequence[float] | None = None,
    early_iterations: int = EARLY,
    iterations: int = 500,
    repulsion: Repulsion = "auto",
    seed: int = 0,
    jobs: int = 1,
    names: Sequence[str] | None = None,
) -> PointMap:
    """A t-SNE map of codes (n, d), which are best at most 50 principal components (van der Maaten and Hinton 2008).

    Starts at the first principal components, scaled to 1e-4, with jitter drawn by `seed`; attraction is exaggerated 12
    times in the early updates, and from 100,000 points on 4 times after them; the learning rate is n over the
    exaggeration. The same codes and seed give the same bits with any number of `jobs`, which are threads. Every update
    is reported, with a copy of the map; cancelled after k updates it is the map of k updates. The evidence has the
    perplexities, the divergence, and how many updates were done. Raises BadKnob for fewer than 4 points, a perplexity
    that does not fit them, NaN, and equal codes.
    """
    rows = finite_rows(codes, names=names)
    perplexities, lowered = perplexities_for(len(rows), perplexity)
    start = principal_start(rows, dims, seed)
    neighbors = nearest_neighbors(rows, neighbors_needed(perplexities, len(rows)), seed=seed)
    updates = phases(len(rows), early_iterations, iterations)
    made = descended(neighbors, start, perplexities, updates, repulsion=repulsion, seed=seed, jobs=jobs)
    return PointMap(made.coordinates, {**made.evidence, **lowered})


def descended(
    neighbors: Neighbors,
    start: NDArray[np.float64],
    perplexities: Sequence[float],
    updates: Sequence[float],
    *,
    repulsion: Repulsion = "auto",
    seed: int = 0,
    jobs: int = 1,
) -> PointMap:
    """A t-SNE map from the nearest neighbors of points alone, which may be by any distance, and where they start.

    `updates` are the exaggeration of each one.
    """
    affinities = gaussian_affinities(neighbors, perplexities, jobs)
    descent = Descent(affinities, start, repulsion=repulsion, jobs=jobs)
    work = Work(updates, lambda: centered(descent.points))
    for exaggeration in work:
        descent.update(exaggeration)
    done, said = centered(descent.points), {"method": "t-sne", "perplexity": list(perplexities)}
    counted = {"repulsion": descent.repulsion, "iterations": work.done, "iterations_asked": len(work.items)}
    divergence = {"kl_divergence": kl_divergence(affinities.joint, done, seed)}
    found = {**neighbors.evidence, **affinities.evidence, **divergence}
    return PointMap(done, {**said, **found, "seed": seed, **counted, **work.evidence})


def principal_start(rows: NDArray[np.float64], dims: int, seed: int) -> NDArray[np.float64]:
    """Where t-SNE begins: the first principal components, the first with a standard deviation of 1e-4, and a jitter.

    The jitter, a hundredth of that, moves equal codes apart, and codes on a line off it.
    """
    start = np.zeros((len(rows), dims))
    components = principal_axes(rows, dims).project(rows).astype(np.float64)
    start[:, : components.shape[1]] = components * (1e-4 / components[:, 0].std())
    return start + np.random.default_rng(seed).normal(0, 1e-6, start.shape)


def phases(count: int, early: int, late: int) -> list[float]:
    """The exaggeration of each update for n points; raises BadKnob for less than one update in all."""
    if min(early, late) < 0 or early + late < 1:
        raise BadKnob(f"Iterations must be at least 1 in all and none negative, not {early} early and {late} more.")
    return [EARLY_EXAGGERATION] * early + [_LATE_EXAGGERATION if count >= _MANY else 1.0] * late


class Descent:
    """A map that goes down the gradient of t-SNE by openTSNE's updates, one at a time.

    `points` (n, dims) are float64 and change in place; `force` is added to the gradient, which openTSNE takes a quarter
    of. Raises BadKnob for a repulsion that does not know so many dimensions.
    """

    def __init__(
        self,
        affinities: Affinities,
        start: NDArray[np.float64],
        *,
        repulsion: Repulsion = "auto",
        jobs: int = 1,
        force: Force | None = None,
    ) -> None:
        from openTSNE.tsne import gradient_descent

        self.points = np.array(start, np.float64, order="C")
        self.repulsion = _repulsion(repulsion, *self.points.shape)
        self._gradient, self._jobs, self._updates = gradient_of(self.repulsion, force), jobs, gradient_descent()
        self._joint, self._exaggerated, self._exaggeration = affinities.joint, affinities.joint, 1.0

    def update(self, exaggeration: float = 1.0) -> None:
        """One more update, at a learning rate of n over the exaggeration (Belkina and others 2019)."""
        if exaggeration != self._exaggeration:
            self._exaggerated, self._exaggeration = self._joint * exaggeration, exaggeration
        rate = len(self.points) / exaggeration
        self._updates(self.points, self._exaggerated, 1, self._gradient, rate, momentum=0.8, n_jobs=self._jobs)


def gradient_of(method: str, force: Force | None = None) -> Callable[..., tuple[float, Any]]:
    """openTSNE's gradient, without the divergence that it would compute after the last update."""
    from openTSNE.tsne import kl_divergence_bh, kl_divergence_fft

    divergence = kl_divergence_fft if method == "fft" else kl_divergence_bh

    def gradient(points: NDArray[np.float64], *given: Any, should_eval_error: bool, **more: Any) -> tuple[float, Any]:
        if should_eval_error:
            return 0.0, None
        _, slope = divergence(points, *given, **more)
        return 0.0, slope if force is None else slope + force(points)

    return gradient


def _repulsion(asked: Repulsion, count: int, dims: int) -> str:
    if dims not in (2, 3):
        raise BadKnob(f"A map must have 2 or 3 dimensions, not {dims}.")
    if asked == "fft" and dims == 3:
        raise BadKnob("In 3 dimensions the repulsion must be 'barnes-hut' or 'auto', not 'fft', which knows 2 only.")
    if asked != "auto":
        return asked
    return "barnes-hut" if dims == 3 or count <= _BARNES_HUT_UP_TO else "fft"


def centered(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """A copy with the middle of its box at 0, as float32."""
    moved: NDArray[np.float32] = (points - (points.max(axis=0) + points.min(axis=0)) / 2).astype(np.float32)
    return moved
