"""The alignment of all layers of two networks from blocks of codes, in memory that does not grow with the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ..centered import Centered, checked_codes
from .cka import CKA
from .hsic import LayerMoments, fewest_moments, gram_hsic

Layers: TypeAlias = Sequence[NDArray[Any]]
Widths: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]


class StreamedCKA:
    """Takes blocks of codes of the same images in the layers of two networks, and aligns each layer with each.

    The answer is that of the whole set, not a mean over blocks: their size and order change nothing but the last
    digits. Codes are kept while they are smaller than their co-moments, which replace them from then on. `rows` counts
    the images.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._widths: Widths | None = None
        self._kept: list[tuple[Layers, Layers]] = []
        self._moments: LayerMoments | None = None

    def add(self, a: Layers, b: Layers) -> None:
        """Take in codes (rows, d) of every layer of a and of b, which are copied: the same images in the same order.

        Raises BadKnob for unequal rows, other layers than before, and NaN.
        """
        first = [checked_codes(codes, f"a[{i}]") for i, codes in enumerate(a)]
        second = [checked_codes(codes, f"b[{i}]") for i, codes in enumerate(b)]
        widths = self._same_layers(first, second)
        self._kept.append(([codes.copy() for codes in first], [codes.copy() for codes in second]))
        self.rows += len(first[0])
        if sum(len(block[0]) for block, _ in self._kept) > fewest_moments(*widths):
            self._fold()

    def result(self, *, biased: bool = False) -> CKA:
        """The alignment over all images so far; raises BadKnob for less than four images, biased two."""
        if not self.rows:
            raise BadKnob("A comparison must have images, but no block was added. Add one.")
        if self._moments is None:
            return CKA.of(gram_hsic(*self._centered(), biased=biased), self.rows, biased)
        self._fold()
        return CKA.of(self._moments.hsic(biased=biased), self.rows, biased)

    def _same_layers(self, a: Layers, b: Layers) -> Widths:
        rows = {len(codes) for codes in (*a, *b)}
        widths = tuple(codes.shape[1] for codes in a), tuple(codes.shape[1] for codes in b)
        if not a or not b or len(rows) > 1:
            raise BadKnob(
                f"Every layer of a and b, at least one each, must have codes of the same images, not {len(a)} and "
                f"{len(b)} layers of {', '.join(map(str, sorted(rows)))} images. Take all layers in one pass."
            )
        self._widths = self._widths or widths
        if widths != self._widths:
            raise BadKnob(f"Layers must be as wide as in the first block, {self._widths}, not {widths}. Begin anew.")
        return widths

    def _centered(self) -> tuple[list[Centered], list[Centered]]:
        a, b = zip(*self._kept, strict=True)
        first, second = ([Centered.of(np.concatenate(layer)) for layer in zip(*side, strict=True)] for side in (a, b))
        return first, second

    def _fold(self) -> None:
        """Replace the codes that are kept by their co-moments."""
        if self._kept:
            found = LayerMoments.of(*self._centered())
            self._moments = found if self._moments is None else self._moments + found
            self._kept = []
