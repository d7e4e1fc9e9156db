"""The area under the ROC curve of every unit: how surely it says more of one kind of image than of another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ..centered import checked_codes

_BLOCK = 1 << 22  # numbers that are sorted at once
_CONFIDENT = 1.959964  # standard errors, of 95 %
_NEAR = 1e-12  # of an area, at which it is no end of its own interval


def auroc(codes: NDArray[Any], selected: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each unit of codes (n, d), the probability that a selected image has the larger value, ties by half: (d,).

    Hanley and McNeil 1982. It is .5 for a unit that says nothing, 1 where every selected image is above all others,
    and 0 where below. Raises BadKnob for NaN, and a selection (n,) that is empty or everything.
    """
    codes, selected = checked_codes(codes), checked_selection(selected, len(codes))
    step = max(1, _BLOCK // len(codes))
    blocks = [codes[:, start : start + step] for start in range(0, codes.shape[1], step)]
    return np.concatenate([_block(np.ascontiguousarray(block.T), selected) for block in blocks])


def aurocs_by_class(codes: NDArray[Any], classes: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Of each of `count` classes and each unit of codes (n, d) the area of that class against all others, (count, d).

    `classes` (n,) are numbers from 0, -1 for an image without one, which counts among the others. Every unit is sorted
    once, whatever the number of classes. NaN for a class of no image, and of all. Raises BadKnob for NaN.
    """
    from scipy.stats import rankdata

    codes = checked_codes(codes)
    member = (classes[:, None] == np.arange(count)).astype(np.float64)
    inside = member.sum(0)
    found = np.empty((count, codes.shape[1]))
    step = max(1, _BLOCK // len(codes))
    for start in range(0, codes.shape[1], step):
        found[:, start : start + step] = member.T @ rankdata(codes[:, start : start + step], axis=0)
    pairs = inside * (len(codes) - inside)
    above = found - (inside * (inside + 1) / 2)[:, None]
    return np.asarray(above / np.where(pairs > 0, pairs, np.nan)[:, None])


def auroc_interval(area: float, selected: int, others: int) -> tuple[float, float]:
    """The 95 % interval of an `area` that was found on so many selected images and others.

    The areas that are less than 1.96 of their own standard errors (Hanley and McNeil 1982) away, as Wilson's interval
    of a share is: so it has a width where the area that was found is 0 or 1.
    """
    from scipy.optimize import brentq

    def beyond(true: float) -> float:
        squared = true * (1 - true) + (selected - 1) * true * (1 - true) ** 2 / (2 - true)
        squared += (others - 1) * true**2 * (1 - true) / (1 + true)
        return (true - area) ** 2 - _CONFIDENT**2 * squared / (selected * others)

    low = brentq(beyond, 0, area - _NEAR) if area > 0 else 0.0
    high = brentq(beyond, area + _NEAR, 1) if area < 1 else 1.0
    return float(low), float(high)


def mann_whitney(values: NDArray[Any], selected: NDArray[np.bool_]) -> float:
    """The probability that independent values (n,) are as much larger on the selected images, as they are, by chance.

    Mann and Whitney 1947: exact for eight images of a kind at most without ties, else normal, corrected for ties and
    continuity.
    """
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(values[selected], values[~selected], alternative="greater").pvalue)


def checked_selection(selected: NDArray[np.bool_], rows: int) -> NDArray[np.bool_]:
    """Which of `rows` images are selected, as it is; raises BadKnob for another shape, none and all."""
    found = np.asarray(selected)
    if found.dtype != bool or found.shape != (rows,):
        raise BadKnob(
            f"selected must be true or false for each of {rows} images, not {found.dtype} of shape {found.shape}."
        )
    if found.all() or not found.any():
        raise BadKnob(f"A selection must be some of the {rows} images, not {'all' if found.all() else 'none'} of them.")
    return found


def _block(units: NDArray[Any], selected: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of units (d, n), from the places that the fewer images take among all: mid-ranks give ties their half."""
    few = selected if 2 * selected.sum() <= len(selected) else ~selected
    count, rest = int(few.sum()), int((~few).sum())
    places = [_places(np.sort(unit), np.sort(unit[few])) for unit in units]
    above = (np.array(places) / 2 - count**2 / 2) / (count * rest)
    return above if few is selected else 1 - above


def _places(values: NDArray[Any], few: NDArray[Any]) -> int:
    return int(np.searchsorted(values, few, "left").sum() + np.searchsorted(values, few, "right").sum())
