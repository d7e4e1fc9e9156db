"""Maps of one collection of images in several networks, or over the training of one, beside what moves by chance."""

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
