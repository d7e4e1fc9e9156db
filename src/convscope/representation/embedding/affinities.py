"""What t-SNE keeps of the codes: affinities of neighbors at a perplexity, and how far a map is from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from .neighbors import Neighbors
from .points import chosen_rows, row_blocks

PERPLEXITY = 30.0
_MULTISCALE_UP_TO = 10_000
_EXACT_UP_TO = 20_000  # points whose similarities in the map are all summed
_PROBES = 2_000


@dataclass(frozen=True, eq=False)
class Affinities:
    """Joint probabilities of pairs, a sparse matrix (n, n) that sums to 1, and what there is to say about it."""

    joint: Any  # scipy.sparse.csr_matrix
    evidence: dict[str, Any] = field(default_factory=dict)


def perplexities_for(count: int, asked: float | Sequence[float] | None = None) -> tuple[list[float], dict[str, Any]]:
    """The perplexities for n points, and what is said about them.

    By default, as Kobak and Berens 2019 recommend, 30, joined by n / 100 where that is more, up to 10,000 points
    (above, so many neighbors would take gigabytes). Fewer than 3 · 30 points lower it to (n - 1) / 3. Raises BadKnob
    for fewer than 4 points, and where a perplexity that was asked for is below 1 or takes more neighbors than exist.
    """
    if count < 4:
        raise BadKnob(f"A t-SNE map needs at least 4 points, not {count}. Give more images, or use the method 'pca'.")
    if asked is not None:
        return _checked(sorted(float(p) for p in np.atleast_1d(asked)), count), {}
    most = (count - 1) / 3
    if most < PERPLEXITY:
        return [most], {"perplexity_lowered": f"from {PERPLEXITY:g} to {most:.4g}, as there are only {count} points"}
    wide = count / 100
    return [PERPLEXITY, *([wide] if wide > PERPLEXITY and count <= _MULTISCALE_UP_TO else [])], {}


def _checked(asked: list[float], count: int) -> list[float]:
    for perplexity in asked:
        if not 1 <= perplexity <= (count - 1) / 3:
            raise BadKnob(
                f"The perplexity must be from 1 to {(count - 1) / 3:.4g} for {count} points, as it takes three times "
                f"as many neighbors, not {perplexity:g}. Lower it, or give more images."
            )
    if not asked:
        raise BadKnob("The perplexity must be a number or several, not none.")
    return asked


def neighbors_needed(perplexities: Sequence[float], count: int) -> int:
    """How many neighbors of each point have an affinity: three times the largest perplexity."""
    return min(count - 1, int(3 * max(perplexities) + 1e-9))


def gaussian_affinities(neighbors: Neighbors, perplexities: Sequence[float], jobs: int = 1) -> Affinities:
    """Affinities by Gaussians whose widths give every point the perplexities (van der Maaten and Hinton 2008).

    Several perplexities make a mixture of Gaussians. The evidence counts the points for which no width gives the
    perplexity, as where many neighbors are equally near: their affinities are as even as their distances.
    """
    conditional = conditional_affinities(neighbors, perplexities, jobs)
    joint = ((conditional + conditional.T) / (2 * conditional.shape[0])).tocsr()
    joint.sort_indices()
    missed = _missed(conditional, perplexities)
    unreached = f"of {missed} of {conditional.shape[0]} points, whose nearest neighbors are too equally near"
    return Affinities(joint, {"perplexity_unreachable": unreached} if missed else {})


def conditional_affinities(
    neighbors: Neighbors, perplexities: Sequence[float], jobs: int = 1, among: int | None = None
) -> Any:
    """A sparse matrix whose row i holds the probabilities that point i picks each of its neighbors.

    By openTSNE's search for the widths. `among` is how many points there are to pick from, else as many as rows.
    """
    from openTSNE.affinity import joint_probabilities_nn

    alone = {"symmetrize": False, "normalization": "point-wise", "n_reference_samples": among, "n_jobs": jobs}
    found = joint_probabilities_nn(neighbors.indices, neighbors.distances, list(perplexities), **alone).tocsr()
    found.eliminate_zeros()
    return found


def _missed(conditional: Any, perplexities: Sequence[float]) -> int:
    """The number of rows whose perplexity is not among those asked for."""
    entropies = -conditional.data * np.log(conditional.data)
    reached = np.exp(np.add.reduceat(entropies, conditional.indptr[:-1]))
    low, high = min(perplexities) * 0.99, max(perplexities) * 1.01
    return int(((reached < low) | (reached > high)).sum())


def kl_divergence(joint: Any, coordinates: NDArray[Any], seed: int = 0) -> float:
    """The Kullback–Leibler divergence of a map (n, dims) from affinities, in nats (van der Maaten and Hinton 2008).

    Computed from its definition, every pair of points, up to 20,000 of them; above, the sum over all pairs is estimated
    from 2,000 points. Compare it only between maps of equally many points at one perplexity.
    """
    rows, pairs = np.asarray(coordinates, np.float64), joint.tocoo()
    apart = np.square(rows[pairs.row] - rows[pairs.col]).sum(axis=1)
    return float((pairs.data * np.log(pairs.data * (1 + apart) * _sum(rows, seed))).sum())


def _sum(rows: NDArray[np.float64], seed: int) -> float:
    """The sum of 1 / (1 + squared distance) over all pairs of different points."""
    probes = chosen_rows(len(rows), len(rows) if len(rows) <= _EXACT_UP_TO else _PROBES, seed)
    total = -float(len(probes))
    for block in row_blocks(len(probes), len(rows)):
        near = np.ones((len(probes[block]), len(rows)))
        for axis in rows.T:
            near += np.square(axis[probes[block], None] - axis)
        total += float(np.reciprocal(near, out=near).sum())
    return total * len(rows) / len(probes)
