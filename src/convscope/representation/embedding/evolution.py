"""Maps of the same images over training, one continued from the next, beside how far they move when nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...base.errors import BadKnob
from ...base.progress import Work
from .affinities import gaussian_affinities, neighbors_needed, perplexities_for
from .motion import NEAREST, Align, Motion, motion_between
from .neighbors import nearest_neighbors
from .points import finite_rows
from .principal import PrincipalAxes, Scatter
from .tsne import EARLY, Descent, phases, principal_start

_LOOSENED = 2.0  # exaggeration of the attraction in the first half of what continues a map


@dataclass(frozen=True, eq=False)
class EvolvedMaps:
    """A map of the same points for each snapshot, first to last, and what moved from each to the next.

    `null` is the motion where nothing changed but rounding: less than that means nothing. A run that was cancelled has
    the maps that were made, of the last snapshots, and no null motion.
    """

    coordinates: NDArray[np.float32]  # (snapshots, n, dims)
    motions: tuple[Motion, ...]  # of each snapshot but the last, to the next
    null: Motion | None
    evidence: dict[str, Any] = field(default_factory=dict)


def evolve(
    snapshots: Sequence[ArrayLike],
    *,
    dims: Literal[2, 3] = 2,
    pull: float = 0.003,
    iterations: int = 500,
    continued: int = 500,
    seed: int = 0,
    jobs: int = 1,
    names: Sequence[str] | None = None,
    align: Align | None = None,
) -> EvolvedMaps:
    """t-SNE maps of codes (n, d) of the same n images at several times of training, that can be compared.

    As Rauber, Falcão and Telea 2016, "Visualizing time-dependent data using dynamic t-SNE": `pull` is the weight λ of
    λ / 2n · Σ |Y_t - Y_{t+1}|² beside the divergence, so that points move only for a reason. All snapshots, each
    brought to the same variance, share the principal components of all: else those of an untrained network, whose
    variance is small, would be lost. The last is embedded as by `tsne`; each earlier one continues from the map of the
    next, as it is, for `continued` updates, the first half of them with attraction exaggerated twice, without which
    points stay where they are. The null motion continues the last map in the same
    way, with codes of the last snapshot off by the rounding of float16, drawn by the seed. `align` is that of
    `motion_between`. Raises BadKnob for fewer than 2 snapshots, or of different images, and as `tsne` does.
    """
    if pull < 0 or continued < 1:
        raise BadKnob(f"pull must be at least 0 and continued at least 1, not {pull:g} and {continued}.")
    rows = [_of_one_variance(codes, names) for codes in snapshots]
    axes, count, total = shared_axes(rows, names), len(rows[0]), len(rows)
    backwards = _Backwards(axes, count, dims=dims, pull=pull, seed=seed, jobs=jobs, names=names)
    first, late = phases(count, EARLY, iterations), phases(count, 0, continued)
    later = [_LOOSENED * by for by in late[: continued // 2]] + late[continued // 2 :]
    updates = [(0, by) for by in first] + [(number, by) for number in range(1, total + 1) for by in later]
    work = Work(updates, lambda: backwards.maps[-1].astype(np.float32))
    for number, exaggeration in work:
        if number == total == len(backwards.maps):
            backwards.begin(_off_by_rounding(rows[-1], seed), after=0)
        elif number == len(backwards.maps):
            backwards.begin(rows[-1 - number], after=number - 1)
        backwards.update(exaggeration)
    made = min(total, len(backwards.maps))
    motions = [backwards.motion(number, number - 1, align) for number in range(made - 1, 0, -1)]
    null = backwards.motion(total, 0, align) if len(backwards.maps) > total else None
    coordinates = np.stack(backwards.maps[made - 1 :: -1]).astype(np.float32)
    about = {"pull": pull, "updates": len(first), "updates_continued": len(later), "seed": seed}
    return EvolvedMaps(coordinates, tuple(motions), null, {**backwards.evidence, **about, **work.evidence})


class _Backwards:
    """The maps made so far, the last snapshot's first, and the next update of the newest."""

    update: Callable[[float], None]

    def __init__(
        self,
        axes: PrincipalAxes,
        count: int,
        *,
        dims: int,
        pull: float,
        seed: int,
        jobs: int,
        names: Sequence[str] | None,
    ) -> None:
        self.axes, self.dims, self.pull, self.seed, self.jobs, self.names = axes, dims, pull, seed, jobs, names
        self.perplexities, lowered = perplexities_for(count)
        self.maps, self.near = list[NDArray[np.float64]](), list[NDArray[np.int32]]()
        rescaled = "the start of the last snapshot's map, to 1e-4; no other"
        self.evidence = {"method": "t-sne", "perplexity": self.perplexities, **lowered, "rescaled": rescaled}
        self.evidence |= {"components": len(axes.axes), "components_explained": float(axes.explained.sum())}

    def begin(self, codes: ArrayLike, after: int) -> None:
        """Makes ready another map, continued from the one of a number where there is one."""
        rows = self.axes.project(codes, self.names).astype(np.float64)
        neighbors = nearest_neighbors(rows, neighbors_needed(self.perplexities, len(rows)), seed=self.seed)
        affinities = gaussian_affinities(neighbors, self.perplexities, self.jobs)
        self.near.append(neighbors.indices[:, :NEAREST])
        if not self.maps:
            descent = Descent(affinities, principal_start(rows, self.dims, self.seed), jobs=self.jobs)
        else:
            start, weight = self.maps[after], self.pull / (4 * len(rows))  # of openTSNE's quarter of the gradient
            descent = Descent(affinities, start, jobs=self.jobs, force=lambda points: weight * (points - start))
        self.maps.append(descent.points)
        self.update = descent.update

    def motion(self, number: int, to: int, align: Align | None) -> Motion:
        """From one of the maps to another."""
        one, other = self.maps[number], self.maps[to]
        return motion_between(one, other, self.near[number], self.near[to], align)


def _of_one_variance(codes: ArrayLike, names: Sequence[str] | None) -> NDArray[np.float64]:
    """Codes about their mean, such that their squared distance from it is 1 on average; equal ones are all 0."""
    rows = finite_rows(codes, names=names)
    rows = rows - rows.mean(axis=0)
    size = np.sqrt(np.square(rows).sum(axis=1).mean())
    return np.asarray(rows / size if size > 0 else rows)


def _off_by_rounding(codes: ArrayLike, seed: int) -> NDArray[np.float64]:
    """Codes, each off by at most as much as float16 would round it."""
    exact = np.asarray(codes, np.float64)
    return exact * (1 + np.random.default_rng(seed).uniform(-(2.0**-11), 2.0**-11, exact.shape))


def shared_axes(snapshots: Sequence[ArrayLike], names: Sequence[str] | None = None) -> PrincipalAxes:
    """The principal axes of all snapshots together; raises BadKnob unless they are at least 2 and of one shape."""
    if len(snapshots) < 2:
        raise BadKnob(
            f"An evolution needs at least 2 snapshots, not {len(snapshots)}. Keep more, or make a single map."
        )
    scatter, shape = Scatter(), np.shape(snapshots[0])
    for number, codes in enumerate(snapshots):
        if np.shape(codes) != shape:
            raise BadKnob(
                f"All snapshots must be codes of the same images, {shape}, but snapshot {number} is {np.shape(codes)}."
            )
        scatter.add(codes, names)
    return scatter.axes()
