"""The Hilbert–Schmidt independence criterion of linear kernels, biased and unbiased, by the shorter of two ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...base.errors import BadKnob
from ..centered import Centered, constant_units
from .comoments import CoMoments

_STRIP = 1 << 22  # numbers of all Gram matrices that are held at once
_NOTHING = 1e-12  # of the squared trace: a criterion of a layer with itself that is smaller is zero, and rounding


@dataclass(frozen=True, eq=False)
class Hsic:
    """Of every layer of two networks: `cross` (a, b) with each other, `self_a` (a,) and `self_b` (b,) with itself.

    A layer's own is exactly 0 where its codes are all the same, or where only rounding is left of it.
    """

    cross: NDArray[np.float64]
    self_a: NDArray[np.float64]
    self_b: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerMoments:
    """Co-moments of every layer of a with every layer of b, in rows of `cross`, and of each layer with itself."""

    cross: tuple[tuple[CoMoments, ...], ...]
    self_a: tuple[CoMoments, ...]
    self_b: tuple[CoMoments, ...]

    @classmethod
    def of(cls, a: Sequence[Centered], b: Sequence[Centered]) -> LayerMoments:
        """Those of one block of images."""
        cross = tuple(tuple(CoMoments.of(x, y) for y in b) for x in a)
        return cls(cross, tuple(CoMoments.of(x, x) for x in a), tuple(CoMoments.of(y, y) for y in b))

    def __add__(self, other: LayerMoments) -> LayerMoments:
        return LayerMoments(
            tuple(_added(row, more) for row, more in zip(self.cross, other.cross, strict=True)),
            _added(self.self_a, other.self_a),
            _added(self.self_b, other.self_b),
        )

    def hsic(self, *, biased: bool) -> Hsic:
        """From feature space, for any number of images; raises BadKnob for less than four, biased two."""
        rows = self.self_a[0].rows
        enough_images(rows, biased)
        own = (np.array([moments_hsic(layer, biased=biased) for layer in side]) for side in (self.self_a, self.self_b))
        a, b = (
            _significant(values, rows, [layer.squares_x for layer in side], [layer.mean_x for layer in side])
            for values, side in zip(own, (self.self_a, self.self_b), strict=True)
        )
        return Hsic(np.array([[moments_hsic(pair, biased=biased) for pair in row] for row in self.cross]), a, b)


def hsic(a: Sequence[Centered], b: Sequence[Centered], *, biased: bool = False) -> Hsic:
    """Of every layer of a with every layer of b, the way that takes less memory and work.

    Gretton, Bousquet, Smola and Schölkopf 2005; unbiased after Song, Smola, Gretton, Bedo and Borgwardt 2012. Raises
    BadKnob for less than four images, biased two.
    """
    if len(a[0]) > fewest_moments([x.width for x in a], [y.width for y in b]):
        return LayerMoments.of(a, b).hsic(biased=biased)
    return gram_hsic(a, b, biased=biased)


def fewest_moments(widths_a: Sequence[int], widths_b: Sequence[int]) -> float:
    """The number of images from which on co-moments are smaller than codes, and less work than Gram matrices."""
    a, b = sum(widths_a), sum(widths_b)
    return (a * b + sum(d * d for d in (*widths_a, *widths_b))) / (a + b)


def moments_hsic(moments: CoMoments, *, biased: bool) -> float:
    """From feature space: ‖XᵀY‖² over (n - 1)², or without the diagonals of the Gram matrices over n(n - 3).

    Since the codes are centered, Song's sums of rows are those of ‖x‖² and ‖y‖² alone.
    """
    n, whole = moments.rows, float(np.vdot(moments.products, moments.products))
    if biased:
        return whole / (n - 1) ** 2
    traces = float(moments.squares_x.sum() * moments.squares_y.sum())
    return (whole - moments.norms * n / (n - 2) + traces / ((n - 1) * (n - 2))) / (n * (n - 3))


def gram_hsic(a: Sequence[Centered], b: Sequence[Centered], *, biased: bool) -> Hsic:
    """From the Gram matrices, strip by strip: ⟨K, L⟩ over (n - 1)², or ⟨U(K), U(L)⟩ over n(n - 3).

    U(K) has a diagonal of zeros, and rows and columns that sum up to zero (Székely and Rizzo 2014): a layer's own is
    never negative. Raises BadKnob for less than four images, biased two.
    """
    n, cross, own_a, own_b = len(a[0]), np.zeros((len(a), len(b))), np.zeros(len(a)), np.zeros(len(b))
    enough_images(n, biased)
    height = max(1, _STRIP // (n * (len(a) + len(b))))
    for top in range(0, n, height):
        rows = slice(top, min(n, top + height))
        first, second = (np.stack([_halved(codes, rows, biased) for codes in side]) for side in (a, b))
        cross += first @ second.T
        own_a += np.einsum("li,li->l", first, first)
        own_b += np.einsum("li,li->l", second, second)
    scale = 1 / ((n - 1) ** 2 if biased else n * (n - 3))
    own_a, own_b = (
        _significant(own * scale, n, [codes.squares for codes in side], [codes.mean for codes in side])
        for own, side in ((own_a, a), (own_b, b))
    )
    return Hsic(cross * scale, own_a, own_b)


def centered_gram(codes: Centered, rows: slice, *, biased: bool) -> NDArray[np.float64]:
    """Rows of the centered Gram matrix K, or unbiased of U(K), from the diagonal on: (rows, n - rows.start)."""
    n, norms = len(codes), codes.norms
    gram = codes.values[rows] @ codes.values[rows.start :].T
    if not biased:  # without its diagonal, K has rows that sum up to -norms
        gram += (norms[rows, None] + norms[rows.start :]) / (n - 2) - norms.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(gram, 0)
    return gram


def enough_images(rows: int, biased: bool) -> None:
    """Raises BadKnob where there are too few images for the criterion."""
    least = 2 if biased else 4
    if rows < least:
        raise BadKnob(
            f"{'Biased' if biased else 'Unbiased'} HSIC must have at least {least} images, not {rows}. Add some."
        )


def _halved(codes: Centered, rows: slice, biased: bool) -> NDArray[np.float64]:
    """A strip as a vector whose products count twice what has an equal below the diagonal, outside of the strip."""
    gram = centered_gram(codes, rows, biased=biased)
    gram[:, len(gram) :] *= np.sqrt(2)
    return gram.ravel()


def _significant(
    own: NDArray[np.float64], rows: int, squares: Sequence[NDArray[np.float64]], means: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The criteria of layers with themselves (l,), 0 where only rounding can be left of them."""
    constant = [constant_units(part, rows, mean).all() for part, mean in zip(squares, means, strict=True)]
    trace = np.array([part.sum() for part in squares])
    return np.where(constant | (own * rows**2 <= _NOTHING * trace**2), 0, own)


def _added(first: Sequence[CoMoments], second: Sequence[CoMoments]) -> tuple[CoMoments, ...]:
    return tuple(x + y for x, y in zip(first, second, strict=True))
