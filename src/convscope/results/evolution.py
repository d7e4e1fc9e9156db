"""What evolves over a training, beside what chance does: maps of the same images, and the filters of a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.pixels import Floats
from ..contract.result import ENDINGS, Result


@dataclass(frozen=True, eq=False, kw_only=True)
class Evolution(Result):
    """The maps of the same n images in t networks, first to last: `values` (t, n, dims), one scale for all.

    `names` are those of the networks. `displacement` (t - 1, n) is how far each image moves to the next map, in radii
    of that map, once turning, mirroring, scaling and shifting are taken off; `replaced` (t - 1, n) the share of its 10
    nearest images in the codes that are others then. `control` says how far that can be trusted: `null_motion`, the
    median displacement where nothing changed but the rounding of float16, `neighbour_change` (t - 1), the mean of
    `replaced`, `rank_correlation` (t - 1), Spearman's of the two over the images, and `procrustes` (t - 1), the share
    of the motion that was taken off. `hits` (t,) is the share of an image's 10 neighbors on a map that have its class,
    and `code_hits` (t,) the same in the codes, without any map; NaN without classes. A map that is held by the next can
    show classes further apart than its codes do.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...]
    labels: tuple[str | None, ...]
    displacement: Floats
    replaced: Floats
    hits: NDArray[np.float64]
    code_hits: NDArray[np.float64]
    control: Mapping[str, Any]

    @property
    def maps(self) -> tuple[Floats, ...]:
        """The map of each network, (n, dims)."""
        return tuple(self.values)

    @property
    def learned(self) -> NDArray[np.bool_]:
        """Which images move further than twice the null motion, (t - 1, n); all where there is none."""
        least = self.control["null_motion"]
        return np.ones(self.displacement.shape, bool) if least is None else self.displacement > 2 * least

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the names of networks and images, and the control."""
        told = {"names": list(self.names), "control": dict(self.control), "hits": self.hits.tolist()}
        told["code_hits"] = self.code_hits.tolist()
        return {**super().summary(), **told, "ids": list(self.ids), "classes": list(self.labels)}

    @classmethod
    def endings(cls, asked: Mapping[str, Any]) -> tuple[str, ...]:
        """Also `.mp4`, a film of the maps, one moving into the next, and `.html`, a page to look about in."""
        return (*ENDINGS, ".mp4", ".html")


@dataclass(frozen=True, eq=False, kw_only=True)
class FilterEvolution(Result):
    """The filters of one layer at t steps of its training: `values` (t, filters, channels, height, width).

    `steps` (t,) are those steps: filters are as each began. `roughness` (t, filters) is the total variation of each
    filter over what it would be on average if the weights of its kernels were shuffled: 1 is noise, below 1 is smooth.
    `null` (t, 2) is between what the median over the filters lies in 90 of 100 such shufflings.
    """

    steps: NDArray[np.int64]
    roughness: Floats
    null: Floats

    @property
    def medians(self) -> Floats:
        """The median roughness over the filters at each step, (t,)."""
        known = [row[np.isfinite(row)] for row in self.roughness]
        return np.array([np.median(row) if len(row) else np.nan for row in known], np.float32)

    @property
    def smooth_since(self) -> int | None:
        """The first step from which on the filters were smoother than chance to the end; None where they are not."""
        below = self.medians < self.null[:, 0]
        rough = np.flatnonzero(~below)
        first = int(rough[-1]) + 1 if len(rough) else 0
        return int(self.steps[first]) if first < len(self.steps) else None

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values, with the curve: steps, roughness and its null."""
        curve = {"roughness": self.medians.tolist(), "null": self.null.tolist(), "smooth_since": self.smooth_since}
        return {**super().summary(), "steps": self.steps.tolist(), **curve}

    @classmethod
    def endings(cls, asked: Mapping[str, Any]) -> tuple[str, ...]:
        """Also `.mp4`, `.gif` and `.webp`, films of the filters over the steps with the curve below them."""
        return (*ENDINGS, ".mp4", ".gif", ".webp")
