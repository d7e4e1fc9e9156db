"""The inner loops that fold what images left into what is kept of all of them, compiled by Numba.

Every sum over images is an integer, and the best entries have a total order: neither the order of the images nor how
they were shared out can change a single bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .map_kernels import compiled

LIMBS = 4  # of a sum: integers that count 2^20, 2^-20, 2^-60 and 2^-100; all but the first have 40 bits
_LIMB = 40
_HIGH, _MIDDLE, _LOW, _LAST = 2.0**20, 2.0**-20, 2.0**-60, 2.0**-100
LIMIT = 2.0**80  # a summand must be smaller


@compiled
def _accumulate(limbs, u, value):  # type: ignore[no-untyped-def]
    """Add a float64 to a sum, (LIMBS, units), highest limb first; nothing is rounded but what is below 2^-100.

    Towards zero, since taking a limb more than there is would need more digits than a float64 has.
    """
    mask = (1 << _LIMB) - 1
    high = np.trunc(value / _HIGH)
    rest = value - high * _HIGH
    middle = np.trunc(rest / _MIDDLE)
    rest -= middle * _MIDDLE
    low = np.trunc(rest / _LOW)
    last = np.int64(np.trunc((rest - low * _LOW) / _LAST)) + limbs[3, u]
    third = np.int64(low) + limbs[2, u] + (last >> _LIMB)
    second = np.int64(middle) + limbs[1, u] + (third >> _LIMB)
    limbs[3, u], limbs[2, u], limbs[1, u] = last & mask, third & mask, second & mask
    limbs[0, u] += np.int64(high) + (second >> _LIMB)


@compiled
def carry(sums):  # type: ignore[no-untyped-def]
    """Bring the limbs of sums, (n, LIMBS, units), back into their ranges after a plain addition."""
    for i in range(sums.shape[0]):
        for limb in range(LIMBS - 1, 0, -1):
            for u in range(sums.shape[2]):
                sums[i, limb - 1, u] += sums[i, limb, u] >> _LIMB
                sums[i, limb, u] &= (1 << _LIMB) - 1


def value(limbs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums, (LIMBS, units), as float64."""
    negative = limbs[0] < 0
    size = np.where(negative, -limbs, limbs)[None]  # since -2^20 + (2^20 - tiny) would lose what is tiny
    carry(size)
    high, middle, low, last = size[0]
    found: NDArray[np.float64] = high * _HIGH + (middle * _MIDDLE + (low * _LOW + last * _LAST))
    return np.where(negative, -found, found)


@compiled
def fold_classes(sums, peak, labels):  # type: ignore[no-untyped-def]
    """Add the responses of N images to the sums of their classes, two limbs each, (2, classes, units)."""
    mask = (np.int64(1) << 60) - 1
    for n in range(len(labels)):
        k = labels[n]
        if k >= 0:
            for u in range(peak.shape[1]):
                response = np.float64(max(peak[n, u], np.float32(0)))
                whole = np.int64(response)
                low = sums[1, k, u] + np.int64((response - whole) * 2.0**60)
                sums[0, k, u] += whole + (low >> 60)
                sums[1, k, u] = low & mask


@compiled
def merge_classes(sums, other):  # type: ignore[no-untyped-def]
    """Add the sums of another part, (2, classes, units)."""
    mask = (np.int64(1) << 60) - 1
    for k in range(sums.shape[1]):
        for u in range(sums.shape[2]):
            low = sums[1, k, u] + other[1, k, u]
            sums[0, k, u] += other[0, k, u] + (low >> 60)
            sums[1, k, u] = low & mask


@compiled
def fold_sums(sums, values, counted):  # type: ignore[no-untyped-def]
    """Add the rows of `values` (N, units) that are `counted` (N, units) to the sums, (LIMBS, units)."""
    for n in range(values.shape[0]):
        for u in range(values.shape[1]):
            if counted[n, u]:
                _accumulate(sums, u, values[n, u])


@compiled
def fold_moments(  # type: ignore[no-untyped-def]
    sums, zeros, fired, low, high, summary_total, summary_square, summary_zeros, summary_low, peak
):
    """Fold N images into the moments of every unit; `sums` is (4, LIMBS, units).

    Its rows are the sums of all values and their squares, and of the responses to each image and their squares; a
    response is the peak, or zero where that is negative.
    """
    images, units = peak.shape
    for n in range(images):
        for u in range(units):
            p = peak[n, u]
            response = np.float64(max(p, np.float32(0)))
            _accumulate(sums[0], u, summary_total[n, u])
            _accumulate(sums[1], u, summary_square[n, u])
            if response > 0:
                _accumulate(sums[2], u, response)
                _accumulate(sums[3], u, response * response)
                fired[u] += 1
            zeros[u] += summary_zeros[n, u]
            low[u] = min(low[u], summary_low[n, u])
            high[u] = max(high[u], p)


@compiled
def _before(value, image, place, other_value, other_image, other_place):  # type: ignore[no-untyped-def]
    """The total order of entries: larger value, then earlier image, then earlier place."""
    if value != other_value:
        return value > other_value
    if image != other_image:
        return image < other_image
    return place < other_place


@compiled
def _push(values, images, places, count, value, image, place):  # type: ignore[no-untyped-def]
    """Keep an entry if it is among the best; the worst of those kept is at the root. Returns how many there are."""
    room = len(values)
    if count == room:
        if not _before(value, image, place, values[0], images[0], places[0]):
            return count
        i = 0
        while True:  # let it sink from the root
            child = 2 * i + 1
            if child >= room:
                break
            other = child + 1
            if other < room and _before(
                values[child], images[child], places[child], values[other], images[other], places[other]
            ):
                child = other
            if not _before(value, image, place, values[child], images[child], places[child]):
                break
            values[i], images[i], places[i] = values[child], images[child], places[child]
            i = child
    else:
        i = count
        count += 1
        while i > 0:  # let it rise from the end
            parent = (i - 1) // 2
            if not _before(values[parent], images[parent], places[parent], value, image, place):
                break
            values[i], images[i], places[i] = values[parent], images[parent], places[parent]
            i = parent
    values[i], images[i], places[i] = value, image, place
    return count


@compiled
def fold_top(values, images, places, counts, new_values, new_images, new_places):  # type: ignore[no-untyped-def]
    """Offer entries (N, units), each of image `new_images` (N,), to the best of every unit, (units, k).

    What is not above zero did not fire, and is no entry.
    """
    for u in range(len(counts)):
        for n in range(len(new_images)):
            if new_values[n, u] > 0:
                counts[u] = _push(
                    values[u], images[u], places[u], counts[u], new_values[n, u], new_images[n], new_places[n, u]
                )


@compiled
def merge_top(  # type: ignore[no-untyped-def]
    values, images, places, counts, other_values, other_images, other_places, other_counts
):
    """Offer the best entries of another part, (units, k), to these."""
    for u in range(len(counts)):
        for j in range(other_counts[u]):
            counts[u] = _push(
                values[u],
                images[u],
                places[u],
                counts[u],
                other_values[u, j],
                other_images[u, j],
                other_places[u, j],
            )


@compiled
def offer_several(maps, image, first, channels, most, values, images, places, counts):  # type: ignore[no-untyped-def]
    """Offer the `most` highest positions of one map, (positions, channels), of each channel."""
    best, where = np.empty(most, np.float32), np.empty(most, np.int32)
    for c in range(channels):
        held = 0
        for p in range(maps.shape[0]):
            v = maps[p, c]
            if v > 0 and (held < most or v > best[held - 1]):
                j = held if held < most else most - 1
                held = min(held + 1, most)
                while j > 0 and best[j - 1] < v:
                    best[j], where[j] = best[j - 1], where[j - 1]
                    j -= 1
                best[j], where[j] = v, p
        u = first + c
        for j in range(held):
            counts[u] = _push(values[u], images[u], places[u], counts[u], best[j], image, where[j])
